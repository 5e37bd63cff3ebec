//go:build !windows

package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/rogpeppe/go-internal/testscript"
)

// story is a terminal with a command in it, and what it shows.
type story struct {
	terminal *os.File
	command  *exec.Cmd
	gone     chan struct{} // the command has ended, and all it wrote was read

	mu    sync.Mutex
	shown vt10x.Terminal
	news  chan struct{}
}

// storyCommands are what scripts do at a terminal.
func init() {
	storyCommands = map[string]func(*testscript.TestScript, bool, []string){
		"screen": screenCommand, "types": types, "sees": sees, "closes": closes, "faults": faults,
	}
}

// faults SPEC...: the service fails in these ways from now on; in none without a SPEC.
func faults(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: faults SPEC...")
	}
	body, err := json.Marshal(map[string]any{"Faults": append([]string{}, args...)})
	ts.Check(err)
	req, err := http.NewRequest(http.MethodPut, ts.Getenv("TELEMATICSCTL_USER_URL")+"/_sandbox/faults",
		bytes.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(resp.Body)
		ts.Fatalf("faults %q: %s %s", args, resp.Status, answer)
	}
}

// screenTime is how long a script waits for what a screen is to show.
const screenTime = 30 * time.Second

// screen COLUMNSxLINES COMMAND...: runs a command in a terminal of this size.
func screenCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: screen COLUMNSxLINES COMMAND...")
	}
	columns, lines, _ := strings.Cut(args[0], "x")
	w, err := strconv.Atoi(columns)
	ts.Check(err)
	h, err := strconv.Atoi(lines)
	ts.Check(err)
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	s := &story{command: exec.Command(path, args[2:]...), gone: make(chan struct{}), news: make(chan struct{}, 1),
		shown: vt10x.New(vt10x.WithSize(w, h))}
	s.command.Dir, s.command.Env = ts.MkAbs("."), append(scriptEnv(ts), "TERM="+ts.Getenv("TERM"),
		"ACCESSIBLE="+ts.Getenv("ACCESSIBLE"))
	opened, err := pty.StartWithSize(s.command, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)})
	ts.Check(err)
	s.terminal, err = closable(opened)
	ts.Check(err)
	go s.read()
	ts.Defer(func() {
		_ = s.command.Process.Kill()
		_ = s.terminal.Close()
	})
	*ts.Value(storyKey{}).(*any) = s
}

// closable is a terminal that can be closed while it is read.
func closable(terminal *os.File) (*os.File, error) {
	defer func() { _ = terminal.Close() }()
	fd, err := syscall.Dup(int(terminal.Fd()))
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	return os.NewFile(uintptr(fd), terminal.Name()), err
}

// read draws what the command writes, until it has ended.
func (s *story) read() {
	defer close(s.gone)
	b := make([]byte, 4096)
	for {
		n, err := s.terminal.Read(b)
		if err != nil {
			return
		}
		s.mu.Lock()
		_, _ = s.shown.Write(b[:n])
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
}

func (s *story) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(s.shown.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func storyOf(ts *testscript.TestScript) *story {
	s, ok := (*ts.Value(storyKey{}).(*any)).(*story)
	if !ok {
		ts.Fatalf("the screen is not open")
	}
	return s
}

// types TEXT...: types texts and keys, which stand in angle brackets: <Enter>, <Esc>, <Down>,
// <C-c>.
func types(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: types TEXT...")
	}
	keys := map[string]string{"<Enter>": "\r", "<Esc>": "\x1b", "<Down>": "\x1b[B", "<Up>": "\x1b[A",
		"<Backspace>": "\x7f", "<C-c>": "\x03", "<C-d>": "\x04", "<C-u>": "\x15"}
	for _, arg := range args {
		if key, ok := keys[arg]; ok {
			arg = key
		}
		_, err := storyOf(ts).terminal.WriteString(arg)
		ts.Check(err)
	}
}

// sees TEXT: waits until the screen shows a text within one of its lines. Negated, it
// does not show it now.
func sees(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] sees TEXT")
	}
	s, limit := storyOf(ts), time.After(screenTime)
	for {
		text := s.text()
		found := strings.Contains(text, args[0])
		switch {
		case found && neg:
			ts.Fatalf("the screen shows %q:\n%s", args[0], text)
		case found || neg:
			return
		}
		select {
		case <-s.news:
		case <-s.gone:
			if text := s.text(); !strings.Contains(text, args[0]) {
				ts.Fatalf("the command has ended, and the screen does not show %q:\n%s", args[0], text)
			}
		case <-limit:
			ts.Fatalf("the screen does not show %q:\n%s", args[0], text)
		}
	}
}

// closes STATUS [SIGNAL]: the command ends by itself, by a signal (TERM, HUP), or because its
// terminal is closed (CLOSE), with this exit status.
func closes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: closes STATUS [TERM|HUP|CLOSE]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	s := storyOf(ts)
	switch strings.Join(args[1:], "") {
	case "TERM":
		ts.Check(s.command.Process.Signal(syscall.SIGTERM))
	case "CLOSE":
		ts.Check(s.terminal.Close())
	}
	kill := time.AfterFunc(screenTime, func() { _ = s.command.Process.Kill() })
	err = s.command.Wait()
	kill.Stop()
	<-s.gone
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := s.command.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status %d, not %d; the terminal shows\n%s", got, want, s.text())
	}
	ts.Logf("%s", s.text())
}
