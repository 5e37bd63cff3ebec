package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
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
}

func newBench(t *testing.T, user map[string]any, wrap func(http.Handler) http.Handler) *bench {
	t.Helper()
	box, err := sandbox.Open(sandbox.Options{Now: benchNow})
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
	return &bench{t: t, url: s.URL, dir: t.TempDir()}
}

func benchNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// run runs a command by the environment alone.
func (b *bench) run(args ...string) (stdout, stderr string, exit int) {
	b.t.Helper()
	env := environment(b.url)
	env["TELEMATICSCTL_TOKEN_STORE"] = "memory"
	env["TELEMATICSCTL_STATE_DIR"] = b.dir
	env["XDG_CONFIG_HOME"] = b.dir
	var out, errs bytes.Buffer
	exit = cmd.Run(context.WithoutCancel(b.t.Context()), cmdutil.Env{
		Args: args, Getenv: func(name string) string { return env[name] }, Now: benchNow, Version: "v0",
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
	out, errs, exit := b.run("user", "explain", explainedToken, "-o", "json")
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
		flag    string
		value   any
		verdict string
		fix     string
	}{
		"tracking is off":    {"EnableTracking", false, "broken", "user set-tracking on "},
		"not enabled":        {"Enabled", false, "broken", "user set-enabled on "},
		"logging is on":      {"EnableLogging", true, "warning", "user set-logging off "},
		"real-time is on":    {"EnableRealTimeLocation", true, "warning", "user set-realtime off "},
		"the user is active": {"", nil, "ok", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := recordingUser()
			check := c.flag
			if check == "" {
				check = "User"
			} else {
				u["UserFields"].(map[string]any)[c.flag] = c.value
			}
			b := newBench(t, u, nil)
			e, _, fix := b.explain(check)
			if e.Verdict != c.verdict || fix != "" && fix != "telematicsctl "+c.fix+explainedToken || fix == "" != (c.fix == "") {
				t.Fatalf("%s, %q", e.Verdict, fix)
			}
			if fix != "" {
				if _, errs, exit := b.run(strings.Fields(strings.TrimPrefix(fix, "telematicsctl "))...); exit != 0 {
					t.Fatal(errs)
				}
			}
			if e, state, _ := b.explain(check); e.Verdict != "ok" || state != "good" {
				t.Errorf("after %q: %+v", fix, e)
			}
		})
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
		"a silent phone": {func(u map[string]any) { u["DeviceStatus"].(map[string]any)["HeartbeatDate"] = "2026-11-20T11:00:00" },
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
				e, state, _ := b.explain(map[string]string{"/api/heartbeats": "HeartbeatDate", "/indicators/": "LatestTripDate"}[path])
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
