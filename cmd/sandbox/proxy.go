package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/proxy"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// proxyOptions are the flags of `sandbox proxy`.
type proxyOptions struct {
	addr        string
	allowRemote bool
	to          string
	record      string
}

func newProxy(k *cmdutil.App) *cobra.Command {
	var o proxyOptions
	c := &cobra.Command{
		Use:   "proxy --to URL",
		Short: "Check and record calls of the real service",
		Long: `Pass requests on to a real service, and report where its answers differ from
the contract in docs/openapi.yaml: on standard error as they come, and as JSON
on standard output at the end. It ends with Ctrl-C or SIGTERM.

--record appends each exchange to a file of JSON Lines. Secrets and JWTs are
redacted in it; names, email addresses and other personal data are not.

Set TELEMATICSCTL_USER_URL, or another client's base URL, to its address. One
proxy serves one host of the service. docs/settle.md says what to try.`,
		Example: `  telematicsctl sandbox proxy --to https://user.telematicssdk.com
  telematicsctl sandbox proxy --to http://127.0.0.1:8077 --record calls.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runProxy(c.Context(), k, o) },
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8078", "`address` to serve at; port 0 takes a free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "serve at an address that others can reach")
	f.StringVar(&o.to, "to", "", "base `URL` of the service")
	f.StringVar(&o.record, "record", "", "append the exchanges to a JSON Lines `file`")
	_ = c.MarkFlagRequired("to")
	return c
}

func runProxy(ctx context.Context, k *cmdutil.App, o proxyOptions) (err error) {
	if err := sandbox.CheckAddr(o.addr, o.allowRemote); err != nil {
		return err
	}
	base, err := userservice.CheckURL(o.to, k.Flags.InsecureHTTP)
	if err != nil {
		return err
	}
	to, err := url.Parse(base)
	if err != nil {
		return failure.Wrap(failure.Invalid, "--to", err)
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := (render.View[proxy.Report]{}).Check(p); err != nil {
		return err
	}
	contract, err := proxy.ReadContract(docs.OpenAPI)
	if err != nil {
		return failure.Wrap(failure.Failed, "cannot read the contract", err)
	}
	var record io.Writer
	if o.record != "" {
		path, err := atomicfile.Resolve(o.record)
		if err != nil {
			return failure.Wrap(failure.Invalid, "--record", err)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return failure.Wrap(failure.Invalid, "--record", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		record = f
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.addr)
	if ctx.Err() != nil {
		return errors.Join(failure.From(ctx.Err()), closed(ln))
	}
	if err != nil {
		return failure.Wrap(failure.Failed, "sandbox proxy", err)
	}
	defer k.Saving()() // Ctrl-C ends the serving, not the requests in flight, nor the report after them
	between := proxy.New(proxy.Options{
		To: to, Contract: contract, Now: k.Now, Record: record,
		Found: func(d proxy.Difference) { k.Streams.Warn("the service differs: " + d.String()) },
	})
	k.Streams.Note(fmt.Sprintf("Passing http://%s on to %s; press Ctrl-C to stop", ln.Addr(), to))
	served := between.Serve(ctx, ln)
	report, recorded := between.Report()
	if recorded != nil {
		recorded = failure.Wrap(failure.Failed, "--record", recorded)
	}
	return errors.Join(served, recorded, printReport(k, p, report))
}

// printReport writes the report as JSON, unless another format or a query was asked for.
func printReport(k *cmdutil.App, p *render.Printer, report proxy.Report) error {
	if p.Format() != render.Table || p.Queried() {
		return render.One(p, render.View[proxy.Report]{}, report)
	}
	e := json.NewEncoder(k.Streams.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(report)
}
