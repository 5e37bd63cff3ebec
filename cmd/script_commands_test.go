package cmd_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits STATUS COMMAND... runs a command and holds it to its exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

// arrivedKey is where a script keeps the channel that a slow service tells of its first request.
type arrivedKey struct{}

// exits-on INT|TERM|HUP|KILL STATUS TIME COMMAND...: runs a command whose standard input stays
// open, sends it the signal when a request of it has arrived (or it has had a while to
// read what nobody writes), and holds it to its exit status and to the time that it may
// take from then on. What it printed is in the files out and err.
func exitsOn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: exits-on INT|TERM|HUP STATUS TIME COMMAND...")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	limit, err := time.ParseDuration(args[2])
	ts.Check(err)
	path, err := exec.LookPath(args[3])
	ts.Check(err)
	c := exec.Command(path, args[4:]...)
	c.Dir, c.Env = ts.MkAbs("."), scriptEnv(ts)
	stdin, err := c.StdinPipe()
	ts.Check(err)
	defer func() { _ = stdin.Close() }()
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	arrived := ts.Value(arrivedKey{}).(chan struct{})
	select {
	case <-arrived: // a further request of the command before
	default:
	}
	ts.Check(c.Start())
	patience := 700 * time.Millisecond
	if args[0] == "KILL" {
		patience = time.Minute // what is killed is to have sent something
	}
	select {
	case <-arrived:
	case <-time.After(patience):
	}
	begun := time.Now()
	ts.Check(c.Process.Signal(map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM,
		"HUP": syscall.SIGHUP, "KILL": os.Kill}[args[0]]))
	kill := time.AfterFunc(limit, func() { _ = c.Process.Kill() })
	_ = c.Wait()
	kill.Stop()
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errOut.Bytes(), 0o600))
	if got := c.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status %d after %s, not %d\n%s%s", got, time.Since(begun), want, &out, &errOut)
	}
}

// head STATUS N COMMAND... runs a command whose reader takes N lines of standard output
// and goes away, as `| head -N` does, and holds it to its exit status. The lines and what
// it printed on standard error are in the files out and err.
func head(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: head STATUS N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	lines, err := strconv.Atoi(args[1])
	ts.Check(err)
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	c := exec.Command(path, args[3:]...)
	c.Dir, c.Env = ts.MkAbs("."), scriptEnv(ts)
	var out, errOut bytes.Buffer
	c.Stderr = &errOut
	stdout, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	reader := bufio.NewReader(stdout)
	for range lines {
		line, err := reader.ReadString('\n')
		out.WriteString(line)
		ts.Check(err)
	}
	ts.Check(stdout.Close())
	_ = c.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errOut.Bytes(), 0o600))
	if got := c.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status %d, not %d\n%s", got, want, &errOut)
	}
}

// scriptEnv is the part of a script's environment that the program knows.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range append(slices.Collect(maps.Keys(environment(""))), exchangesFolder, "HOME", "PATH",
		"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TELEMATICSCTL_PROFILE") {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// served waits until a sandbox serve holds the script's state folder.
func served(ts *testscript.TestScript, _ bool, _ []string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		if _, err := os.Stat(ts.MkAbs("state/telematicsctl/sandbox/serving.json")); err == nil {
			return
		}
		<-tick.C
	}
	ts.Fatalf("nothing is served")
}

// capture NAME puts the standard output of the last command, its end cut, into a variable.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// lines FILE N holds a file, or stdout or stderr, to so many lines.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines FILE N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); got != want {
		ts.Fatalf("%s has %d lines, not %d", args[0], got, want)
	}
}

// contains FILE TEXT looks for a text as it is, not as a pattern.
func contains(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] contains FILE TEXT")
	}
	if strings.Contains(ts.ReadFile(args[0]), args[1]) == neg {
		ts.Fatalf("%s: want %v of having %q, and it is\n%s", args[0], !neg, args[1], ts.ReadFile(args[0]))
	}
}

// mode FILE PERMISSIONS holds a file to its permissions, where the system has them.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE PERMISSIONS")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); os.PathSeparator == '/' && got != args[1] {
		ts.Fatalf("%s has mode %s, not %s", args[0], got, args[1])
	}
}

// hinted ARGUMENT... types the command that the last hint names, with the arguments behind it.
func hinted(ts *testscript.TestScript, neg bool, args []string) {
	_, hint, found := strings.Cut(ts.ReadFile("stderr"), "`telematicsctl ")
	if neg || !found {
		ts.Fatalf("no hint names a command")
	}
	hint, _, _ = strings.Cut(hint, "`")
	var words []string
	for i, part := range strings.Split(hint, "'") {
		if i%2 == 1 { // within quotation marks
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	ts.Check(ts.Exec("telematicsctl", append(words, args...)...))
}
