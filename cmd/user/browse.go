package user

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/browse"
)

type browseOptions struct {
	query    string
	readOnly bool
	ascii    bool
	plain    bool
}

func newBrowse(k *cmdutil.App) *cobra.Command {
	var o browseOptions
	c := &cobra.Command{
		Use:         "browse [TEXT]",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "Search users and correct them full screen",
		Long: `A screen for support: type a name, an email address, a phone number or
client:ID, open a user, and see what its phone does and what was changed here.
t, l, r and e switch a flag after a question, and z undoes the last change.

On a profile with protected: on, and with --read-only, nothing can be changed
until w and the name of the profile unlock changes for ten minutes.

With --plain, ACCESSIBLE=1, TERM=dumb or without a terminal, the same is a
dialogue of lines, for a screen reader.`,
		Example: `  telematicsctl user browse
  telematicsctl user browse ada --read-only
  telematicsctl user browse --plain`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.query = args[0]
			}
			return browseUsers(c.Context(), k, o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.readOnly, "read-only", false, "leave out everything that changes users")
	f.BoolVar(&o.ascii, "ascii", false, "draw with ASCII characters only")
	f.BoolVar(&o.plain, "plain", false, "hold a dialogue of lines instead of a screen")
	return c
}

// isScreen reports whether there is a terminal that can move its cursor, and nobody who would
// rather have lines.
func (o browseOptions) isScreen(k *cmdutil.App) bool {
	s := k.Streams
	return !o.plain && s.InTTY && s.OutTTY && s.OutFile != nil && k.Getenv("TERM") != "dumb" &&
		k.Getenv("ACCESSIBLE") == ""
}

// check holds the global flags to what a screen can do.
func (o browseOptions) check(k *cmdutil.App) error {
	var wrong cmdutil.Wrong
	if k.Flags.JQ+k.Flags.Template != "" {
		wrong.Add("--jq", "user browse prints no JSON; find, list and get do")
	}
	if k.Flags.NoInput {
		wrong.Add("--no-input", "user browse is nothing but input")
	}
	if k.Flags.Verbose && o.isScreen(k) {
		wrong.Add("--verbose", "needs --plain: requests would be printed into the screen")
	}
	return wrong.Err()
}

func browseUsers(ctx context.Context, k *cmdutil.App, o browseOptions) error {
	if err := o.check(k); err != nil {
		return err
	}
	var notes notes
	full := o.isScreen(k)
	if full && k.Retry.Notify == nil {
		k.Retry.Notify = notes.ofRetry
	}
	s, err := k.Session(cmdutil.SessionOptions{InFlight: browseAtOnce})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	port, err := newBrowsePort(k, s)
	if err != nil {
		return err
	}
	if _, err := s.Auth.Token(ctx, auth.Admin); err != nil { // before the screen, as it may ask
		return err
	}
	s.Auth.AskPassword = nil // from here on, a sign-in that has expired ends the screen
	options := browse.Options{
		Profile: s.Profile.Name, Instance: port.instance, ReadOnly: o.readOnly || s.Profile.Protected, ASCII: o.ascii,
		Query: o.query, ParseLength: cmdutil.ParseDuration,
	}
	if !full {
		return browse.Dialogue(ctx, browse.Lines{In: k.Streams.In, Out: k.Streams.Out, Now: k.Now}, options, port)
	}
	return showScreen(ctx, k, &notes, options, port)
}

// showScreen keeps everything else off the screen while it is shown.
func showScreen(ctx context.Context, k *cmdutil.App, notes *notes, o browse.Options, port browse.Port) error {
	defer k.Streams.HoldLines()()
	defer k.Streams.HoldBusy()()
	var environ []string
	if k.Environ != nil {
		environ = k.Environ()
	}
	return browse.Screen(ctx, browse.Terminal{
		In: k.Streams.In, Out: k.Streams.OutFile, Environ: environ, Color: k.Streams.ColorOut(), Now: k.Now,
		Ready: notes.to,
	}, o, port)
}
