package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// serveOptions are what `sandbox serve` was told.
type serveOptions struct {
	addr        string
	allowRemote bool
	memory      bool
	users       int
	seed        uint64
	layout      string
	importFrom  string
	exportTo    string
	faults      []string
	control     bool
	logFormat   string
	signInLimit int
}

// ready is what `sandbox serve -o json` prints, on one line, when it serves.
type ready struct {
	UserURL, AccountsURL, PortalURL string
	InstanceID                      string `json:"InstanceId"`
	InstanceKey                     string
	AdminEmail                      string
	AdminPassword                   string
}

func newServe(k *cmdutil.App, run func(context.Context, serveOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o serveOptions) error { return serve(ctx, k, o) }
	}
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the sandbox over HTTP, for other programs",
		Long: `Serves the sandbox on an address of this machine, for any client of the service. When it is ready it prints where it is, and the credentials that are
built into it; with -o json on one line. It ends with Ctrl-C or SIGTERM.

Its users are those of the profile "sandbox", kept in the state folder, unless --memory keeps them for this run alone. docs/sandbox.md tells how to fill
it, how to make it misbehave, and how to use it in CI.`,
		Example: `  telematicsctl sandbox serve --addr 127.0.0.1:8077
  telematicsctl sandbox serve --memory --users 100000 --seed 7 --addr 127.0.0.1:0 -o json
  telematicsctl sandbox serve --fault 'POST /v1/Registration/create: drop-after 3%, 503 1%, latency 20ms±10ms'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8077", "the address to serve at; port 0 takes a free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "serve at an address that others can reach, though its credentials are known to everybody")
	f.BoolVar(&o.memory, "memory", false, "keep everything in memory, for this run alone")
	f.IntVar(&o.users, "users", 0, "begin with a made-up fleet of so many users")
	f.Uint64Var(&o.seed, "seed", 1, "what the fleet and the faults are drawn from: the same seed, the same fleet")
	f.StringVar(&o.layout, "layout", "", "furnish an empty sandbox with the companies, applications, instances and admins of a YAML `file`; the folder keeps them")
	f.StringVar(&o.importFrom, "import", "", "begin with the users of a JSON Lines `file` (- is standard input)")
	f.StringVar(&o.exportTo, "export", "", "write every user to a JSON Lines `file` at the end")
	f.StringArrayVar(&o.faults, "fault", nil, "misbehave; can be given again. "+sandbox.FaultGrammar)
	f.BoolVar(&o.control, "control", false, "serve the control API under /_sandbox/")
	f.StringVar(&o.logFormat, "log-format", "", "write a line for each request to standard error: `text|json`")
	f.IntVar(&o.signInLimit, "sign-in-limit", 5, "sign-ins a minute from one address; -1 is no limit")
	return c
}

func serve(ctx context.Context, k *cmdutil.App, o serveOptions) error {
	if err := sandbox.CheckAddr(o.addr, o.allowRemote); err != nil {
		return err
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := (render.View[ready]{}).Check(p); err != nil {
		return err
	}
	opts, err := options(k, o)
	if err != nil {
		return err
	}
	box, err := sandbox.Open(opts)
	if err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	if opts.Layout != nil && opts.Dir != "" {
		if err := box.Settle(ctx); err != nil {
			return err
		}
	}
	if err := fill(ctx, k, box, o); err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.addr)
	if err != nil {
		return failure.Wrap(failure.Failed, "sandbox serve", err).WithHint("--addr 127.0.0.1:0 takes a free port")
	}
	layout, err := box.Layout(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer k.Saving()() // Ctrl-C ends the serving, neither the requests under way nor the writing after them
	served := false
	err = sandbox.Serve(ctx, box, ln, func(url string) {
		served = true
		announce(k, p, readyAt(url, layout))
	})
	if !served || o.exportTo == "" {
		return err
	}
	// However the serving ended, its users are there.
	return errors.Join(err, export(context.WithoutCancel(ctx), k, opts, box, o.exportTo))
}

func options(k *cmdutil.App, o serveOptions) (sandbox.Options, error) {
	opts := sandbox.Options{
		Now: k.Now, FaultSeed: o.seed, Control: o.control, Contract: docs.OpenAPI, Warn: k.Streams.Warn,
		SignInLimit: cmp.Or(max(o.signInLimit, -1), -1),
	}
	cfg, err := k.Config()
	if err != nil {
		return opts, err
	}
	if !o.memory {
		opts.Dir = cmdutil.SandboxDir(cfg)
	}
	if o.users < 0 {
		return opts, failure.Newf(failure.Invalid, "--users %d is negative", o.users)
	}
	for _, text := range o.faults {
		fault, err := sandbox.ParseFault(text)
		if err != nil {
			return opts, err
		}
		opts.Faults = append(opts.Faults, fault)
	}
	switch o.logFormat {
	case "":
	case "text":
		opts.Log = slog.New(slog.NewTextHandler(k.Streams.Err, nil))
	case "json":
		opts.Log = slog.New(slog.NewJSONHandler(k.Streams.Err, nil))
	default:
		return opts, failure.Newf(failure.Invalid, "--log-format %q is neither text nor json", o.logFormat)
	}
	if o.layout != "" {
		if opts.Layout, err = readLayout(o.layout); err != nil {
			return opts, err
		}
	}
	return opts, nil
}

// readLayout reads the file of a flag --layout.
func readLayout(path string) (*sandbox.Layout, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, failure.Wrap(failure.Invalid, "--layout", err)
	}
	defer func() { _ = f.Close() }()
	l, err := sandbox.ReadLayout(f)
	return &l, err
}

// fill puts the users in that the sandbox is to begin with.
func fill(ctx context.Context, k *cmdutil.App, box *sandbox.Sandbox, o serveOptions) error {
	start := sandbox.Start{Fleet: sandbox.Fleet{Users: o.users, Seed: o.seed}}
	if o.importFrom != "" {
		start.Import = k.Streams.In
		if o.importFrom != "-" {
			f, err := os.Open(o.importFrom)
			if err != nil {
				return failure.Wrap(failure.Invalid, "--import", err)
			}
			defer func() { _ = f.Close() }()
			start.Import = f
		}
	}
	n, err := box.Begin(ctx, start)
	if err == nil && o.importFrom != "" {
		k.Streams.Note(fmt.Sprintf("%d users imported", n))
	}
	return err
}

// export writes every user to a file when the serving has ended: of the same sandbox where it is in memory, else of its folder, which has been given up.
func export(ctx context.Context, k *cmdutil.App, opts sandbox.Options, box *sandbox.Sandbox, path string) error {
	if opts.Dir != "" {
		again, err := sandbox.Open(sandbox.Options{Dir: opts.Dir, Now: opts.Now})
		if err != nil {
			return err
		}
		defer func() { _ = again.Close() }()
		box = again
	}
	n := 0
	err := atomicfile.Write(path, 0o600, func(w io.Writer) (err error) {
		n, err = box.Export(ctx, w)
		return err
	})
	if err != nil {
		return failure.Wrap(failure.Failed, "--export", err)
	}
	k.Streams.Note(fmt.Sprintf("%d users exported to %s", n, path))
	return nil
}

// readyAt is where the sandbox is, with the credentials of its layout.
func readyAt(url string, l sandbox.Layout) ready {
	c := l.Credentials()
	return ready{
		UserURL: url, AccountsURL: url, PortalURL: url,
		InstanceID: c.InstanceID, InstanceKey: c.InstanceKey, AdminEmail: c.AdminEmail, AdminPassword: c.AdminPassword,
	}
}

// announce says where the sandbox is. Its credentials are no secrets: they are the same everywhere, and open nothing else.
func announce(k *cmdutil.App, p *render.Printer, r ready) {
	switch {
	case p.Format() == render.JSON && !p.Queried(): // on one line, as whoever waits for it reads a line
		line, err := json.Marshal(r)
		if err == nil {
			_, _ = fmt.Fprintf(k.Streams.Out, "%s\n", line)
		}
		return
	case p.Format() != render.Table:
		_ = render.One(p, render.View[ready]{}, r) // a standard output that is gone does not end the serving
		return
	}
	_, _ = fmt.Fprintf(k.Streams.Out, `Serving the sandbox at %s
  InstanceId      %s
  InstanceKey     %s
  Admin e-mail    %s
  Admin password  %s
`, r.UserURL, r.InstanceID, r.InstanceKey, r.AdminEmail, r.AdminPassword)
	k.Streams.Note("Ctrl-C ends it")
}
