package cmd_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newAdminHouse is a house whose admin is signed in, with a user, Ada Lovelace (c-2001), and two
// more without a name.
func newAdminHouse(t *testing.T, answers func(http.Handler) http.Handler) *house {
	t.Helper()
	h := newHouse(t, answers)
	h.tell(t, 0, "auth login", "")
	h.tell(t, 0, "user create --first-name Ada --last-name Lovelace --client-id c-2001", "")
	h.tell(t, 0, "user create --client-id c-2002", "")
	h.tell(t, 0, "user create --client-id c-2003", "")
	return h
}

func well(h http.Handler) http.Handler { return h }

// Each change asks one question at most: what will be done, to whom, in which profile. Several
// users are confirmed by their number.
func TestOneQuestionBeforeAChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command, typed, asks string
		protected            bool
		exit                 int
	}{
		"nothing is asked of a plain change": {command: "user set-logging on client:c-2001"},
		"a protected profile asks": {
			command: "user set-tracking off client:c-2001", typed: "y", protected: true,
			asks: "Profile prod is protected. Set EnableTracking to off for 1 user (Ada Lovelace, c-2001)? [y/N]",
		},
		"no is no": {
			command: "user set-tracking off client:c-2001", typed: "n", protected: true, exit: 2, asks: "is protected.",
		},
		"one deletion, one question": {
			command: "user delete client:c-2001", typed: "y",
			asks: "Delete 1 user (Ada Lovelace, c-2001) for good, with all telematics data, in profile prod? [y/N]",
		},
		"and one in a protected profile": {
			command: "user delete client:c-2001", typed: "y", protected: true,
			asks: "Profile prod is protected. Delete 1 user (Ada Lovelace, c-2001) for good, with all telematics data? [y/N]",
		},
		"the number of several is typed": {
			command: "user delete client:c-2001 client:c-2002", typed: "2",
			asks: "Delete 2 users for good, with all telematics data, in profile prod? Type the number of users to confirm:",
		},
		"y instead of a number": {
			command: "user delete client:c-2001 client:c-2002", typed: "y", exit: 2, protected: true,
			asks: "in the protected profile prod? Type the number",
		},
		"nobody is asked about users who are so already": {
			command: "user set-logging off client:c-2001 client:c-2002", protected: true,
		},
		"several fields": {
			command: "user update client:c-2002 --city Bonn --logging on", typed: "y", protected: true,
			asks: "Set City to Bonn, EnableLogging to on for 1 user (c-2002)?",
		},
		"a registration names the user": {
			command: "user create --first-name Grace --last-name Hopper --client-id c-2003", typed: "y", protected: true,
			asks: "Profile prod is protected. Register 1 user (Grace Hopper, c-2003)? [y/N]",
		},
		"registrations are counted": {
			command: "user bulk --quantity 3", typed: "y", protected: true,
			asks: "Profile prod is protected. Register 3 users? [y/N]",
		},
		"a call is quoted": {
			command: "api POST /v1/Registration/create", typed: "n", protected: true, exit: 2,
			asks: "Profile prod is protected. Send POST /v1/Registration/create? [y/N]",
		},
		"a plan is summed up": {
			command: "user apply --file DIR/people.csv", typed: "y", protected: true,
			asks: "Profile prod is protected. Apply changes to 1 user (Plan: 1 to create, 0 to update",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, well)
			text := "current_profile: prod\nprofiles:\n  prod: {}\n"
			h.writeConfig(t, text)
			h.tell(t, 0, "auth login", "")
			h.tell(t, 0, "user create --first-name Ada --last-name Lovelace --client-id c-2001", "")
			h.tell(t, 0, "user create --client-id c-2002", "")
			if c.protected {
				h.writeConfig(t, strings.Replace(text, "{}", "{protected: on}", 1))
			}
			h.terminal = true
			people := filepath.Join(h.dir, "people.csv")
			if err := os.WriteFile(people, []byte("ClientId\nc-2004\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errs := h.tell(t, c.exit, strings.Replace(c.command, "DIR/people.csv", people, 1), c.typed+"\n")
			if c.asks == "" {
				if strings.Contains(errs, "?") {
					t.Errorf("it asked: %s", errs)
				}
				return
			}
			wantIn(t, errs, c.asks)
			if n := strings.Count(errs, "? ["); n > 1 {
				t.Errorf("%d questions: %s", n, errs)
			}
		})
	}
}

func (h *house) writeConfig(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A lease ends by the clock: not before it is due, once, and only if the flag is as it left it.
func TestLeasesUnderAMovedClock(t *testing.T) {
	t.Parallel()
	h := newAdminHouse(t, well)
	h.tell(t, 0, "user set-logging on client:c-2001 client:c-2002 --for 4h", "")
	h.move(3 * time.Hour)
	if out, _ := h.tell(t, 0, "lease sweep", ""); out != "" {
		t.Fatalf("swept too early: %s", out)
	}
	_, errs := h.tell(t, 0, "user get client:c-2001", "")
	if strings.Contains(errs, "overdue") {
		t.Error(errs)
	}
	h.tell(t, 0, "user set-logging on client:c-2001 --for 4h", "") // it is longer now
	h.move(time.Hour)
	_, errs = h.tell(t, 0, "user get client:c-2001", "")
	wantIn(t, errs, "1 temporary change is overdue")
	out, _ := h.tell(t, 0, "lease sweep", "")
	if n := strings.Count(out, "restored"); n != 1 {
		t.Errorf("%d restored:\n%s", n, out)
	}
	h.move(4 * time.Hour)
	out, _ = h.tell(t, 0, "lease sweep", "")
	wantIn(t, out, "restored")
	out, _ = h.tell(t, 0, "user get client:c-2001 -o json", "")
	wantIn(t, out, `"EnableLogging": false`)
	if out, _ := h.tell(t, 0, "lease list -o ids", ""); out != "" {
		t.Errorf("still open: %s", out)
	}
}

// The lease is there before its change is sent, and goes where the service refuses the change; one
// whose sign-in has expired stays for the next sweep.
func TestALeaseOfARefusedChangeGoes(t *testing.T) {
	t.Parallel()
	refused := false
	h := newAdminHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && refused {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = w.Write([]byte(`{"Status":422,"Title":"validation",` +
					`"Errors":[{"Key":"EnableLogging","Message":"not today"}]}`))
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	refused = true
	_, errs := h.tell(t, 8, "user set-logging on client:c-2001 --for 1h", "")
	wantIn(t, errs, "--logging: not today")
	if out, _ := h.tell(t, 0, "lease list -o ids", ""); out != "" {
		t.Errorf("a lease is left: %s", out)
	}
	refused = false
	h.tell(t, 0, "user set-logging on client:c-2001 --for 1h", "")
	h.move(2 * time.Hour)
	refused = true
	out, _ := h.tell(t, 8, "lease sweep", "")
	wantIn(t, out, "failed")
	refused = false
	out, _ = h.tell(t, 0, "lease sweep", "")
	wantIn(t, out, "restored")
}

// move moves the clock.
func (h *house) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// Users who would have to be signed in one by one are refused before anything is sent.
func TestManySignInsAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, well)
	h.without = []string{"TELEMATICSCTL_ADMIN_PASSWORD"}
	out, _ := h.tell(t, 0, "user bulk --quantity 5 -o ids", "")
	_, errs := h.tell(t, 3, "user set-tracking off --file -", out)
	wantIn(t, errs, "nothing was sent: 5 users would have to be signed in")
	wantIn(t, errs, "auth login")
	_, errs = h.tell(t, 3, "user set-tracking off "+strings.Join(strings.Fields(out), " "), "")
	wantIn(t, errs, "nothing was sent: 5 users")
	three := strings.Join(strings.Fields(out)[:3], " ")
	h.tell(t, 0, "user set-tracking off "+three, "")
}

// A change that cannot be recorded is made and reported, with a warning.
func TestAChangeThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	h := newAdminHouse(t, well)
	audit := filepath.Join(h.dir, "state", "audit.jsonl")
	if err := os.RemoveAll(audit); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(audit, 0o700); err != nil {
		t.Fatal(err)
	}
	out, errs := h.tell(t, 0, "user set-logging on client:c-2001", "")
	wantIn(t, out, "updated")
	wantIn(t, errs, "Warning: the change was made, but it is not recorded")
}

// Deleting a user removes the stored tokens of that user only.
func TestDeletingRemovesStoredTokens(t *testing.T) {
	t.Parallel()
	h := newAdminHouse(t, well)
	before, _ := h.tell(t, 0, "token list -o jsonl", "")
	h.tell(t, 0, "user delete client:c-2001 --yes", "")
	h.tell(t, 0, "user delete --file - --yes", "client:c-2002\n")
	after, _ := h.tell(t, 0, "token list -o jsonl", "")
	if a, b := strings.Count(before, "\n"), strings.Count(after, "\n"); a-b != 2 {
		t.Errorf("%d pairs before, %d after", a, b)
	}
}
