// Command telematicsctl administers the user service of the Telematics SDK platform: it
// registers drivers' app users, switches what their phones record, and keeps the
// service's short-lived tokens alive.
package main

import (
	"context"
	"os"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// version is stamped in by the release build.
var version string

func main() { os.Exit(run()) }

// run collects the process's world and calls cmd.Run; nothing else.
func run() int {
	ctx, stop := cmd.Interruptible(context.Background())
	defer stop()
	return cmd.Run(ctx, cmdutil.Env{
		Args:    os.Args[1:],
		Streams: terminal.System(os.Stdin, os.Stdout, os.Stderr, os.Getenv),
		Getenv:  os.Getenv,
		Environ: os.Environ,
		Now:     time.Now,
		Version: cmd.Version(version),
	})
}
