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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

// serveOptions are the flags of `sandbox serve`.
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
	jwtForm     string
	tokenLife   time.Duration
	refreshLife time.Duration
	strict      bool
	cors        []string
	tlsCert     string
	advertise   string
}

// ready is what `sandbox serve -o json` prints, on one line, when it serves.
type ready struct {
	UserURL, AccountsURL, PortalURL string
	StatisticsURL, DeviceStatusURL  string
	InstanceID                      string `json:"InstanceId"`
	InstanceKey                     string
	AdminEmail                      string
	AdminPassword                   string
}

func newServe(k *cmdutil.App) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:         "serve",
		Annotations: cmdutil.Effects(),
		Short:       "Serve the sandbox over HTTP",
		Long: `Serve the sandbox at an address of this machine, for any client of the service.
When it is ready it prints its URL and built-in credentials (with -o json on one
line). Its users are those of the profile "sandbox"; --memory keeps them for
this run only. docs/sandbox.md says how to fill it, and how to use it in CI.

Each --fault is
` + fault.Grammar,
		Example: `  telematicsctl sandbox serve --addr 127.0.0.1:8077
  telematicsctl sandbox serve --memory --users 100000 --seed 7 -o json
  telematicsctl sandbox serve --fault '/v1/Registration/create: 503 1%'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), k, o) },
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8077", "`address` to serve at; port 0 takes a free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "serve at an address that others can reach")
	f.BoolVar(&o.memory, "memory", false, "keep everything in memory, for this run only")
	f.IntVar(&o.users, "users", 0, "add a fleet of this many plausible users")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the fleet and the faults")
	f.StringVar(&o.layout, "layout", "", "begin with the hierarchy and admins of a YAML `file`")
	f.StringVar(&o.importFrom, "import", "", "begin with the users of a JSON Lines `file` (- is stdin)")
	f.StringVar(&o.exportTo, "export", "", "write all users to a JSON Lines `file` at the end")
	f.StringArrayVar(&o.faults, "fault", nil, "make some calls fail, such as '*: 503 1%'")
	f.BoolVar(&o.control, "control", false, "serve the control API under /_sandbox/")
	f.StringVar(&o.logFormat, "log-format", "", "log requests to standard error as `text|json`")
	f.IntVar(&o.signInLimit, "sign-in-limit", 5, "sign-ins a minute from one address (-1: no limit)")
	f.StringVar(&o.jwtForm, "jwt-form", server.JWT2026, "form of the JWTs: `2026|2019`")
	f.DurationVar(&o.tokenLife, "token-life", server.SignInLife, "lifetime of the JWT of a sign-in")
	f.DurationVar(&o.refreshLife, "refresh-life", server.RefreshLife, "lifetime of a user's refresh token")
	f.StringArrayVar(&o.cors, "cors", nil, "let pages of this `origin` call it (* is any)")
	f.StringVar(&o.tlsCert, "tls-self-signed", "", "serve HTTPS, and write the certificate to a `file`")
	f.StringVar(&o.advertise, "advertise", "", "base `URL` to print, by which clients reach it")
	f.BoolVar(&o.strict, "strict", false, "refuse what the service is not known to take")
	return c
}

func serve(ctx context.Context, k *cmdutil.App, o serveOptions) error {
	if err := sandbox.CheckAddr(o.addr, o.allowRemote); err != nil {
		return err
	}
	p, err := cmdutil.PrinterOf(ctx, k, render.View[ready]{})
	if err != nil {
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
	if ctx.Err() != nil {
		return errors.Join(failure.From(ctx.Err()), closed(ln))
	}
	if err != nil {
		return failure.Wrap(failure.Failed, "sandbox serve", err).Because(cmdutil.ReasonAddressInUse, o.addr)
	}
	layout, err := box.Layout(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer k.Saving()() // Ctrl-C ends the serving, not the requests in flight, nor the writing after them
	served, showBusy := false, k.Streams.HoldBusy()
	err = sandbox.Serve(ctx, box, ln, func(url string) {
		served = true
		announce(k, p, readyAt(cmp.Or(strings.TrimRight(o.advertise, "/"), url), layout))
	})
	showBusy()
	if !served || o.exportTo == "" {
		return err
	}
	// However the serving ended, the users are there.
	return errors.Join(err, export(context.WithoutCancel(ctx), k, opts, box, o.exportTo))
}

// closed closes a listener that there may be.
func closed(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

func options(k *cmdutil.App, o serveOptions) (sandbox.Options, error) {
	opts := sandbox.Options{
		Now: k.Now, FaultSeed: o.seed, Control: o.control, Contract: docs.OpenAPI, Warn: k.Streams.Warn,
		SignInLimit: cmp.Or(max(o.signInLimit, -1), -1),
		JWTForm:     o.jwtForm, TokenLife: o.tokenLife, RefreshLife: o.refreshLife, Strict: o.strict,
	}
	cfg, err := k.Config()
	if err != nil {
		return opts, err
	}
	if !o.memory {
		opts.Dir = cmdutil.SandboxDir(cfg)
		if err := cmdutil.CheckFolder(opts.Dir); err != nil {
			return opts, err
		}
	}
	if o.users < 0 {
		return opts, failure.Newf(failure.Invalid, "--users %d: must not be negative", o.users)
	}
	for _, text := range o.faults {
		f, err := fault.Parse(text)
		if err != nil {
			return opts, err
		}
		opts.Faults = append(opts.Faults, f)
	}
	var wrong cmdutil.Wrong
	wrong.OneOf("--log-format", &o.logFormat, "text", "json")
	switch o.logFormat {
	case "text":
		opts.Log = slog.New(slog.NewTextHandler(k.Streams.Err, nil))
	case "json":
		opts.Log = slog.New(slog.NewJSONHandler(k.Streams.Err, nil))
	}
	if err := wrong.Err(); err != nil {
		return opts, err
	}
	if o.layout != "" {
		if opts.Layout, err = readLayout(o.layout); err != nil {
			return opts, err
		}
	}
	return opts, public(&opts, o)
}

// readLayout reads the file of a flag --layout.
func readLayout(path string) (*seed.Layout, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, input.Missing(failure.Wrap(failure.Invalid, "--layout", err), path)
	}
	defer func() { _ = f.Close() }()
	l, err := seed.ReadLayout(f)
	return &l, err
}

// fill adds the users that the sandbox begins with.
func fill(ctx context.Context, k *cmdutil.App, box *sandbox.Sandbox, o serveOptions) error {
	start := sandbox.Start{Fleet: seed.Fleet{Users: o.users, Seed: o.seed}}
	if o.importFrom != "" {
		start.Import = k.Streams.In
		if o.importFrom != "-" {
			f, err := os.Open(o.importFrom)
			if err != nil {
				return input.Missing(failure.Wrap(failure.Invalid, "--import", err), o.importFrom)
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

// export writes every user to a file when the serving has ended: of the same sandbox where it is in
// memory, else of its folder, which was given up.
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
func readyAt(url string, l seed.Layout) ready {
	c := l.Credentials()
	return ready{
		UserURL: url, AccountsURL: url, PortalURL: url, StatisticsURL: url, DeviceStatusURL: url,
		InstanceID: c.InstanceID, InstanceKey: c.InstanceKey, AdminEmail: c.AdminEmail, AdminPassword: c.AdminPassword,
	}
}

// announce prints where the sandbox is. Its credentials are not secret: they are the same
// everywhere.
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
  Admin email     %s
  Admin password  %s
`, r.UserURL, r.InstanceID, r.InstanceKey, r.AdminEmail, r.AdminPassword)
	k.Streams.Note("press Ctrl-C to stop")
}
