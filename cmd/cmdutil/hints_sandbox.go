package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

var sandboxHints = map[failure.Reason]hint{
	sandbox.ReasonDamaged: func(a *App, _ *failure.Error) string {
		return "empty the sandbox with " + a.Command("sandbox", "reset")
	},
	sandbox.ReasonNewer: func(a *App, _ *failure.Error) string {
		return "update telematicsctl, or empty the sandbox with " + a.Command("sandbox", "reset")
	},
	sandbox.ReasonServed: fixed("stop that server first, or serve a sandbox in memory with --memory"),
	sandbox.ReasonLayout: func(a *App, _ *failure.Error) string {
		return "empty the sandbox and give it the new layout with " + a.Command("sandbox", "reset", "--layout", "FILE") +
			", or serve one in memory with --memory"
	},
	sandbox.ReasonLayoutFile: func(a *App, _ *failure.Error) string {
		return "go back to the built-in layout with " + a.Command("sandbox", "reset", "--all")
	},
	sandbox.ReasonAddress: fixed("use for example 127.0.0.1:8077"),
	sandbox.ReasonOrigin:  fixed("use for example --cors http://localhost:3000"),
	sandbox.ReasonNotLoopback: fixed("its credentials are known to everybody; " +
		"--allow-remote serves it to the network anyway"),
	fault.ReasonInvalid: fixed("use for example --fault 'POST /v1/Registration/create: drop-after 3%, 503 1%'"),
	server.ReasonLine:   fixed("each line must be a user as the flag `--export` writes it"),
}
