package cmd_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// How a file of a newer version is made of one of this version, by the kind of its format.

// newerFrame is for files in a frame: "telematicsctl KIND VERSION SHA-256".
func newerFrame(t *testing.T, data []byte) []byte {
	t.Helper()
	line, content, _ := bytes.Cut(data, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) != 4 {
		t.Fatalf("no frame: %q", line)
	}
	version, err := strconv.Atoi(words[2])
	if err != nil {
		t.Fatal(err)
	}
	return atomicfile.Frame(words[1], version+1, content)
}

// newerHeader is for the binary files of a journal.
func newerHeader(t *testing.T, data []byte) []byte {
	t.Helper()
	if len(data) < 64 || string(data[:4]) != "tctl" {
		t.Fatalf("no header: %q", data[:min(len(data), 64)])
	}
	newer := bytes.Clone(data)
	binary.LittleEndian.PutUint32(newer[8:], binary.LittleEndian.Uint32(newer[8:])+1)
	binary.LittleEndian.PutUint32(newer[60:], crc32.Checksum(newer[:60], crc32.MakeTable(crc32.Castagnoli)))
	return newer
}

// newerMember is for files of JSON, whose first line has the version as a member.
func newerMember(member string) func(*testing.T, []byte) []byte {
	return func(t *testing.T, data []byte) []byte {
		t.Helper()
		old := []byte(`"` + member + `":1`)
		if !bytes.Contains(data, old) {
			t.Fatalf("no %s in %.200s", old, data)
		}
		return bytes.ReplaceAll(data, old, []byte(`"`+member+`":2`))
	}
}

var sandboxVersion = regexp.MustCompile(`"Version":\d+`)

// newerSandbox is for the sandbox's data: "CRC-32C {...}" lines, the first with the version.
func newerSandbox(t *testing.T, data []byte) []byte {
	t.Helper()
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	text := sandboxVersion.ReplaceAll(line[9:], []byte(`"Version":99`))
	if bytes.Equal(text, line[9:]) {
		t.Fatalf("no version: %q", line)
	}
	sum := strconv.FormatUint(uint64(crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))), 16)
	return append([]byte(strings.Repeat("0", 8-len(sum))+sum+" "+string(text)+"\n"), rest...)
}

// Each file that the program keeps has a version. An older program refuses a newer one's file: it
// says so, does nothing, and leaves the file as it is.
func TestAFileOfANewerVersionIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	type set = func(*testing.T, *patient) // makes the file
	run := func(args ...string) set {
		return func(t *testing.T, p *patient) { p.must(t, args...) }
	}
	lease := func(t *testing.T, p *patient) {
		p.must(t, "user", "set-logging", "on", userIn(t, p), "--for", "1h")
	}
	plan := func(t *testing.T, p *patient) {
		p.must(t, "user", "plan", "--file", fileIn(t, p, "fleet.csv", "ClientId,FirstName\nc-1,Ada\n"), "--out",
			p.dir+"/a.plan")
	}
	for name, c := range map[string]struct {
		make  set
		file  string // below the home; * is a job
		newer func(*testing.T, []byte) []byte
		args  string // DIR is the home, JOB the job
		says  string
		exit  int
	}{
		"token file": {run("token", "refresh"), "state/tokens.age", newerFrame, "token list", "newer version", 3},
		"sign-in guard": {run("token", "refresh"), "state/sign-ins", newerFrame,
			"auth login --device-token 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", "newer version", 3},
		"stores in use": {run("token", "refresh"), "state/stores.state", newerFrame, "token list", "", 0},
		"leases":        {lease, "state/leases.json", newerFrame, "lease list", "newer version", 1},
		"audit record": {lease, "state/audit.jsonl", newerMember("V"), "audit list", "cannot be read and was skipped",
			0},
		"job": {run("user", "bulk", "--quantity", "2"), "state/jobs/*/job.json", newerFrame, "job resume JOB",
			"newer version", 1},
		"last run of a job": {run("user", "bulk", "--quantity", "2"), "state/jobs/*/run.json", newerFrame, "job show JOB",
			"newer version", 1},
		"last run of a job, resumed": {run("user", "bulk", "--quantity", "2"), "state/jobs/*/run.json", newerFrame,
			"job resume JOB", "newer version", 1},
		"rows of a job": {run("user", "bulk", "--quantity", "2"), "state/jobs/*/rows", newerHeader, "job show JOB",
			"newer version", 1},
		"high-water mark": {run("user", "bulk", "--quantity", "2"), "state/jobs/*/highwater", newerHeader, "job resume JOB",
			"newer version", 1},
		"identity key last used": {run("user", "bulk", "--quantity", "2"), "state/jobs/instances/*", newerFrame,
			"user bulk --quantity 2", "newer version", 1},
		"texts of a job": {run("user", "bulk", "--quantity", "2"), "state/jobs/*/texts", newerHeader, "job show JOB",
			"newer version", 1},
		"saved plan": {plan, "a.plan", newerMember("Plan"), "user plan show DIR/a.plan", "newer version", 2},
		"users of a ledger": {apply1, "state/applied/*/fleet.csv.ledger", newerMember("Ledger"),
			"user plan --file DIR/fleet.csv", "newer version", 2},
		"sandbox": {run("user", "list", "--profile", "sandbox"), "state/sandbox/sandbox.db", newerSandbox,
			"user list --profile sandbox", "newer version", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			c.make(t, p)
			files, err := filepath.Glob(p.dir + "/" + c.file)
			if err != nil || len(files) == 0 {
				t.Fatalf("no file %s among %v", c.file, filesBelow(t, p.dir))
			}
			path := files[0]
			old, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			newer := c.newer(t, old)
			if err := os.WriteFile(path, newer, 0o600); err != nil {
				t.Fatal(err)
			}
			args := strings.NewReplacer("DIR", p.dir, "JOB", filepath.Base(filepath.Dir(path))).Replace(c.args)
			out, errs, code := p.run(t, strings.Fields(args)...)
			if code != c.exit || !strings.Contains(errs, c.says) {
				t.Errorf("%s: exit status %d\n%s%s", args, code, out, errs)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(now, newer) {
				t.Errorf("%s was changed (%v)", c.file, err)
			}
		})
	}
}

func apply1(t *testing.T, p *patient) {
	p.must(t, "user", "apply", "--file", fileIn(t, p, "fleet.csv", "ClientId,FirstName\nc-1,Ada\n"), "--yes")
}

// filesBelow are the files below a folder.
func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
