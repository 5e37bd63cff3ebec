package cmd_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// aPairOf is the pair of a new user, as a back end keeps it.
func (h *house) aPairOf(t *testing.T) string {
	t.Helper()
	pair, _ := h.tell(t, 0, "user create --show-tokens --jq {AccessToken:.AccessToken.Token,RefreshToken}", "")
	return pair
}

// wantNewPair holds an output to being a pair that is not the old one.
func wantNewPair(t *testing.T, out, old string) {
	t.Helper()
	var pair struct{ AccessToken, RefreshToken string }
	if err := json.Unmarshal([]byte(out), &pair); err != nil || pair.RefreshToken == "" ||
		strings.Contains(old, pair.RefreshToken) {
		t.Errorf("no new pair: %v\n%s", err, out)
	}
}

// The pair of a back end is spent by its refresh as a stored one is: Ctrl-C at that
// moment does not lose the new one.
func TestAnInterruptDoesNotLoseThePairOfABackEnd(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/RefreshToken") {
				next.ServeHTTP(w, r)
				return
			}
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			interrupt() // the service has spent the old pair, and has not answered yet
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		})
	})
	old := h.aPairOf(t)
	out, says, exit := h.do(ctx, strings.Fields("token refresh --stdin --show-tokens -o json"), old)
	if exit != 0 {
		t.Errorf("exit status %d\n%s", exit, says)
	}
	wantNewPair(t, out, old)
}

// A refresh whose answer was lost is asked for once more, as with a stored pair: it may
// never have arrived.
func TestALostRefreshOfABackEndsPairIsAskedForOnceMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrives bool // the first refresh, whose answer is lost
		exit    int
		says    string
	}{
		"it had not arrived": {false, 0, ""},
		"it had arrived":     {true, 3, "the RefreshToken was used before or has expired: sign in again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			h := newHouse(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasSuffix(r.URL.Path, "/RefreshToken") {
						next.ServeHTTP(w, r)
						return
					}
					if asked.Add(1) > 1 {
						next.ServeHTTP(w, r)
						return
					}
					if c.arrives {
						next.ServeHTTP(httptest.NewRecorder(), r)
					}
					w.WriteHeader(http.StatusServiceUnavailable)
				})
			})
			old := h.aPairOf(t)
			out, says := h.tell(t, c.exit, "token refresh --stdin --show-tokens -o json", old)
			wantIn(t, says, c.says)
			if c.exit == 0 {
				wantNewPair(t, out, old)
			}
			if n := asked.Load(); n != 2 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// A JWT of a pipeline's secrets, with its line end, does for a call what it does without.
func TestAGivenJWTMayEndInALineBreak(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	ada, _ := h.tell(t, 0, "user create -o ids", "")
	jwt, _ := h.tell(t, 0, "token print", "")
	h.given = strings.TrimSpace(jwt) + "\r\n"
	out, _ := h.tell(t, 0, "user set-tracking off "+ada, "")
	wantIn(t, out, "updated")
	h.given = "eyJ\n" + h.given
	_, says := h.tell(t, 2, "user set-tracking off "+ada, "")
	wantIn(t, says, "Error: TELEMATICSCTL_ACCESS_TOKEN holds a line break")
}

// The passphrase of a token file that is made now is typed twice at a terminal; a slip
// would seal what nobody could open again.
func TestTheFirstPassphraseIsTypedTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	if err := os.Remove(filepath.Join(h.dir, "state", "tokens.age")); err != nil {
		t.Fatal(err)
	}
	h.without, h.terminal = []string{"TELEMATICSCTL_STORE_PASSPHRASE"}, true
	_, says := h.tell(t, 0, "auth login", "hush\nhash\nhush\nhush\n")
	wantIn(t, says, "New passphrase of the token file: Once more: ")
	wantIn(t, says, "the two differ")
	_, says = h.tell(t, 0, "token list", "hush\n")
	wantIn(t, says, "Passphrase of the token file: ")
	h.tell(t, 3, "token list", "hash\n")
}
