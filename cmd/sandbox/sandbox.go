// Package sandbox is the commands of the service in miniature.
package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// New makes the command `sandbox`.
func New(k *kit.Kit) *cobra.Command {
	c := &cobra.Command{Use: "sandbox", Short: "Run the service in miniature, on this machine"}
	c.AddCommand(newServe(k), newReset(k))
	return c
}

func open(k *kit.Kit) (*sandbox.Sandbox, error) {
	cfg, err := k.Config()
	if err != nil {
		return nil, err
	}
	return sandbox.Open(sandbox.Options{Dir: kit.SandboxDir(cfg), Now: k.Now})
}

// ready is what `sandbox serve -o json` prints, on one line, when it serves.
type ready struct {
	UserURL, AccountsURL, PortalURL string
	InstanceID                      string `json:"InstanceId"`
	InstanceKey                     string
	AdminEmail                      string
	AdminPassword                   string
}

func newServe(k *kit.Kit) *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the sandbox over HTTP, for other programs",
		Long: `Serves the sandbox on an address of this machine: the same service, with the same users, as the profile "sandbox" has. When it is
ready it prints where it is, and the credentials that are built into it. It ends with Ctrl-C or SIGTERM.`,
		Example: `  telematicsctl sandbox serve --addr 127.0.0.1:8077
  telematicsctl sandbox serve --addr 127.0.0.1:0 -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), k, addr) },
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:8077", "the address to serve at; port 0 takes a free one")
	return c
}

func serve(ctx context.Context, k *kit.Kit, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return failure.Because(failure.Invalid, "--addr", err)
	}
	if !userservice.IsLoopback(host) {
		return failure.Newf(failure.Invalid, "--addr %s is not a loopback address, and the sandbox's credentials are known to everybody", addr).WithHint("use 127.0.0.1 or [::1]")
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	box, err := open(k)
	if err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return failure.Because(failure.Failed, "sandbox serve", err)
	}
	return sandbox.Serve(ctx, box, ln, func(url string) {
		r := ready{UserURL: url, AccountsURL: url, PortalURL: url, InstanceID: sandbox.InstanceID, InstanceKey: sandbox.InstanceKey,
			AdminEmail: sandbox.AdminEmail, AdminPassword: sandbox.AdminPassword}
		announce(k, p.Format() == "json" || p.Format() == "jsonl", r)
	})
}

// announce says where the sandbox is. Its credentials are no secrets: they are the same everywhere, and open nothing else.
func announce(k *kit.Kit, asJSON bool, r ready) {
	if asJSON {
		line, err := json.Marshal(r)
		if err == nil {
			_, _ = fmt.Fprintf(k.Streams.Out, "%s\n", line)
		}
		return
	}
	_, _ = fmt.Fprintf(k.Streams.Out, `Serving the sandbox at %s
  InstanceId      %s
  InstanceKey     %s
  Admin e-mail    %s
  Admin password  %s
`, r.UserURL, r.InstanceID, r.InstanceKey, r.AdminEmail, r.AdminPassword)
	k.Streams.Note("Ctrl-C ends it; its users stay")
}

func newReset(k *kit.Kit) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Empty the sandbox",
		Long:  "Removes every user of the sandbox, and the tokens stored for its profile. It does not ask: nothing in it is of worth.",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return reset(c.Context(), k) },
	}
}

func reset(ctx context.Context, k *kit.Kit) error {
	box, err := open(k)
	if err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	if err := box.Reset(ctx); err != nil {
		return failure.Because(failure.Failed, "sandbox reset", err)
	}
	if err := k.Forget(ctx, config.Profile{Name: config.SandboxProfile, Sandbox: true, TokenStore: tokenstore.KindFile}); err != nil {
		return err
	}
	k.Streams.Note("The sandbox is empty")
	return nil
}
