package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

const explainedToken = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"

// recordingUser is a user whose phone records, as a sandbox imports it.
func recordingUser() map[string]any {
	return map[string]any{
		"DeviceToken": explainedToken, "DateCreated": "2026-01-05T08:00:00", "Status": "Active", "ActivityStatus": "Active",
		"MobileDevice": map[string]any{"OsType": "iOS", "OsVersion": "18.6", "SdkVersion": "7.0.4", "AppVersion": "2.7"},
		"UserFields": map[string]any{
			"EnableTracking": true, "EnableLogging": false, "EnableRealTimeLocation": false, "Enabled": true, "ClientId": "c-1",
		},
		"DeviceStatus": map[string]any{
			"HeartbeatDate": "2026-11-22T11:00:00", "WiFiEnabled": "true", "MobileDataEnabled": "true", "GPSEnabled": "true",
			"GPSPermissionGranted": "true", "MotionPermissionGranted": "true", "LowPowerMode": "false",
			"LowPreciseLocation": "false", "Rooted": "false", "JailBreak": "false",
		},
		"Statistics": map[string]any{
			"LatestTripDate": "2026-11-21T08:00:00", "LatestScoringDate": "2026-11-21T09:00:00", "PermissionsLevel": "100",
		},
	}
}

// bench is a sandbox with one user, and the program beside it.
type bench struct {
	t     *testing.T
	url   string
	dir   string
	width int // of the terminal; 0 is a pipe

	minutes       atomic.Int64 // since the bench began: each command takes two, so that every one may sign in
	file, profile string       // --config and --profile; "" is the environment alone
}

func newBench(t *testing.T, user map[string]any, wrap func(http.Handler) http.Handler) *bench {
	t.Helper()
	return newBenchOf(t, user, wrap, sandbox.Options{})
}

func newBenchOf(t *testing.T, user map[string]any, wrap func(http.Handler) http.Handler, o sandbox.Options) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	o.Now = b.now
	box, err := sandbox.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.Begin(t.Context(), sandbox.Start{Import: strings.NewReader(mustJSON(user))}); err != nil {
		t.Fatal(err)
	}
	var h http.Handler = box
	if wrap != nil {
		h = wrap(box)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close(); _ = box.Close() })
	b.url = s.URL
	return b
}

func (b *bench) now() time.Time {
	return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(time.Duration(b.minutes.Load()) * time.Minute)
}

// config makes a configuration file, by which commands run from now on.
func (b *bench) config(text string) {
	b.t.Helper()
	b.file = filepath.Join(b.dir, "config.yaml")
	if err := os.WriteFile(b.file, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// paste runs a command as explain gives it; "" is none.
func (b *bench) paste(command string) {
	b.t.Helper()
	if command == "" {
		return
	}
	if _, errs, exit := b.run(strings.Fields(strings.TrimPrefix(command, "telematicsctl "))...); exit != 0 {
		b.t.Fatal(errs)
	}
}

// run runs a command.
func (b *bench) run(args ...string) (stdout, stderr string, exit int) {
	b.t.Helper()
	b.minutes.Add(2)
	env := environment(b.url)
	env["TELEMATICSCTL_TOKEN_STORE"] = "memory"
	env["TELEMATICSCTL_STATE_DIR"] = b.dir
	env["XDG_CONFIG_HOME"] = b.dir
	if b.file != "" {
		delete(env, "TELEMATICSCTL_INSTANCE_ID")
		delete(env, "TELEMATICSCTL_INSTANCE_KEY")
	}
	var out, errs bytes.Buffer
	exit = cmd.Run(context.WithoutCancel(b.t.Context()), cmdutil.Env{
		Args: args, Getenv: func(name string) string { return env[name] }, Now: b.now, Version: "v0",
		Streams: &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, OutTTY: b.width > 0, Width: b.width},
	})
	return out.String(), errs.String(), exit
}

type explanation struct {
	DeviceToken, Verdict string
	Checks               []struct{ Check, State, Detail, Fix string }
}

// explain explains the user, and returns what one check says.
func (b *bench) explain(check string) (e explanation, state, fix string) {
	b.t.Helper()
	args := []string{"user", "explain", explainedToken, "-o", "json"}
	if b.file != "" {
		args = append(args, "--config", b.file, "--profile", b.profile)
	}
	out, errs, exit := b.run(args...)
	if err := json.Unmarshal([]byte(out), &e); err != nil || exit != 0 {
		b.t.Fatalf("%d %v %s%s", exit, err, out, errs)
	}
	for _, c := range e.Checks {
		if c.Check == check {
			return e, c.State, c.Fix
		}
	}
	b.t.Fatalf("no check %s: %s", check, out)
	return
}

// Each way to be broken that the tool can correct: the command that explain gives does correct it.
func TestTheFixFixesIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		check   string
		value   any
		verdict string
		fix     string
	}{
		"tracking is off":         {"EnableTracking", false, "broken", "user set-tracking on TOKEN"},
		"not enabled":             {"Enabled", false, "broken", "user set-enabled on TOKEN"},
		"the user is deactivated": {"Status", "Inactive", "broken", "user update TOKEN --status active"},
		"logging is on":           {"EnableLogging", true, "warning", "user set-logging off TOKEN"},
		"real-time is on":         {"EnableRealTimeLocation", true, "warning", "user set-realtime off TOKEN"},
		"nothing is wrong":        {"ActivityStatus", "Active", "ok", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := recordingUser()
			of := u
			if flags := u["UserFields"].(map[string]any); flags[c.check] != nil {
				of = flags
			}
			of[c.check] = c.value
			b := newBench(t, u, nil)
			e, _, fix := b.explain(c.check)
			if e.Verdict != c.verdict || strings.TrimPrefix(fix, "telematicsctl ") != strings.ReplaceAll(c.fix, "TOKEN",
				explainedToken) {
				t.Fatalf("%s, %q", e.Verdict, fix)
			}
			b.paste(fix)
			if e, state, _ := b.explain(c.check); e.Verdict != "ok" || state != "good" {
				t.Errorf("after %q: %+v", fix, e)
			}
		})
	}
}

// A user of another instance is moved by the profile of that instance, where there is one; so are
// its flags set there.
func TestAUserOfAnotherInstance(t *testing.T) {
	t.Parallel()
	const berlin, key = "22222222-2222-4333-8444-555555555555", "22222222-0000-4000-8000-0000000000f1"
	layout, err := seed.ReadLayout(strings.NewReader(`
Companies:
  - Name: Company
    Id: 11111111-2222-4333-8444-00000000000c
    Applications:
      - Name: App
        Id: 11111111-2222-4333-8444-00000000000a
        Instances:
          - {Id: ` + sandbox.InstanceID + `, Key: ` + sandbox.InstanceKey + `, Name: Here}
          - {Id: ` + berlin + `, Key: ` + key + `, Name: Berlin}
Admins:
  - {Email: ` + sandbox.AdminEmail + `, Password: ` + sandbox.AdminPassword +
		`, Companies: [11111111-2222-4333-8444-00000000000c]}
`))
	if err != nil {
		t.Fatal(err)
	}
	u := recordingUser()
	u["AccountInfo"] = map[string]any{"InstanceId": berlin}
	u["UserFields"].(map[string]any)["EnableTracking"] = false
	b := newBenchOf(t, u, nil, sandbox.Options{Layout: &layout})
	e, state, fix := b.explain("Instance")
	if e.Verdict != "broken" || state != "broken" || fix != "" {
		t.Errorf("without a profile: %s %s %q", e.Verdict, state, fix)
	}
	b.config(`profiles:
  here: {instance_id: ` + sandbox.InstanceID + `, instance_key: ` + sandbox.InstanceKey + `}
  berlin: {instance_id: ` + berlin + `, instance_key: ` + key + "}\n")
	b.profile = "here"
	_, _, track := b.explain("EnableTracking")
	if track != "telematicsctl user set-tracking on "+explainedToken+" --config "+b.file+" --profile berlin" {
		t.Fatal(track)
	}
	_, _, move := b.explain("Instance")
	if want := "telematicsctl user move " + explainedToken + " --to-profile here --config " + b.file +
		" --profile berlin"; move != want {
		t.Fatalf("%q, want %q", move, want)
	}
	b.paste(track)
	b.paste(move)
	if e, _, _ := b.explain("Instance"); e.Verdict != "ok" {
		t.Errorf("%+v", e)
	}
}

// What the phone itself must be told has no command, and says what to do.
func TestWhatOnlyThePhoneCanCorrect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change         func(u map[string]any)
		check, verdict string
	}{
		"no GPS permission": {func(u map[string]any) { u["DeviceStatus"].(map[string]any)["GPSPermissionGranted"] = "false" },
			"GPSPermissionGranted", "broken"},
		"low power mode": {func(u map[string]any) { u["DeviceStatus"].(map[string]any)["LowPowerMode"] = "true" },
			"LowPowerMode", "warning"},
		"a silent phone": {func(u map[string]any) {
			u["DeviceStatus"].(map[string]any)["HeartbeatDate"] = "2026-11-20T11:00:00"
		},
			"HeartbeatDate", "broken"},
		"the app never signed in": {func(u map[string]any) { delete(u, "MobileDevice") }, "MobileDevice", "broken"},
		"lost":                    {func(u map[string]any) { u["ActivityStatus"] = "Lost" }, "ActivityStatus", "broken"},
		"few permissions": {func(u map[string]any) { u["Statistics"].(map[string]any)["PermissionsLevel"] = "30" },
			"PermissionsLevel", "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := recordingUser()
			c.change(u)
			e, state, fix := newBench(t, u, nil).explain(c.check)
			if e.Verdict != c.verdict || state != c.verdict || fix != "" {
				t.Errorf("%s %s %q", e.Verdict, state, fix)
			}
		})
	}
}

// A host that is not there, or answers as a gateway, is "not available" and changes nothing else.
func TestAHostThatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"a bare 404": 404, "a 403": 403, "a 503": 503} {
		for _, path := range []string{"/api/heartbeats", "/indicators/"} {
			t.Run(name+" "+path, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, recordingUser(), func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if strings.HasPrefix(r.URL.Path, path) {
							w.WriteHeader(status)
							return
						}
						next.ServeHTTP(w, r)
					})
				})
				e, state, _ := b.explain(map[string]string{"/api/heartbeats": "HeartbeatDate",
					"/indicators/": "LatestTripDate"}[path])
				if e.Verdict != "ok" || state != "unknown" {
					t.Errorf("%s %s", e.Verdict, state)
				}
			})
		}
	}
}

// The page for people fits 80 columns, and a little less, and says each state in a word.
func TestTheExplanationFitsTheTerminal(t *testing.T) {
	t.Parallel()
	u := recordingUser()
	u["UserFields"].(map[string]any)["EnableTracking"] = false
	u["DeviceStatus"].(map[string]any)["HeartbeatDate"] = "2026-11-20T11:00:00"
	b := newBench(t, u, nil)
	for _, width := range []int{72, 80, 200} {
		b.width = width
		out, _, _ := b.run("user", "explain", "client:c-1", "--no-color")
		for line := range strings.Lines(out) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > min(width, 80) && !strings.Contains(line, explainedToken) {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		for _, want := range []string{"✗ broken   Tracking", "✓ good     Status  ", explainedToken + " (c-1): broken"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
}

// The bars of a report fit the terminal; a narrow one has no filters.
func TestTheReportFitsTheTerminal(t *testing.T) {
	t.Parallel()
	u := recordingUser()
	u["UserProfile"] = map[string]any{"Country": "A country whose name is longer than a line of a terminal would be"}
	b := newBench(t, u, nil)
	for _, width := range []int{70, 80, 200} {
		b.width = width
		out, errs, _ := b.run("user", "report", "--no-color")
		for line := range strings.Lines(out) {
			if n := render.Width(strings.TrimRight(line, "\n")); n > min(width, 80) {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		for _, want := range []string{"1 user\n", "\nACTIVITY\n  Active  1  100%  ███", "--activity-status Active\n",
			"  A country whose nam…  1"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s%s", want, out, errs)
			}
		}
	}
}
