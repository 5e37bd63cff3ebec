package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

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
	to          []string
	record      string
}

func newProxy(k *cmdutil.App) *cobra.Command {
	var o proxyOptions
	c := &cobra.Command{
		Use:         "proxy",
		Annotations: cmdutil.Effects(),
		Short:       "Check and record calls of the real service",
		Long: `Pass requests on to the real service, and report where its answers differ from
the contract in docs/openapi.yaml: on standard error as they come, and as JSON
on standard output at the end. It ends with Ctrl-C or SIGTERM.

Each request goes to the host that the contract names for its path. --to URL
sends all to one base URL, and --to HOST=URL those of one host: user, accounts,
portal, statistics or device.

--record appends each exchange to a file of JSON Lines. Secrets and JWTs are
redacted in it; names, email addresses and other personal data are not.

Set TELEMATICSCTL_USER_URL and those of the other hosts, or another client's
base URLs, to its address. docs/settle.md says what to try.`,
		Example: `  telematicsctl sandbox proxy --record calls.jsonl
  telematicsctl sandbox proxy --to http://127.0.0.1:8077 --record calls.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runProxy(c.Context(), k, o) },
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8078", "`address` to serve at; port 0 takes a free one")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "serve at an address that others can reach")
	f.StringArrayVar(&o.to, "to", nil, "base `URL` of the service, or HOST=URL for one host")
	f.StringVar(&o.record, "record", "", "append the exchanges to a JSON Lines `file`")
	return c
}

func runProxy(ctx context.Context, k *cmdutil.App, o proxyOptions) (err error) {
	if err := sandbox.CheckAddr(o.addr, o.allowRemote); err != nil {
		return err
	}
	contract, err := proxy.ReadContract(docs.OpenAPI)
	if err != nil {
		return err // the contract is part of the program
	}
	to, err := targets(contract, o.to, k.Flags.InsecureHTTP)
	if err != nil {
		return err
	}
	p, err := cmdutil.PrinterOf(ctx, k, render.View[proxy.Report]{})
	if err != nil {
		return err
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
		return failure.Wrap(failure.Failed, "sandbox proxy", err).Because(cmdutil.ReasonAddressInUse, o.addr)
	}
	defer k.Streams.HoldBusy()()
	defer k.Saving()() // Ctrl-C ends the serving, not the requests in flight, nor the report after them
	between := proxy.New(proxy.Options{
		To: to, Contract: contract, Now: k.Now, Record: record,
		Found: func(d proxy.Difference) { k.Streams.Warn("the service differs: " + d.String()) },
	})
	k.Streams.Note(fmt.Sprintf("Passing http://%s on to %s; press Ctrl-C to stop", ln.Addr(),
		strings.Join(between.Targets(), ", ")))
	served := between.Serve(ctx, ln)
	report, recorded := between.Report()
	if recorded != nil {
		recorded = failure.Wrap(failure.Failed, "--record", recorded)
	}
	return errors.Join(served, recorded, printReport(k, p, report))
}

// hosts are the contract's base URLs by the names that --to and `api --host` have for them.
var hosts = map[string]string{
	string(userservice.HostUser):         userservice.DefaultUserURL,
	string(userservice.HostAccounts):     userservice.DefaultAccountsURL,
	string(userservice.HostPortal):       userservice.DefaultPortalURL,
	string(userservice.HostStatistics):   userservice.DefaultStatisticsURL,
	string(userservice.HostDeviceStatus): userservice.DefaultDeviceStatusURL,
}

// targets reads the values of --to: where the requests for each host of the contract go.
func targets(contract *proxy.Contract, values []string, insecure bool) (map[string]*url.URL, error) {
	to := map[string]string{}
	for _, server := range contract.Servers() {
		to[server] = server
	}
	slices.SortStableFunc(values, func(a, b string) int { // those of one host count after that of all
		return cmp.Compare(strings.Index(a, "="), strings.Index(b, "="))
	})
	for _, value := range values {
		name, base, named := strings.Cut(value, "=")
		server, known := hosts[name]
		switch {
		case named && known:
			to[server] = base
		case named && !strings.Contains(name, "/"):
			return nil, failure.Newf(failure.Invalid, "--to %q: the host must be one of %s", value,
				strings.Join(slices.Sorted(maps.Keys(hosts)), ", "))
		default:
			for server := range to {
				to[server] = value
			}
		}
	}
	out := map[string]*url.URL{}
	for server, base := range to {
		base, err := userservice.CheckURL(base, insecure)
		if err != nil {
			return nil, err
		}
		if out[server], err = url.Parse(base); err != nil {
			return nil, failure.Wrap(failure.Invalid, "--to", err)
		}
	}
	return out, nil
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
