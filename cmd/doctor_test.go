package cmd_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
)

// What is broken, the line that says so, and what corrects it, which it does.
func TestDoctorFindsWhatIsBrokenAndHowToFixIt(t *testing.T) {
	t.Parallel()
	timerFix := "such as by cron"
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" { // which always run timers
		timerFix = "lease timer install"
	}
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
			check: "state-folder", state: "broken", detail: "is a file", fix: "folder", exit: 1,
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
			broken: func(t *testing.T, p *patient) { p.env["TELEMATICSCTL_PORTAL_URL"] = "http://" + nobodyAt(t) },
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
			check:  "credentials", state: "broken", detail: "not a JWT", fix: "TELEMATICSCTL_ACCESS_TOKEN", exit: 3,
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
				logsForAMinute(t, p)
				p.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
			},
			check: "leases", state: "warning", detail: "1 is overdue", fix: "lease sweep",
		},
		"a temporary change that no timer ends": {
			broken: logsForAMinute,
			check:  "leases", state: "warning", detail: "no timer ends them", fix: timerFix,
			repair: func(t *testing.T, p *patient) {
				p.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
				p.must(t, "lease", "sweep")
			},
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
	lines, code := p.doctor(t, "--timeout", "2500ms")
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

// Five hosts with one fault are corrected once.
func TestDoctorSaysAFixOnce(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	for _, name := range []string{"USER", "ACCOUNTS", "PORTAL", "STATISTICS", "DEVICE_STATUS"} {
		p.env["TELEMATICSCTL_"+name+"_URL"] = "http://" + nobodyAt(t)
	}
	p.page = true
	out, _, code := p.run(t, "doctor")
	fixes := map[string]int{}
	for _, part := range strings.Split(out, "\nTo correct ")[1:] {
		_, fix, _ := strings.Cut(part, ":\n")
		fixes[fix]++
	}
	if code != 7 || len(fixes) != 1 {
		t.Errorf("exit status %d\n%s", code, out)
	}
	for fix, n := range fixes {
		if n > 1 {
			t.Errorf("%d times: %s", n, fix)
		}
	}
}

// With everything broken there is still a report, and a bundle.
func TestDoctorWorksWithEverythingBroken(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write(t, "profiles: {prod: {instance_key: "+keptKey+", tokenstore: x}}", 0o666)
	p.env = map[string]string{"XDG_CONFIG_HOME": p.dir + "/config", "TELEMATICSCTL_USER_URL": "http://" + nobodyAt(t),
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
