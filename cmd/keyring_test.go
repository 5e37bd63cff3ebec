package cmd_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// counted is a keyring in memory that counts what it is asked for.
type counted struct {
	mu    sync.Mutex
	items map[string]string
	reads map[string]int // how often each item was read
	lists int
}

func (c *counted) Get(_, user string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads[user]++
	if text, there := c.items[user]; there {
		return text, nil
	}
	return "", tokenstore.ErrNotFound
}

func (c *counted) Set(_, user, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[user] = text
	return nil
}

func (c *counted) Delete(_, user string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.items[user]; !there {
		return tokenstore.ErrNotFound
	}
	delete(c.items, user)
	return nil
}

func (*counted) Limit(string, string) int { return 0 }

func (c *counted) Items(context.Context, string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists++
	return slices.Collect(maps.Keys(c.items)), nil
}

func (*counted) Users(_ context.Context, _ string, items []string) ([]string, error) {
	return items, nil
}

func (*counted) State(context.Context) error { return nil }

func (c *counted) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.lists = map[string]int{}, 0
}

// newKeyringHouse is a house whose tokens, key and password are in a keyring alone.
func newKeyringHouse(t *testing.T) (h *house, user string) {
	t.Helper()
	h = newHouse(t, answering("", http.StatusOK))
	h.keyring = &counted{items: map[string]string{}, reads: map[string]int{}}
	h.tell(t, 0, "profile add default --replace --instance-key-stdin --instance-id "+keptInstance, keptKey+"\n")
	h.tell(t, 0, "auth login --save-password --password-stdin", keptPassword+"\n")
	out, _ := h.tell(t, 0, "user create -o ids", "")
	h.without = []string{"TELEMATICSCTL_INSTANCE_KEY", "TELEMATICSCTL_ADMIN_PASSWORD", "TELEMATICSCTL_ADMIN_EMAIL"}
	h.tell(t, 0, "token list", "")
	return h, strings.TrimSpace(out)
}

// A keyring may take seconds, or ask a person: a command reads nothing of it twice, and
// lists it at most once.
func TestACommandReadsTheKeyringOnce(t *testing.T) {
	t.Parallel()
	h, user := newKeyringHouse(t)
	admin, ada, key, password := "default/admin", "default/"+user, "default/instance-key", "default/admin-password"
	for words, want := range map[string][]string{
		"token print":                            {admin},
		"token print " + user:                    {ada},
		"user set-tracking off " + user:          {admin, key},
		"user set-tracking on --as user " + user: {ada, key},
		"auth status":                            {admin, key, password},
		"token list":                             {},
	} {
		h.keyring.forget()
		h.tell(t, 0, words, "")
		for item, n := range h.keyring.reads {
			if n != 1 || !slices.Contains(want, item) {
				t.Errorf("%s: %s was read %d times", words, item, n)
			}
		}
		if h.keyring.lists > 1 {
			t.Errorf("%s: the keyring was listed %d times", words, h.keyring.lists)
		}
	}
	// A pair that has to be renewed is read once more, under the lock: another process
	// may have renewed it.
	h.mu.Lock()
	h.now = h.now.Add(25 * time.Hour)
	h.mu.Unlock()
	h.keyring.forget()
	h.tell(t, 0, "token print", "")
	if n := h.keyring.reads[admin]; n != 2 {
		t.Errorf("a renewal has read the pair %d times", n)
	}
}

// A pair that the index does not know of is found by every command that deals with all of
// them, and one that is gone is not.
func TestCommandsForAllFindPairsThatTheIndexHasLost(t *testing.T) {
	t.Parallel()
	const lost = "LOST"
	for words, c := range map[string]struct {
		out  string
		left []string // what is stored afterwards
	}{
		"token list -o ids": {lost,
			[]string{"default/" + lost, "default/admin", "default/admin-password", "default/instance-key"}},
		"auth logout --all -o ids":     {lost, []string{"default/instance-key"}},
		"profile remove default --yes": {"", nil},
		"token refresh --all -o ids --within 999h": {lost,
			[]string{"default/" + lost, "default/admin", "default/admin-password", "default/instance-key"}},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			h, user := newKeyringHouse(t)
			items := h.keyring.items
			gone, _ := h.tell(t, 0, "user create -o ids", "")
			delete(items, "default/"+strings.TrimSpace(gone)) // as a person removes it
			h.dropFromIndex(t, user)                          // as if the index had never heard of it
			out, says := h.tell(t, 0, words, "")
			if strings.ReplaceAll(strings.TrimSpace(out), user, lost) != c.out {
				t.Errorf("it is about %q\n%s", out, says)
			}
			left := slices.Sorted(maps.Keys(items))
			for i := range left {
				left[i] = strings.ReplaceAll(left[i], user, lost)
			}
			slices.Sort(left)
			slices.Sort(c.left)
			if !slices.Equal(left, c.left) {
				t.Errorf("left is %q, want %q", left, c.left)
			}
		})
	}
}

// dropFromIndex takes a subject out of the index of the keyring.
func (h *house) dropFromIndex(t *testing.T, subject string) {
	t.Helper()
	path := filepath.Join(h.dir, "state", "keyring.index")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := atomicfile.Unframe("keyring-index", 1, data)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]any
	if err := json.Unmarshal(text, &all); err != nil || all["default"][subject] == nil {
		t.Fatal(err, all)
	}
	delete(all["default"], subject)
	if text, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, atomicfile.Frame("keyring-index", 1, text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A damaged pair is not skipped: its renewal fails and says how to repair it.
func TestRenewingAllReportsADamagedPair(t *testing.T) {
	t.Parallel()
	h, user := newKeyringHouse(t)
	const lost = "11111111-2222-4333-8444-0000000000ff"
	h.keyring.items["default/"+lost] = "{"
	out, _ := h.tell(t, 5, "token refresh --all -o json --within 999h", "")
	wantIn(t, out, "the keyring's record for "+lost+" of profile default is damaged")
	if strings.Count(out, `"Outcome": "renewed"`) != 2 || !strings.Contains(out, user) {
		t.Error(out)
	}
	h.tell(t, 0, "token remove "+lost, "")
	h.tell(t, 0, "token refresh --all --within 999h", "")
}
