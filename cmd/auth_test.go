package cmd_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tell runs a command of the house and holds it to its exit status.
func (h *house) tell(t *testing.T, exit int, words, stdin string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, got := h.do(t.Context(), strings.Fields(words), stdin)
	if got != exit {
		t.Fatalf("%s: exit status %d, not %d\n%s%s", words, got, exit, stdout, stderr)
	}
	return stdout, stderr
}

func wantIn(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q is not in\n%s", part, text)
	}
}

// answering has the calls of a path answered by a status, in the service's envelope.
func answering(path string, status int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"Status":%d,"Title":"No"}`, status)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// A sign-in is done when a call with its tokens was answered. Tokens that are refused are
// not kept; where the service could not be asked they are, as they may well be good.
func TestASignInIsProvenByACall(t *testing.T) {
	t.Parallel()
	const list, own = "/v1/Management/users/GetFilteredPage", "/v1/Management/users"
	for name, c := range map[string]struct {
		path   string
		status int
		user   bool
		exit   int
		kept   bool
		says   string
	}{
		"admin, well":          {status: 0, kept: true},
		"admin, refused":       {path: list, status: 401, exit: 3, says: "were not kept"},
		"admin without rights": {path: list, status: 403, exit: 3, says: "403 means that it may not see users"},
		"admin, service down": {path: list, status: 503, exit: 7, kept: true,
			says: "signed in, and the tokens are stored, but a first call with them failed"},
		"user, well":          {user: true, kept: true},
		"user, refused":       {user: true, path: own, status: 401, exit: 3, says: "were not kept"},
		"user without rights": {user: true, path: own, status: 403, kept: true, says: "Warning: the service knows the user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, answering(c.path, c.status))
			words := "auth login --save-password"
			if c.user {
				ada, _ := h.tell(t, 0, "user create --create-access-token=false -o ids", "")
				words = "auth login --device-token " + ada
			}
			_, says := h.tell(t, c.exit, words, "")
			wantIn(t, says, c.says)
			if stored, _ := h.tell(t, 0, "token list -o json", ""); strings.Contains(stored, "Subject") != c.kept {
				t.Errorf("stored is %s", stored)
			}
			// The password stays or goes with the tokens.
			if h.without = []string{"TELEMATICSCTL_ADMIN_PASSWORD"}; !c.user && c.kept {
				h.tell(t, 0, "token remove admin", "")
				out, _ := h.tell(t, 0, "auth status", "")
				wantIn(t, out, "sign-in")
			} else if !c.user {
				h.tell(t, 3, "auth status", "")
			}
		})
	}
}

// Tokens that were stored before a sign-in come back when its own are refused; those that
// another process has stored meanwhile are left alone.
func TestARefusedSignInCostsNobodyGoodTokens(t *testing.T) {
	t.Parallel()
	const list = "/v1/Management/users/GetFilteredPage"
	for name, meanwhile := range map[string]bool{"stored before": false, "renewed by another process meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refuse atomic.Bool
			var h *house
			h = newHouse(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != list || !refuse.CompareAndSwap(true, false) {
						next.ServeHTTP(w, r)
						return
					}
					if meanwhile {
						h.tell(t, 0, "token refresh", "")
					}
					w.WriteHeader(http.StatusUnauthorized)
				})
			})
			h.tell(t, 0, "auth login", "")
			before, _ := h.tell(t, 0, "token print", "")
			refuse.Store(true)
			_, says := h.tell(t, 3, "auth login", "")
			wantIn(t, says, map[bool]string{
				false: "were not kept (those that were stored before are stored again): ",
				true:  "were not kept (those that another process has stored meanwhile are): ",
			}[meanwhile])
			after, _ := h.tell(t, 0, "token print", "")
			if same := before == after; same == meanwhile {
				t.Errorf("the JWT that is stored is the one of before: %v", same)
			}
		})
	}
}

// A renewal that needs the admin's password asks for it at a terminal, and nowhere else.
func TestARenewalAsksForThePasswordAtATerminal(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	h.tell(t, 0, "auth login", "")
	h.without = []string{"TELEMATICSCTL_ADMIN_PASSWORD"}
	h.mu.Lock()
	h.now = h.now.Add(91 * 24 * time.Hour)
	h.mu.Unlock()
	_, says := h.tell(t, 3, "token print", keptPassword+"\n")
	wantIn(t, says, "the service refused the stored RefreshToken")
	wantIn(t, says, "Hint: sign in with `telematicsctl auth login --email "+keptEmail+"`")
	h.terminal = true
	h.tell(t, 3, "token print --no-input", keptPassword+"\n")
	out, says := h.tell(t, 0, "token print", keptPassword+"\n")
	wantIn(t, says, "Password of "+keptEmail+": ")
	wantIn(t, out, "eyJ")
	if _, says := h.tell(t, 0, "token print", ""); strings.Contains(says, "Password") {
		t.Errorf("asked again: %s", says)
	}
}

// While the service blocks sign-ins, nobody is asked for a password that would not be sent.
func TestNobodyIsAskedForAPasswordWhileSignInsAreBlocked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("/v1/Auth/Login", http.StatusTooManyRequests))
	h.without = []string{"TELEMATICSCTL_ADMIN_PASSWORD"}
	h.terminal = true
	_, says := h.tell(t, 6, "auth login", keptPassword+"\n")
	wantIn(t, says, "Password of "+keptEmail+": ")
	for _, words := range []string{"auth login", "token print"} {
		_, says := h.tell(t, 6, words, keptPassword+"\n")
		wantIn(t, says, "blocks this machine's address")
		if strings.Contains(says, "Password") {
			t.Errorf("%s asked for it:\n%s", words, says)
		}
	}
	_, says = h.tell(t, 6, "auth login --ignore-guard", keptPassword+"\n")
	wantIn(t, says, "Password of "+keptEmail+": ")
}

// Of many pairs that are renewed, one that fails does not stop the others, and no more
// than --concurrency are in flight at once.
func TestRenewingAllReportsEach(t *testing.T) {
	t.Parallel()
	var under, most atomic.Int32
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			renews := strings.HasPrefix(r.URL.Path, "/v1/Auth/")
			if renews && under.Add(1) > most.Load() {
				most.Store(under.Load())
			}
			next.ServeHTTP(w, r)
			if renews {
				under.Add(-1)
			}
		})
	})
	for range 8 {
		h.tell(t, 0, "user create", "")
	}
	h.mu.Lock()
	h.now = h.now.Add(4*24*time.Hour + time.Hour)
	h.mu.Unlock()
	if out, _ := h.tell(t, 0, "token refresh --all --within 1h", ""); out != "" {
		t.Errorf("renewed too early: %s", out)
	}
	out, _ := h.tell(t, 0, "token refresh --all --concurrency 1 -o json", "")
	if n := strings.Count(out, `"Outcome": "renewed"`); n != 8 || most.Load() != 1 {
		t.Errorf("%d renewed, %d at once", n, most.Load())
	}
	h.tell(t, 0, "token refresh --all -o json --concurrency 3", "")
	if most.Load() > 3 {
		t.Errorf("%d at once", most.Load())
	}
}

// One pair whose renewal fails makes the run partial; a single one that fails has its own
// exit status.
func TestARenewalThatFailsAmongMany(t *testing.T) {
	t.Parallel()
	var down atomic.Int32
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v1/Auth/") && down.Add(-1) >= 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	h.tell(t, 0, "user create", "")
	down.Store(2) // the refresh, which is asked for once more
	h.tell(t, 7, "token refresh --all --within 999h", "")
	h.tell(t, 0, "user create", "")
	h.tell(t, 0, "user create", "")
	down.Store(2)
	out, says := h.tell(t, 5, "token refresh --all --within 999h --concurrency 1 -o json", "")
	wantIn(t, says, "1 of 3 pairs were not renewed")
	if strings.Count(out, `"Outcome": "renewed"`) != 2 || strings.Count(out, "answered 503") != 1 {
		t.Error(out)
	}
	out, _ = h.tell(t, 0, "token refresh --all --within 999h -o json", "")
	if strings.Count(out, `"Outcome": "renewed"`) != 3 {
		t.Error(out)
	}
}

// A JWT from the environment is signed in as long as it lives; a user's is the user, not
// the admin. Nothing of the store is seen, nor needed.
func TestStatusOfAGivenToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	ada, _ := h.tell(t, 0, "user create -o ids", "")
	ada = strings.TrimSpace(ada)
	user, _ := h.tell(t, 0, "token print "+ada, "")
	admin, _ := h.tell(t, 0, "token print", "")
	h.without = []string{"TELEMATICSCTL_STORE_PASSPHRASE"}
	h.tell(t, 3, "auth status", "")
	for jwt, who := range map[string]string{user: ada, admin: "admin"} {
		h.given = strings.TrimSpace(jwt)
		out, _ := h.tell(t, 0, "auth status -o json", "")
		wantIn(t, out, `"Subject": "`+who+`"`)
		wantIn(t, out, `"Stored": ""`)
		wantIn(t, out, `"RenewsItself": false`)
	}
	h.mu.Lock()
	h.now = h.now.Add(25 * time.Hour)
	h.mu.Unlock()
	h.given = strings.TrimSpace(admin)
	out, _ := h.tell(t, 3, "auth status -o json", "")
	wantIn(t, out, `"Expired": true`)
}

// Eight commands, as processes of their own, that start with the same expired pair in a
// sealed store all succeed, with one refresh and no spent token.
func TestEightCommandsShareOneRefresh(t *testing.T) {
	t.Parallel()
	var granted, refused, signIns atomic.Int32
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			switch {
			case strings.HasSuffix(r.URL.Path, "/Login"):
				signIns.Add(1)
			case strings.HasSuffix(r.URL.Path, "/RefreshToken") && rec.Code == http.StatusOK:
				granted.Add(1)
			case strings.HasSuffix(r.URL.Path, "/RefreshToken"):
				refused.Add(1)
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		})
	})
	// The processes go by the real clock: what is signed in a day before it has expired.
	h.now = time.Now().Add(-26 * time.Hour)
	h.tell(t, 0, "auth login", "")
	ada, _ := h.tell(t, 0, "user create --create-access-token=false -o ids", "")
	h.mu.Lock()
	h.now = time.Now()
	h.mu.Unlock()
	signIns.Store(0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if out, err := h.process(t, "user", "set-tracking", "off", strings.TrimSpace(ada)).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	all.Wait()
	if granted.Load() != 1 || refused.Load() != 0 || signIns.Load() != 0 {
		t.Errorf("the service saw %d refreshes, %d spent tokens, %d sign-ins", granted.Load(), refused.Load(), signIns.Load())
	}
}

// Of eight commands, as processes of their own, that each must sign in, five do; the
// the others learn when they may, and the address is not blocked.
func TestOfEightSignInsSideBySideFiveAreSent(t *testing.T) {
	t.Parallel()
	var signIns atomic.Int32
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/Login") {
				signIns.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	h.now = time.Now() // the processes go by the real clock
	users, _ := h.tell(t, 0, "user bulk --quantity 8 -o ids", "")
	var done, heldBack atomic.Int32
	var all sync.WaitGroup
	for user := range strings.FieldsSeq(users) {
		all.Go(func() {
			c := h.process(t, "user", "set-tracking", "off", user, "--as", "user")
			says, _ := c.CombinedOutput()
			switch c.ProcessState.ExitCode() {
			case 0:
				done.Add(1)
			case 6:
				heldBack.Add(1)
				wantIn(t, string(says), "the next one may be sent at ")
			default:
				t.Errorf("%v\n%s", c.ProcessState, says)
			}
		})
	}
	all.Wait()
	if signIns.Load() != 5 || done.Load() != 5 || heldBack.Load() != 3 {
		t.Errorf("%d sign-ins; %d commands did it, %d were held back", signIns.Load(), done.Load(), heldBack.Load())
	}
}

// process is the program as a process of its own, in the house.
func (h *house) process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, args...)
	c.Args[0] = "telematicsctl" // see TestMain
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	for name, value := range h.env() {
		c.Env = append(c.Env, name+"="+value)
	}
	return c
}

// What a person sees.
func TestStatusAtATerminal(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	h.tell(t, 0, "auth login", "")
	h.tell(t, 0, "user create", "")
	h.terminal = true
	out, _ := h.tell(t, 0, "auth status --no-color", "")
	for line := range strings.Lines(out) {
		if len(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("%q is wider than 80 columns", line)
		}
	}
	for _, part := range []string{"SUBJECT", "admin", "file", "in 23 hours", "refresh, sign-in", "RENEWED BY"} {
		wantIn(t, out, part)
	}
}
