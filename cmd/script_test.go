package cmd_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// TestMain lets the test binary be the program: scripts run it as a process of its own,
// with real signals and exit statuses. It differs from main in the waits between retries
// and in what the passphrase of a new token file costs.
func TestMain(m *testing.M) {
	testscript.Main(underNohup{m}, map[string]func(){"telematicsctl": func() {
		ctx, stop := cmd.Interruptible(context.Background())
		defer stop()
		os.Exit(cmd.Run(ctx, cmdutil.Env{
			Args: os.Args[1:], Streams: terminal.System(os.Stdin, os.Stdout, os.Stderr, os.Getenv), Getenv: os.Getenv,
			Environ: os.Environ, Now: time.Now,
			Version: "v0.0.0-test", Retry: userservice.Retry{First: time.Millisecond}, StoreWorkFactor: 1,
			Wire: contracttest.WritingDown(os.Getenv(exchangesFolder)),
		}))
	}})
}

// underNohup runs tests that send SIGHUP to their children where the tests themselves were
// started with it ignored: a signal that is handled is reset in a child, one that is ignored
// stays so.
type underNohup struct{ *testing.M }

func (u underNohup) Run() int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	if os.Getenv("TMPDIR") == "" {
		if folder := temporaryFolder(); folder != "" {
			defer func() { _ = os.RemoveAll(folder) }()
			_ = os.Setenv("TMPDIR", folder)
		}
	}
	// The limits that a command sets are for a process of its own, and it sets none where it finds
	// one.
	debug.SetMemoryLimit(2 << 30)
	debug.SetGCPercent(800)
	return u.M.Run()
}

// temporaryFolder returns a faster folder for temporary files, if the system has one.
var temporaryFolder = func() string { return "" }

// The scripts are the specification that a reader meets first: each is a user at work, in
// a home of its own.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", nil) }

// These run twice: against the sandbox in the program's own process, and over a socket.
func TestScriptsInProcess(t *testing.T) {
	runScripts(t, "testdata/both", func(e *testscript.Env) error {
		e.Setenv("TELEMATICSCTL_PROFILE", "sandbox")
		return nil
	})
}

func TestScriptsOverASocket(t *testing.T) {
	runScripts(t, "testdata/both", func(e *testscript.Env) error {
		return startService(e, "")
	})
}

// And a third time with the tokens in the system's keyring, where there is a real one:
// .ci/keyring runs it.
func TestRealKeyringScripts(t *testing.T) {
	if os.Getenv("TELEMATICSCTL_TEST_KEYRING") == "" {
		t.Skip("needs a Secret Service: .ci/keyring starts one")
	}
	runScripts(t, "testdata/both", func(e *testscript.Env) error {
		e.Setenv("DBUS_SESSION_BUS_ADDRESS", os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
		if err := startService(e, ""); err != nil {
			return err
		}
		e.Setenv("TELEMATICSCTL_TOKEN_STORE", "keyring")
		// The scripts share one keyring: each has a profile of its own in it.
		profile := fmt.Sprintf("script-%d", scripts.Add(1))
		e.Setenv("TELEMATICSCTL_PROFILE", profile)
		dir := filepath.Join(e.WorkDir, "config", "telematicsctl")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("profiles:\n  "+profile+": {}\n"), 0o600)
	})
}

var scripts atomic.Int32

func runScripts(t *testing.T, dir string, setUp func(*testscript.Env) error) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"HOME", "USERPROFILE", "AppData", "LocalAppData"} {
				e.Setenv(name, e.WorkDir)
			}
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("DBUS_SESSION_BUS_ADDRESS", "") // no keyring, whatever the machine has
			e.Setenv("XDG_RUNTIME_DIR", filepath.Join(e.WorkDir, "run"))
			e.Setenv("TELEMATICSCTL_PROFILE", "")
			e.Values[arrivedKey{}] = make(chan struct{}, 1)
			prepareStory(e)
			holdToContract(t, e)
			if setUp != nil {
				return setUp(e)
			}
			return nil
		},
		Cmds: withStories(map[string]func(*testscript.TestScript, bool, []string){
			"service":   serviceCommand,
			"recovers":  recovers,
			"capture":   capture,
			"lines":     lines,
			"contains":  contains,
			"mode":      mode,
			"exits":     exits,
			"exits-on":  exitsOn,
			"head":      head,
			"served":    served,
			"exchanged": exchanged,
			"hinted":    hinted,
		}),
	})
}

// storyCommands are what scripts do at a terminal, where the system has pseudo-terminals.
var storyCommands map[string]func(*testscript.TestScript, bool, []string)

func withStories(all map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript,
	bool, []string) {
	maps.Copy(all, storyCommands)
	return all
}

// storyKey is where a script keeps its terminal.
type storyKey struct{}

// prepareStory gives a script a place for its terminal.
func prepareStory(e *testscript.Env) {
	e.Values[storyKey{}] = new(any)
	e.Setenv("TERM", "xterm-256color")
	e.Setenv("ACCESSIBLE", "")
}

// service KIND: starts a service that behaves as KIND says (see services) and points the
// environment at it.
func serviceCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: service KIND")
	}
	url, stop, err := newService(args[0], ts.Value(arrivedKey{}).(chan struct{}))
	ts.Check(err)
	ts.Defer(stop)
	ts.Value(unwellKey{}).(*unwell).add(args[0], url)
	for name, value := range environment(url) {
		ts.Setenv(name, value)
	}
}

// recovers makes the service well, at the address that it has.
func recovers(ts *testscript.TestScript, neg bool, args []string) {
	behind, ok := recoveries.Load(ts.Getenv("TELEMATICSCTL_USER_URL"))
	if neg || len(args) != 0 || !ok {
		ts.Fatalf("usage: recovers, after service KIND")
	}
	behind.(*recovering).recovered.Store(true)
}

func startService(e *testscript.Env, kind string) error {
	url, stop, err := newService(kind, nil)
	if err != nil {
		return err
	}
	e.Defer(stop)
	for name, value := range environment(url) {
		e.Setenv(name, value)
	}
	return nil
}

// environment is all that a CI job sets: no file, no keyring.
func environment(url string) map[string]string {
	return map[string]string{
		"TELEMATICSCTL_USER_URL":          url,
		"TELEMATICSCTL_ACCOUNTS_URL":      url,
		"TELEMATICSCTL_PORTAL_URL":        url,
		"TELEMATICSCTL_STATISTICS_URL":    url,
		"TELEMATICSCTL_DEVICE_STATUS_URL": url,
		"TELEMATICSCTL_INSTANCE_ID":       sandbox.InstanceID,
		"TELEMATICSCTL_INSTANCE_KEY":      sandbox.InstanceKey,
		"TELEMATICSCTL_ADMIN_EMAIL":       sandbox.AdminEmail,
		"TELEMATICSCTL_ADMIN_PASSWORD":    sandbox.AdminPassword,
		"TELEMATICSCTL_TOKEN_STORE":       "file",
		"TELEMATICSCTL_STORE_PASSPHRASE":  "a passphrase for tests",
	}
}
