package cmdutil

import (
	"io"
	"os/exec"
	"strings"
	"syscall"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A Pager is standard output. At a terminal, what a command with long output prints goes
// through the program that PAGER names; everything else is written as it is. The program
// is started with the first write, so that a command that fails shows none.
type Pager struct {
	Out io.Writer // where output goes without a pager

	app     *App
	paged   bool // the command has long output
	command *exec.Cmd
	in      io.WriteCloser // nil: no pager runs
	release []func()
}

// NewPager returns the pager of the command that the App is for.
func (k *App) NewPager() *Pager {
	k.pager = &Pager{Out: k.Streams.Out, app: k}
	return k.pager
}

// Page has the output of the running command go through the pager, where there is one.
func (k *App) Page() {
	if k.pager != nil {
		k.pager.paged = k.Streams.OutTTY && k.Streams.OutFile != nil
	}
}

// Write implements io.Writer. After the reader has left the pager it fails with EPIPE.
func (p *Pager) Write(b []byte) (int, error) {
	if p.paged && p.command == nil {
		p.start()
	}
	if p.in != nil {
		return p.in.Write(b)
	}
	return p.Out.Write(b)
}

// start starts the pager; where that fails, output is written as it is.
func (p *Pager) start() {
	p.paged = false
	words := strings.Fields(p.app.Getenv("PAGER"))
	if len(words) == 0 || words[0] == "cat" {
		return
	}
	c := exec.Command(words[0], words[1:]...) //nolint:gosec,noctx // the user's own choice; it ends when its input does
	file := p.app.Streams.OutFile
	c.Stdout, c.Stderr, c.Env = file, file, append(config.WithoutSecrets(p.app.environ()), p.defaults()...)
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		p.app.Streams.Warn("cannot run the pager " + words[0] + ": " + failure.Text(err))
		return
	}
	p.command, p.in = c, in
	p.release = []func(){p.app.Streams.HoldBusy(), p.app.Streams.HoldLines()}
}

// defaults are the options of less and lv unless the user has set them: end at once
// what fits on the screen, and to show colors.
func (p *Pager) defaults() (env []string) {
	if p.app.Getenv("LESS") == "" {
		env = append(env, "LESS=FRX")
	}
	if p.app.Getenv("LV") == "" {
		env = append(env, "LV=-c")
	}
	return env
}

// End waits until the reader has left the pager, or ends it where nobody waits for that. What was
// said meanwhile on standard error is printed then. It reports whether there was a pager.
func (p *Pager) End(wait bool) bool {
	if p.in == nil {
		return false
	}
	_ = p.in.Close()
	if !wait {
		if p.command.Process.Signal(syscall.SIGTERM) != nil { // on which a pager puts the terminal right
			_ = p.command.Process.Kill()
		}
	}
	_ = p.command.Wait() // how it has ended is the reader's own affair
	p.in = nil
	for _, release := range p.release {
		release()
	}
	return true
}
