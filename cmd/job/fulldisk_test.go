package job_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// full is a run on a disk without room: no file of it may be larger than so many blocks
// of 512 bytes, which the system refuses as it does what finds no room. Which file finds
// no room depends on the sizes of the files.
type full struct {
	args   []string
	stdin  bool
	blocks int
	faults []string
	stdout string // a device instead of the test's own

	says []string // of the run that found no room
	sent bool     // that run had registered users by then

	pad   int // length of the names, so that files of results are larger than the journal
	again int // exit status of the run that finds room
}

// A disk that is full at any moment: the run ends with 1 and says what to do, and the
// same command resumes it once there is room. Nobody is registered twice, nobody is left
// out, and no file is half written.
func TestARunThatAFullDiskEndedIsResumedWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here, and perhaps no limit for the size of files")
	}
	for name, c := range map[string]full{
		"the journal cannot be created": {blocks: 100, says: []string{"the journal of the job cannot be written",
			"raise the file size limit"}},
		"the input cannot be copied": {stdin: true, blocks: 20, says: []string{"the copy of the input cannot be written"}},
		"the results": {args: []string{"--results", "out.csv"}, blocks: 200, pad: 70,
			says: []string{"the results cannot be written to ", "raise the file size limit"}},
		"the rows that failed": {args: []string{"--failed-out", "out.csv"},
			faults: []string{"POST /v1/Registration/create: 400"}, blocks: 200, pad: 70, again: 5,
			says: []string{"the failed rows cannot be written to "}},
		"the users' tokens": {args: []string{"--create-access-token", "--tokens-out", "out.csv"}, blocks: 200, sent: true,
			says: []string{"the tokens cannot be written to ",
				"registered whose tokens could not be written; get them with `telematicsctl auth login ",
				"then resume with `telematicsctl job resume "}},
		"standard output": {args: []string{"-o", "ids"}, blocks: 10_000, stdout: "/dev/full", sent: true,
			says: []string{"no space left on the device", "list the users with `telematicsctl job show ",
				"resume with `telematicsctl job resume "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

const fullRows = 1000

func (c full) run(t *testing.T) {
	s, home := serve(t, c.faults...), t.TempDir()
	var text strings.Builder
	text.WriteString("ClientId,FirstName\n")
	for i := range fullRows {
		fmt.Fprintf(&text, "driver-%d,Name %d%s\n", i, i, strings.Repeat("x", c.pad))
	}
	in := filepath.Join(home, "drivers.csv")
	if err := os.WriteFile(in, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stderr := c.once(t, s, home, true)
	for _, want := range append(c.says, "Error: ") {
		if !strings.Contains(stderr, want) {
			t.Errorf("the run without room does not say %q: %s", want, stderr)
		}
	}
	if code != 1 || (s.counters(t).Users > 0) != c.sent {
		t.Errorf("the run without room exits with %d and leaves %d users: %s", code, s.counters(t).Users, stderr)
	}
	if left, err := os.ReadFile(filepath.Join(home, "out.csv")); len(left) > 0 && (err != nil ||
		left[len(left)-1] != '\n') {
		t.Errorf("a file is half written: …%.40q", left[max(0, len(left)-40):])
	}
	if code, stderr = c.once(t, s, home, false); code != c.again {
		t.Fatalf("the run with room exits with %d: %s", code, stderr)
	}
	c.complete(t, home)
	if users := s.users(t); len(c.faults) == 0 && len(users) != fullRows {
		t.Errorf("the service has %d users", len(users))
	}
}

// once runs the command, on a disk that is full or not.
func (c full) once(t *testing.T, s *service, home string, isFull bool) (code int, stderr string) {
	t.Helper()
	args := []string{"user", "bulk", "--file", "drivers.csv", "--concurrency", "8"}
	if c.stdin {
		args[3] = "-"
	}
	cmd := program(t, home, s.env, append(args, c.args...)...)
	if isFull {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`ulimit -f %d && exec "$0" "$@"`,
			c.blocks)}, cmd.Args...)
	}
	var out bytes.Buffer
	cmd.Dir, cmd.Stderr = home, &out
	for path, to := range map[string]func(*os.File){
		filepath.Join(home, "drivers.csv"): func(f *os.File) { cmd.Stdin = f }, c.stdout: func(f *os.File) { cmd.Stdout = f },
	} {
		if path == "" || (path == c.stdout && !isFull) {
			continue
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		to(f)
	}
	return exit(t, cmd.Run()), out.String()
}

// complete looks at the file that found no room at first.
func (c full) complete(t *testing.T, home string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(home, "out.csv"))
	switch lines := bytes.Count(data, []byte("\n")); {
	case len(c.args) < 2 || c.args[0] == "-o":
	case err != nil:
		t.Error(err)
	case c.args[0] == "--create-access-token":
		// The pairs of the users in flight are lost, as the warning says.
		if lines < fullRows+1-2*8 || bytes.Count(data, []byte(",")) != 3*lines {
			t.Errorf("the file of tokens has %d lines", lines)
		}
	case lines != fullRows+1:
		t.Errorf("the file has %d lines", lines)
	}
}
