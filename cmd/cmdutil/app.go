// Package cmdutil is what the commands share: the process's world, the global flags, and,
// each made when it is first needed, the configuration, the printer and the session with
// the service.
package cmdutil

import (
	"context"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Env is all that the program takes from outside. main collects it; a test makes one by hand.
type Env struct {
	Args    []string // without the program's name
	Streams *terminal.Streams
	Getenv  func(string) string
	Environ func() []string // the whole environment, as NAME=VALUE; nil is none
	Now     func() time.Time
	Version string
	Retry   userservice.Retry  // how calls are repeated; the zero value is the service's own rule
	Keyring tokenstore.Backend // another keyring than the system's; for tests

	// StoreWorkFactor is what the passphrase of a new token file costs, as
	// tokenstore.Options.WorkFactor; 0 is the store's own rule.
	StoreWorkFactor int

	// SweepWait is how long a sweep of leases waits for another; 0 is its own rule.
	SweepWait time.Duration

	// Wire is put around the way to the service, so that a test sees what goes over it;
	// nil is nothing.
	Wire func(http.RoundTripper) http.RoundTripper

	// Failed is called with the error that the command ends with, so that a test sees its reason.
	// It may be nil.
	Failed func(*failure.Error)
}

// Globals are the flags that every command has.
type Globals struct {
	Profile    string
	Config     string
	Output     string
	Columns    []string // of a table; the commands that print lists have the flag
	JQ         string
	Template   string
	Timeout    time.Duration
	Yes        bool
	NoInput    bool
	Quiet      bool
	Verbose    bool
	NoColor    bool
	ShowTokens bool

	InsecureHTTP bool // plain http to any host

	Agent       bool // a coding agent runs this: see behaveForAgent
	Confirm     *int // of the commands that delete; nil where it is not given
	outputGiven bool // Output was given
}

// An App is what a command works with. What is costly or may fail is made by a method,
// when a command asks for it, and once.
type App struct {
	Env
	Flags Globals

	config  *config.Config
	saving  atomic.Int32
	changed atomic.Bool
	pager   *Pager

	noLeaseWarning bool

	openFiles  sync.Mutex // guards fileStores
	fileStores map[openedFile]tokenstore.Store
}

// Saving marks a section that an interrupt must not cut short, however long it takes; done ends it.
func (k *App) Saving() (done func()) {
	k.saving.Add(1)
	return func() { k.saving.Add(-1) }
}

// IsSaving reports whether a command is in such a section.
func (k *App) IsSaving() bool { return k.saving.Load() > 0 }

// NoteChange says that the command has begun to change something.
func (k *App) NoteChange() { k.changed.Store(true) }

// HasChanged reports whether the command has begun to change something.
func (k *App) HasChanged() bool { return k.changed.Load() }

// Begin takes the global flags into the streams; it is called once the command line is read.
func (k *App) Begin(flags *pflag.FlagSet) {
	k.Flags.outputGiven = flags.Changed("output")
	k.behaveForAgent()
	k.Streams.Quiet = k.Flags.Quiet
	k.Streams.NoInput = k.Flags.NoInput
	k.Streams.NoColor = k.Flags.NoColor
	k.Streams.StartBusy()
}

// Config reads the configuration.
func (k *App) Config() (*config.Config, error) { return k.load(false) }

// ConfigToWrite reads the configuration for a command that makes the file where it is not there.
func (k *App) ConfigToWrite() (*config.Config, error) { return k.load(true) }

func (k *App) load(mayBeAbsent bool) (*config.Config, error) {
	if k.config != nil {
		return k.config, nil
	}
	c, err := config.Load(config.Options{Path: k.Flags.Config, Profile: k.Flags.Profile, Getenv: k.Getenv,
		Environ: k.environ(), MayBeAbsent: mayBeAbsent, Asking: k.Streams.HoldBusy})
	if err != nil {
		return nil, err
	}
	for _, w := range c.Warnings {
		k.Streams.Warn(w)
	}
	k.config = c
	return c, nil
}

// ConfigToDiagnose reads the configuration and prints no warning. Where it cannot be used, the
// error says so, and the environment's base URLs, the state folder and the defaults are what
// there is; nil if not even these are known.
func (k *App) ConfigToDiagnose() (*config.Config, error) {
	c, err := config.Load(config.Options{Path: k.Flags.Config, Profile: k.Flags.Profile, Getenv: k.Getenv,
		Environ: k.environ()})
	if err != nil {
		c, _ = config.Load(config.Options{Path: os.DevNull, Environ: k.environ(), Getenv: func(name string) string {
			switch name {
			case "TELEMATICSCTL_ACCESS_TOKEN", "TELEMATICSCTL_PROFILE", "TELEMATICSCTL_STORE_PASSPHRASE_FILE":
				return ""
			}
			return k.Getenv(name)
		}})
	}
	k.config = c
	return c, err
}

func (k *App) environ() []string {
	if k.Environ == nil {
		return nil
	}
	return k.Environ()
}

// Printer makes the printer of the output flags. It is asked for before anything is sent,
// so that a wrong flag costs nothing.
func (k *App) Printer(ctx context.Context) (*render.Printer, error) {
	return render.New(render.Options{
		Format: k.Flags.Output, JQ: k.Flags.JQ, Template: k.Flags.Template, Out: k.Streams.Out,
		TTY: k.Streams.OutTTY, Color: k.Streams.ColorOut(), Width: k.Streams.Width, Context: ctx, Columns: k.Flags.Columns,
		Now: k.Now(),
	})
}

// Print prints one value by the output flags.
func Print[T any](ctx context.Context, k *App, view render.View[T], value T) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	return render.One(p, view, value)
}

// PrintList prints a list by the output flags. An empty one says so on standard error.
func PrintList[T any](ctx context.Context, k *App, view render.View[T], values []T, none string) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if len(values) == 0 && none != "" {
		k.Streams.Note(none)
	}
	return render.List(p, view, values)
}

// PrinterOf returns the printer for a view by the output flags, or an error if the view cannot be
// printed so: before a command does anything.
func PrinterOf[T any](ctx context.Context, k *App, view render.View[T]) (*render.Printer, error) {
	p, err := k.Printer(ctx)
	if err == nil {
		err = view.Check(p)
	}
	return p, err
}

// CheckOutput checks the output flags against what a command can show, before it does anything.
func CheckOutput[T any](ctx context.Context, k *App, view render.View[T]) error {
	_, err := PrinterOf(ctx, k, view)
	return err
}

// largestInput is the most bytes that are read of a file or of standard input that holds
// one request.
const largestInput = 4 << 20

// ReadInput reads a whole small file, or standard input for "-". flag is the flag that named it.
func (k *App) ReadInput(flag, name string) ([]byte, error) {
	r := k.Streams.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, failure.Wrap(failure.Invalid, flag, err).
				Because(ReasonNamesFile, flag)
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, largestInput+1))
	switch {
	case err != nil:
		return nil, failure.Wrap(failure.Invalid, flag+" "+name, err)
	case len(data) > largestInput:
		return nil, failure.Newf(failure.Invalid, "%s %s is larger than 4 MiB", flag, name)
	}
	return data, nil
}

// Unprinted returns the error of an output that could not be written, after what was done.
func Unprinted(err error, done string) error {
	return failure.Prefix(err, done+", but the result cannot be printed")
}
