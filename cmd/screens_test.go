package cmd_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// What a person sees on terminals of 80 and 200 columns, command by command: no line is wider, and
// the screens are those in testdata/screens (go test ./cmd -run Screens -update rewrites them).
func TestScreens(t *testing.T) {
	t.Parallel()
	for _, width := range []int{80, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, width)
			var all strings.Builder
			for _, line := range screenLines {
				if text := s.show(t, line); !strings.HasPrefix(line, "profile show") { // which prints folders
					all.WriteString(text)
				}
			}
			path := filepath.Join("testdata", "screens", fmt.Sprintf("%d.txt", width))
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(path, []byte(all.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := all.String(); got != string(want) {
				t.Errorf("the screens differ from %s:\n%s", path, firstDifference(got, string(want)))
			}
		})
	}
}

// screenLines are the commands; each begins where the one before left the sandbox.
var screenLines = []string{
	"user create --first-name Ada --last-name Lovelace --client-id c-2001 --email ada@example.com --country DE",
	"user bulk --file drivers.csv --concurrency 1",
	"user bulk --file errors.csv",
	"user list",
	"user list -o wide --limit 1",
	"user list --columns Name,Country,DateCreated",
	"user find --last-name Lovelace",
	"user get client:c-2001",
	"user set-logging on client:c-2001 client:c-1",
	"user set-logging on client:c-2001",
	"user update client:c-2001 --city Berlin --birthday 1990-05-31 --children-count 3",
	"user set-tracking off --file drivers.csv --concurrency 1",
	"user set-logging --undo client:c-2001",
	"user explain client:c-2001",
	"user report",
	"user plan --file drivers.csv",
	"user plan --file drivers.csv --absent delete",
	"job list",
	"audit list",
	"auth status",
	"token list",
	"profile list",
	"profile show",
	"instance list",
	"user set-realtime on client:c-2001 --for 4h",
	"lease list",
	"user get client:nobody",
	"user list --colums A",
	"user list --columns Nmae",
	"user list -o jsn",
	"user delete client:c-1",
}

// screen is a terminal of some width, at the built-in sandbox.
type screen struct {
	dir   string
	width int
	now   time.Time
	color []string // NAME=VALUE, what the environment says of color; NO_COLOR=1 where there is nothing
	pipe  bool     // not a terminal
	both  bool     // standard error is a terminal, too: a live line comes and goes with the clock
}

func newScreen(t *testing.T, width int) *screen {
	t.Helper()
	s := &screen{dir: t.TempDir(), width: width, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	if err := os.Mkdir(filepath.Join(s.dir, "systemd"), 0o700); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long ", 60)
	for name, text := range map[string]string{
		"drivers.csv": "FirstName,LastName,ClientId,City\nGrace,Hopper,c-1,Bonn\n" + long +
			",\x1b[31mred,c-2,\u202ebidi\n日本語日本語日本語,,c-3,\n",
		"errors.csv": "ClientId,Email,Birthday,Gender\na-1,nobody,2999-01-01,Female\na-2,x@example.com,yesterday,w\n" +
			"1.23457E+15,y@example.com,,\na-2,z@example.com,,\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// show types a command, and returns what the terminal shows.
func (s *screen) show(t *testing.T, line string) string {
	t.Helper()
	s.now = s.now.Add(2 * time.Minute)
	env := map[string]string{
		"TELEMATICSCTL_STATE_DIR": s.dir, "TELEMATICSCTL_PROFILE": "sandbox", "XDG_CONFIG_HOME": s.dir, "HOME": s.dir,
		"XDG_RUNTIME_DIR": s.dir, // in which there is a systemd: the system has timers
	}
	args := strings.Fields(line)
	for i, arg := range args {
		if strings.HasSuffix(arg, ".csv") {
			args[i] = filepath.Join(s.dir, arg)
		}
	}
	var out, all bytes.Buffer
	streams := &terminal.Streams{In: strings.NewReader("y\n"), Out: io.MultiWriter(&out, &all), Err: &all,
		InTTY: !s.pipe, OutTTY: !s.pipe, Width: s.width}
	streams.ErrTTY = s.both || !s.pipe && strings.HasPrefix(line, "user delete") // which asks
	color := map[string]string{"NO_COLOR": "1"}
	if len(s.color) > 0 {
		color = map[string]string{}
	}
	for _, set := range s.color {
		name, value, _ := strings.Cut(set, "=")
		color[name] = value
	}
	streams.ReadEnvironment(func(name string) string { return color[name] })
	exit := cmd.Run(context.WithoutCancel(t.Context()), cmdutil.Env{
		Args: args, Getenv: func(name string) string { return env[name] }, Now: func() time.Time { return s.now },
		Version: "v0",
		Streams: streams,
	})
	for _, l := range strings.Split(out.String(), "\n") {
		l = sgr.ReplaceAllString(l, "")
		if w := render.Width(l); w > s.width && !s.pipe {
			t.Errorf("%s: %d columns of %d: %s", line, w, s.width, l)
		}
		if strings.ContainsAny(l, "\x1b\u202e") {
			t.Errorf("%s: it can move the cursor: %q", line, l)
		}
	}
	return fmt.Sprintf("$ telematicsctl %s\n%s=> %d\n\n", line, jobID.ReplaceAllString(all.String(), "${1}0123456789ab"),
		exit)
}

// jobID finds the IDs of jobs, which depend on the folder of their input.
var jobID = regexp.MustCompile(`(?m)(^Job |^)[0-9a-f]{12}\b`)

// firstDifference returns the lines in which two texts begin to differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, a[i], b[i])
		}
	}
	return "one is longer"
}
