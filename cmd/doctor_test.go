package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// patient is a machine with something wrong: an environment, a home, and a clock.
type patient struct {
	dir string
	env map[string]string
	now func() time.Time
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
		Args: args, Streams: &terminal.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr},
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

// What is broken, the line that says so, and what corrects it, which it does.
func TestDoctorFindsWhatIsBrokenAndHowToFixIt(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*testing.T, *patient) {
		return func(_ *testing.T, p *patient) { p.env[name] = value }
	}
	for name, c := range map[string]struct {
		broken       func(*testing.T, *patient)
		check, state string
		detail, fix  string
		exit         int
		repair       func(*testing.T, *patient) // nil: the command of the fix
		stillWarns   bool                       // for another reason than before
	}{
		"a misspelled key": {
			broken: func(t *testing.T, p *patient) {
				p.write(t, strings.Replace(doctorProfile, "instance_id", "instance_idd", 1), 0o600)
			},
			check: "configuration", state: "broken", detail: `unknown key "instance_idd" (did you mean instance_id?)`,
			fix: "correct the file", exit: 2,
			repair: func(t *testing.T, p *patient) { p.write(t, doctorProfile, 0o600) },
		},
		"a file that is not YAML": {
			broken: func(t *testing.T, p *patient) { p.write(t, "profiles: [", 0o600) },
			check:  "configuration", state: "broken", detail: "is invalid", fix: "correct the file", exit: 2,
			repair: func(t *testing.T, p *patient) { p.write(t, doctorProfile, 0o600) },
		},
		"a file that is not there": {
			broken: set("TELEMATICSCTL_CONFIG", "/nowhere/config.yaml"),
			check:  "configuration", state: "broken", detail: "does not exist", fix: "TELEMATICSCTL_CONFIG", exit: 2,
			repair: set("TELEMATICSCTL_CONFIG", ""),
		},
		"a key that others can read": {
			broken: func(t *testing.T, p *patient) { p.write(t, doctorProfile+"    instance_key: "+keptKey+"\n", 0o644) },
			check:  "configuration", state: "warning", detail: "can be read by others", fix: "chmod go-rwx", stillWarns: true,
		},
		"a key in the clear": {
			broken: func(t *testing.T, p *patient) { p.write(t, doctorProfile+"    instance_key: "+keptKey+"\n", 0o600) },
			check:  "configuration", state: "warning", detail: "in the clear (instance_key of profile prod)",
			fix: "--instance-key-stdin", repair: func(t *testing.T, p *patient) { p.write(t, doctorProfile, 0o600) },
		},
		"a file that others can write": {
			broken: func(t *testing.T, p *patient) { p.write(t, doctorProfile, 0o666) },
			check:  "configuration", state: "warning", detail: "can be written by others", fix: "chmod go-rwx",
		},
		"a misspelled variable": {
			broken: set("TELEMATICSCTL_PROFIL", "prod"),
			check:  "environment", state: "warning", detail: "did you mean TELEMATICSCTL_PROFILE?", fix: "unset the variable",
			repair: func(_ *testing.T, p *patient) { delete(p.env, "TELEMATICSCTL_PROFIL") },
		},
		"no instance": {
			broken: set("TELEMATICSCTL_INSTANCE_ID", ""),
			check:  "profile", state: "broken", detail: "no instance is set", fix: "profile add", exit: 2,
			repair: set("TELEMATICSCTL_INSTANCE_ID", keptInstance),
		},
		"a profile that is not there": {
			broken: set("TELEMATICSCTL_PROFILE", "staging"),
			check:  "profile", state: "broken", detail: `no profile "staging"`, fix: "profile", exit: 4,
			repair: set("TELEMATICSCTL_PROFILE", ""),
		},
		"a base URL that would send secrets in the clear": {
			broken: set("TELEMATICSCTL_USER_URL", "http://user.example.com"),
			check:  "settings", state: "broken", detail: "http", fix: "https", exit: 2,
			repair: func(_ *testing.T, p *patient) { p.env["TELEMATICSCTL_USER_URL"] = p.env["TELEMATICSCTL_PORTAL_URL"] },
		},
		"a state folder that is a file": {
			broken: func(t *testing.T, p *patient) {
				if err := os.WriteFile(p.dir+"/file", nil, 0o600); err != nil {
					t.Fatal(err)
				}
				p.env["TELEMATICSCTL_STATE_DIR"] = p.dir + "/file/state"
			},
			check: "state-folder", state: "broken", detail: "cannot write", fix: "folder", exit: 1,
			repair: func(_ *testing.T, p *patient) { p.env["TELEMATICSCTL_STATE_DIR"] = p.dir + "/state" },
		},
		"no keyring": {
			broken: set("TELEMATICSCTL_TOKEN_STORE", "keyring"),
			check:  "token-store", state: "broken", detail: "the keyring cannot be used", fix: "TELEMATICSCTL_TOKEN_STORE=file",
			exit: 3, repair: set("TELEMATICSCTL_TOKEN_STORE", "file"),
		},
		"a store of no such kind": {
			broken: set("TELEMATICSCTL_TOKEN_STORE", "vault"),
			check:  "token-store", state: "broken", detail: "vault", fix: "keyring, file, memory", exit: 2,
			repair: set("TELEMATICSCTL_TOKEN_STORE", "file"),
		},
		"a wrong passphrase": {
			broken: func(t *testing.T, p *patient) {
				p.must(t, "token", "refresh")
				p.env["TELEMATICSCTL_STORE_PASSPHRASE"] = "another one"
			},
			check: "token-store", state: "broken", detail: "passphrase", fix: "TELEMATICSCTL_STORE_PASSPHRASE", exit: 3,
			repair: set("TELEMATICSCTL_STORE_PASSPHRASE", environment("")["TELEMATICSCTL_STORE_PASSPHRASE"]),
		},
		"a host that cannot be reached": {
			broken: func(t *testing.T, p *patient) { p.env["TELEMATICSCTL_PORTAL_URL"] = "http://" + closedPort(t) },
			check:  "host-portal", state: "broken", detail: "refused", fix: "check the network", exit: 7,
			repair: func(_ *testing.T, p *patient) { p.env["TELEMATICSCTL_PORTAL_URL"] = p.env["TELEMATICSCTL_USER_URL"] },
		},
		"a host with a certificate of its own": {
			broken: func(t *testing.T, p *patient) {
				s := httptest.NewTLSServer(http.NotFoundHandler())
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				t.Cleanup(s.Close)
				p.env["TELEMATICSCTL_PORTAL_URL"] = s.URL
				block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
				if err := os.WriteFile(p.dir+"/ca.pem", block, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			check: "tls", state: "broken", detail: "signed by Acme Co", fix: "ca_file", exit: 7,
			repair: func(t *testing.T, p *patient) {
				p.write(t, doctorProfile+"    ca_file: "+p.dir+"/ca.pem\n", 0o600)
			},
		},
		"a file of certificates that is not there": {
			broken: func(t *testing.T, p *patient) { p.write(t, doctorProfile+"    ca_file: /nowhere/ca.pem\n", 0o600) },
			check:  "tls", state: "broken", detail: "ca_file", fix: "ca_file", exit: 2,
			repair: func(t *testing.T, p *patient) { p.write(t, doctorProfile, 0o600) },
		},
		"a clock that is ten minutes slow": {
			broken: func(_ *testing.T, p *patient) { p.now = func() time.Time { return time.Now().Add(-10 * time.Minute) } },
			check:  "clock", state: "broken", detail: "behind the service's", fix: "set the clock", exit: 1,
			repair: func(_ *testing.T, p *patient) { p.now = time.Now },
		},
		"nobody is signed in": {
			broken: func(_ *testing.T, p *patient) {
				delete(p.env, "TELEMATICSCTL_ADMIN_PASSWORD")
				delete(p.env, "TELEMATICSCTL_INSTANCE_KEY")
			},
			check: "credentials", state: "broken", detail: "not signed in as the admin", fix: "auth login", exit: 2,
			repair: set("TELEMATICSCTL_ADMIN_PASSWORD", environment("")["TELEMATICSCTL_ADMIN_PASSWORD"]),
		},
		"only the InstanceKey": {
			broken: func(_ *testing.T, p *patient) { delete(p.env, "TELEMATICSCTL_ADMIN_PASSWORD") },
			check:  "credentials", state: "warning", detail: "by the InstanceKey alone", fix: "auth login",
			repair: set("TELEMATICSCTL_ADMIN_PASSWORD", environment("")["TELEMATICSCTL_ADMIN_PASSWORD"]),
		},
		"another InstanceKey than the service's": {
			broken: func(t *testing.T, p *patient) {
				p.must(t, "token", "refresh")
				p.env["TELEMATICSCTL_INSTANCE_KEY"] = keptKey
			},
			check: "instance-key", state: "broken", detail: "the service has another key", fix: "instance use", exit: 3,
			repair: set("TELEMATICSCTL_INSTANCE_KEY", environment("")["TELEMATICSCTL_INSTANCE_KEY"]),
		},
		"a JWT that is none": {
			broken: set("TELEMATICSCTL_ACCESS_TOKEN", "nonsense"),
			check:  "credentials", state: "broken", detail: "401", fix: "TELEMATICSCTL_ACCESS_TOKEN", exit: 3,
			repair: set("TELEMATICSCTL_ACCESS_TOKEN", ""),
		},
		"the service blocks sign-ins": {
			broken: func(t *testing.T, p *patient) {
				g := &auth.Guard{Dir: p.env["TELEMATICSCTL_STATE_DIR"], Now: p.now}
				if err := g.Blocked(t.Context(), p.env["TELEMATICSCTL_USER_URL"], time.Hour); err != nil {
					t.Fatal(err)
				}
			},
			check: "sign-in-guard", state: "broken", detail: "blocks this machine's address", fix: "wait until then", exit: 6,
			repair: func(_ *testing.T, p *patient) {
				if err := os.Remove(p.env["TELEMATICSCTL_STATE_DIR"] + "/sign-ins"); err != nil {
					t.Fatal(err)
				}
			},
		},
		"a job that stopped": {
			broken: func(t *testing.T, p *patient) {
				u, err := url.Parse(p.env["TELEMATICSCTL_USER_URL"])
				if err != nil {
					t.Fatal(err)
				}
				var up atomic.Bool
				proxy := httputil.NewSingleHostReverseProxy(u)
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !up.Load() {
						w.WriteHeader(http.StatusServiceUnavailable)
						return
					}
					proxy.ServeHTTP(w, r)
				}))
				t.Cleanup(s.Close)
				p.env["TELEMATICSCTL_USER_URL"] = s.URL
				if _, _, code := p.run(t, "user", "bulk", "--quantity", "9", "--batch-size", "1", "--concurrency", "1", "--retries",
					"0", "--max-failures", "1"); code == 0 {
					t.Fatal("the job did not stop")
				}
				up.Store(true)
			},
			check: "jobs", state: "warning", detail: "1 job has not finished", fix: "job resume",
		},
		"a temporary change that is overdue": {
			broken: func(t *testing.T, p *patient) {
				p.write(t, doctorProfile, 0o600)
				p.env["TELEMATICSCTL_INSTANCE_ID"] = environment("")["TELEMATICSCTL_INSTANCE_ID"]
				user := strings.TrimSpace(p.must(t, "user", "create", "--logging", "off", "-o", "ids"))
				p.must(t, "user", "set-logging", "on", user, "--for", "1m")
				p.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
			},
			check: "leases", state: "warning", detail: "1 is overdue", fix: "lease sweep",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			c.broken(t, p)
			lines, code := p.doctor(t)
			line := lines[c.check]
			if line[0] != c.state || !strings.Contains(line[1], c.detail) || !strings.Contains(line[2], c.fix) ||
				code != c.exit {
				t.Errorf("exit status %d, %s: %q", code, c.check, line)
			}
			var by func()
			if c.repair != nil {
				by = func() { c.repair(t, p) }
			}
			p.follow(t, line[2], by)
			after, _ := p.doctor(t)
			if line := after[c.check]; line[0] != "good" && (!c.stillWarns || strings.Contains(line[1], c.detail)) {
				t.Errorf("after the fix: %q", line)
			}
		})
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// A host that takes the connection and says nothing delays the report by the limit.
func TestDoctorDoesNotWaitForAHostThatHangs(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepted by the system, answered by nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, name := range []string{"USER", "ACCOUNTS", "PORTAL", "STATISTICS", "DEVICE_STATUS"} {
		p.env["TELEMATICSCTL_"+name+"_URL"] = "http://" + l.Addr().String()
	}
	begun := time.Now()
	lines, code := p.doctor(t, "--timeout", "1500ms")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if code != 7 || lines["host-user"][0] != "broken" || !strings.Contains(lines["host-user"][1], "no answer") {
		t.Errorf("exit status %d: %q", code, lines["host-user"])
	}
	if lines["configuration"][0] != "good" || lines["token-store"][0] != "good" {
		t.Errorf("%q", lines)
	}
}

// With everything broken there is still a report, and a bundle.
func TestDoctorWorksWithEverythingBroken(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write(t, "profiles: {prod: {instance_key: "+keptKey+", tokenstore: x}}", 0o666)
	p.env = map[string]string{"XDG_CONFIG_HOME": p.dir + "/config", "TELEMATICSCTL_USER_URL": "http://" + closedPort(t),
		"TELEMATICSCTL_STATE_DIR": p.dir + "/config/telematicsctl/config.yaml/state", "TELEMATICSCTL_TOKEN_STORE": "vault",
		"TELEMATICSCTL_INSTANCE_ID": "x", "TELEMATICSCTL_ACCESS_TOKEN": "a\nb",
		"TELEMATICSCTL_STORE_PASSPHRASE_FILE": "/nowhere", "HOME": p.dir}
	lines, code := p.doctor(t, "--timeout", "2s", "--bundle", p.dir+"/report.md")
	if code != 2 || len(lines) < 12 {
		t.Errorf("exit status %d, %d lines", code, len(lines))
	}
	for _, check := range []string{"configuration", "state-folder", "host-user"} {
		if lines[check][0] != "broken" {
			t.Errorf("%s: %q", check, lines[check])
		}
	}
	info, err := os.Stat(p.dir + "/report.md")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	text, err := os.ReadFile(p.dir + "/report.md")
	if err != nil || !strings.Contains(string(text), "configuration: broken") ||
		strings.Contains(string(text), keptKey) || strings.Contains(string(text), p.dir) {
		t.Errorf("%v\n%s", err, text)
	}
}

// What names a person is not in the bundle: neither the home folder's name nor an email address,
// nor a DeviceToken.
func TestTheBundleNamesNobody(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.env["USER"] = "ada"
	p.env["TELEMATICSCTL_ADMIN_EMAIL"] = "ada@example.com"
	p.must(t, "doctor", "--bundle", p.dir+"/report.md")
	text, err := os.ReadFile(p.dir + "/report.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", p.dir, environment("")["TELEMATICSCTL_ADMIN_PASSWORD"],
		environment("")["TELEMATICSCTL_INSTANCE_KEY"]} {
		if strings.Contains(string(text), name) {
			t.Errorf("%q is in\n%s", name, text)
		}
	}
	if !strings.Contains(string(text), "TELEMATICSCTL_ADMIN_EMAIL") || !strings.Contains(string(text), "v1.2.3") {
		t.Errorf("%s", text)
	}
}
