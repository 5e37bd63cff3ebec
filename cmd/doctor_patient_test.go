package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// patient is a machine with something wrong: an environment, a home, and a clock.
type patient struct {
	dir  string
	env  map[string]string
	page bool // standard output is a terminal
	now  func() time.Time
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	service, stop, err := newService("well", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p := &patient{dir: t.TempDir(), env: environment(service), now: time.Now}
	maps.Copy(p.env, map[string]string{"HOME": p.dir, "XDG_CONFIG_HOME": p.dir + "/config", "XDG_STATE_HOME": p.dir,
		"TELEMATICSCTL_STATE_DIR": p.dir + "/state"})
	return p
}

func (p *patient) run(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cmd.Run(context.Background(), cmdutil.Env{
		Args: args, Streams: &terminal.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr,
			OutTTY: p.page},
		Getenv: func(name string) string { return p.env[name] }, Now: p.now, Version: "v1.2.3",
		Environ: func() (all []string) {
			for name, value := range p.env {
				all = append(all, name+"="+value)
			}
			return all
		},
		Retry: userservice.Retry{First: time.Millisecond},
	})
	return stdout.String(), stderr.String(), code
}

func (p *patient) must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := p.run(t, args...)
	if code != 0 {
		t.Fatalf("%v: exit status %d\n%s", args, code, errs)
	}
	return out
}

// write writes the configuration file.
func (p *patient) write(t *testing.T, text string, mode os.FileMode) {
	t.Helper()
	path := p.dir + "/config/telematicsctl/config.yaml"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
}

// doctored is what `doctor -o json` prints.
type doctored struct {
	Verdict string
	Checks  []struct{ Check, State, Detail, Fix string }
}

func (p *patient) doctor(t *testing.T, args ...string) (lines map[string][3]string, code int) {
	t.Helper()
	out, errs, code := p.run(t, append([]string{"doctor", "-o", "json"}, args...)...)
	var d doctored
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	lines = map[string][3]string{}
	worst := "ok"
	for _, c := range d.Checks {
		if _, twice := lines[c.Check]; twice {
			t.Errorf("%s comes twice", c.Check)
		}
		lines[c.Check] = [3]string{c.State, c.Detail, c.Fix}
		if (c.State == "warning" || c.State == "broken") && c.Fix == "" {
			t.Errorf("%s is %s, and nothing says what to do: %s", c.Check, c.State, c.Detail)
		}
		if c.State == "broken" || c.State == "warning" && worst == "ok" {
			worst = c.State
		}
	}
	if d.Verdict != worst || (worst == "broken") != (code != 0) {
		t.Errorf("verdict %s, exit status %d\n%s", d.Verdict, code, out)
	}
	return lines, code
}

// follow does what a fix says: the command in it, or what by is.
func (p *patient) follow(t *testing.T, fix string, by func()) {
	t.Helper()
	command := regexp.MustCompile("`(telematicsctl|chmod) ([^`]*)`").FindStringSubmatch(fix)
	switch {
	case by != nil:
		by()
	case command == nil:
		t.Fatalf("no command in %q", fix)
	case command[1] == "chmod":
		if out, err := exec.Command("sh", "-c", "chmod "+command[2]).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	default:
		p.must(t, strings.Fields(command[2])...)
	}
}

const doctorProfile = "current_profile: prod\nprofiles:\n  prod:\n    instance_id: " + keptInstance + "\n"

// nobodyAt returns an address where nobody listens until the test ends.
func nobodyAt(t *testing.T) string {
	t.Helper()
	addr, free, err := closedPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(free)
	return addr
}

// closedPort returns an address where nobody listens. Until it is freed it is one end of a
// connection, so that no listener gets it.
func closedPort() (addr string, free func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	held, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		return "", nil, errors.Join(err, l.Close())
	}
	return held.LocalAddr().String(), func() { _, _ = held.Close(), l.Close() }, nil
}

// logsForAMinute makes a user whose debug logging is on for a minute.
func logsForAMinute(t *testing.T, p *patient) {
	t.Helper()
	p.write(t, doctorProfile, 0o600)
	p.env["TELEMATICSCTL_INSTANCE_ID"] = environment("")["TELEMATICSCTL_INSTANCE_ID"]
	user := strings.TrimSpace(p.must(t, "user", "create", "--logging", "off", "-o", "ids"))
	p.must(t, "user", "set-logging", "on", user, "--for", "1m")
}
