package lease

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// part is a file of a timer, or a command that makes it known, as it is printed.
type part struct {
	File, Command, Content string
}

var partView = render.View[part]{
	Columns: []render.Column[part]{
		{Head: "FILE", Name: "File", Cell: func(p part) any { return p.File }},
		{Head: "COMMAND", Name: "Command", Cell: func(p part) any { return p.Command }},
		{Head: "CONTENT", Name: "Content", Wide: true, Cell: func(p part) any { return p.Content }},
	},
}

func newTimer(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "timer", Short: "Set up what ends temporary changes"}
	c.AddCommand(newInstall(k), newRemove(k))
	return c
}

func newInstall(k *cmdutil.App) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:         "install",
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Run lease sweep every minute",
		Long: `Installs a timer that runs "lease sweep" for the current profile every minute: a
systemd user timer on Linux, a launchd agent on macOS, a scheduled task on
Windows. It needs neither root nor a daemon of this tool. With --dry-run the
files and commands are printed only.

The timer has the variables of your environment that configure the tool, but
none that holds a secret: the sweep must be able to sign in by the token store
alone, and a warning says what it lacks. To end leases while you are signed out
of the machine, run loginctl enable-linger once.`,
		Example: "  telematicsctl lease timer install --dry-run -o json\n  telematicsctl lease timer install",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return install(c.Context(), k, dryRun) },
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the files and commands only")
	return c
}

func newRemove(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:         "remove",
		Aliases:     []string{"rm"},
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Remove the timer",
		Long: `Removes the timer of the current profile. Open leases stay: they are ended by
"lease sweep" or "lease cancel".`,
		Example: "  telematicsctl lease timer remove",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withTimer(k, func(_ *cmdutil.Session, t lease.Timer) error { return removeTimer(c.Context(), k, t) })
		},
	}
}

// withTimer does work with the timer of the profile in force.
func withTimer(k *cmdutil.App, do func(*cmdutil.Session, lease.Timer) error) error {
	k.WithoutLeaseWarning()
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	t, err := s.LeaseTimer()
	if err != nil {
		return err
	}
	return do(s, t)
}

func install(ctx context.Context, k *cmdutil.App, dryRun bool) error {
	if err := cmdutil.CheckOutput(ctx, k, partView); err != nil {
		return err
	}
	return withTimer(k, func(s *cmdutil.Session, t lease.Timer) error {
		needs, err := s.UnattendedNeeds(ctx)
		if err != nil {
			return err
		}
		for _, need := range needs {
			k.Streams.Warn("the timer cannot sign in: " + need)
		}
		return installTimer(ctx, k, t, dryRun)
	})
}

func installTimer(ctx context.Context, k *cmdutil.App, t lease.Timer, dryRun bool) error {
	parts := []part{}
	for _, f := range t.Files {
		parts = append(parts, part{File: f.Path, Content: f.Content})
	}
	for _, c := range t.Enable {
		parts = append(parts, part{Command: strings.Join(c, " ")})
	}
	if dryRun {
		return cmdutil.PrintList(ctx, k, partView, parts, "")
	}
	for _, f := range t.Files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
			return atomicfile.Failure(failure.Failed, "cannot install the timer", f.Path, err)
		}
		if err := atomicfile.WriteFile(f.Path, []byte(f.Content), 0o600); err != nil {
			return atomicfile.Failure(failure.Failed, "cannot install the timer", f.Path, err)
		}
	}
	if err := runAll(ctx, k, t.Enable); err != nil {
		for _, f := range t.Files {
			_ = os.Remove(f.Path) // it is not installed, and must not look so
		}
		return err
	}
	k.Streams.Note("The timer is installed: it runs lease sweep every minute")
	return cmdutil.PrintList(ctx, k, partView, parts, "")
}

func removeTimer(ctx context.Context, k *cmdutil.App, t lease.Timer) error {
	if !t.Installed() {
		k.Streams.Note("No timer is installed")
		return nil
	}
	if err := runAll(ctx, k, t.Disable); err != nil {
		return err
	}
	for _, f := range t.Files {
		if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return atomicfile.Failure(failure.Failed, "cannot remove the timer", f.Path, err)
		}
	}
	k.Streams.Note("The timer is removed")
	return runAll(ctx, k, t.Reload)
}

// program returns the path of a program, by the PATH that the command was given.
func program(k *cmdutil.App, name string) string {
	for _, dir := range filepath.SplitList(k.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}

// runAll runs the system's own commands, whose words are made here alone.
func runAll(ctx context.Context, k *cmdutil.App, commands [][]string) error {
	for _, words := range commands {
		c := exec.CommandContext(ctx, program(k, words[0]), words[1:]...) //nolint:gosec // systemctl, launchctl or schtasks
		var says bytes.Buffer
		c.Stdout, c.Stderr = &says, &says
		if err := c.Run(); err != nil {
			text := strings.TrimSpace(says.String())
			if text == "" {
				text = failure.Text(err)
			}
			return failure.Newf(failure.Failed, "this system's timers cannot be used: %s: %s", strings.Join(words, " "), text).
				Because(cmdutil.ReasonNoTimers, "")
		}
	}
	return nil
}
