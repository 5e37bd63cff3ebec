package tokenstore

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/zalando/go-keyring"

	"github.com/telematicsctl/telematicsctl/internal/durable"
)

// errCrash is what a fake answers once its writes are used up: the process is gone from there on.
var errCrash = errors.New("crashed")

// fake is a keyring in memory, with the limit of a platform and the failures that a test asks for.
type fake struct {
	limit  func(service, user string) int
	refuse func(service, user, secret string) bool // Set is too big, by the platform's own reckoning
	noList bool                                    // the platform cannot list, as macOS

	mu     sync.Mutex
	items  map[string]string
	state  error         // what State answers
	fail   error         // what every call answers
	hang   chan struct{} // calls wait until it is closed
	writes int           // how many more writes succeed; negative for all
	gets   int
	calls  int
}

func newFake() *fake {
	return &fake{limit: func(string, string) int { return 0 }, items: map[string]string{}, writes: -1}
}

func windowsFake() *fake {
	f := newFake()
	f.limit = func(string, string) int { return windowsLimit }
	f.refuse = func(_, _, secret string) bool { return len(secret) > 2560 }
	return f
}

// macFake reckons as go-keyring and the security tool do: the whole command in one line, the secret in Base64.
func macFake() *fake {
	f := newFake()
	f.limit, f.noList = macLimit, true
	f.refuse = func(service, user, secret string) bool {
		base64 := (len(secret) + 2) / 3 * 4
		quotes := 0
		if strings.Contains(user, "#") {
			quotes = 2
		}
		return len("add-generic-password -U -s "+service+" -a "+user+" -w go-keyring-base64:\n")+base64+quotes > 4095
	}
	return f
}

func (f *fake) enter() error {
	f.mu.Lock()
	hang, fail := f.hang, f.fail
	f.calls++
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return fail
}

func (f *fake) write(change func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writes == 0 {
		return errCrash
	}
	f.writes--
	change()
	return nil
}

func (f *fake) Get(service, user string) (string, error) {
	if err := f.enter(); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	secret, there := f.items[service+":"+user]
	if !there {
		return "", keyring.ErrNotFound
	}
	return secret, nil
}

func (f *fake) Set(service, user, secret string) error {
	if err := f.enter(); err != nil {
		return err
	}
	if f.refuse != nil && f.refuse(service, user, secret) {
		return keyring.ErrSetDataTooBig
	}
	return f.write(func() { f.items[service+":"+user] = secret })
}

func (f *fake) Delete(service, user string) error {
	if err := f.enter(); err != nil {
		return err
	}
	f.mu.Lock()
	_, there := f.items[service+":"+user]
	f.mu.Unlock()
	if !there {
		return keyring.ErrNotFound
	}
	return f.write(func() { delete(f.items, service+":"+user) })
}

func (f *fake) Limit(service, user string) int { return f.limit(service, user) }

func (f *fake) Users(_ context.Context, service string) ([]string, error) {
	if err := f.enter(); err != nil || f.noList {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var users []string
	for name := range f.items {
		users = append(users, strings.TrimPrefix(name, service+":"))
	}
	return users, nil
}

func (f *fake) State(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// set changes the fake's behaviour while stores use it.
func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// called is how many calls there were.
func (f *fake) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// names are the names of all that is stored, sorted.
func (f *fake) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.items))
}

// folder is a keyring that several processes share: a file an item. It takes no more than Windows does.
type folder struct{ dir string }

func (f folder) path(service, user string) string {
	return filepath.Join(f.dir, hex.EncodeToString([]byte(service+":"+user)))
}

func (f folder) Get(service, user string) (string, error) {
	data, err := os.ReadFile(f.path(service, user))
	if errors.Is(err, fs.ErrNotExist) {
		return "", keyring.ErrNotFound
	}
	return string(data), err
}

func (f folder) Set(service, user, secret string) error {
	if len(secret) > windowsLimit {
		return keyring.ErrSetDataTooBig
	}
	return durable.WriteFile(f.path(service, user), []byte(secret), 0o600)
}

func (f folder) Delete(service, user string) error {
	if err := os.Remove(f.path(service, user)); errors.Is(err, fs.ErrNotExist) {
		return keyring.ErrNotFound
	}
	return nil
}

func (f folder) Limit(string, string) int { return windowsLimit }

func (f folder) Users(context.Context, string) ([]string, error) { return nil, nil }

func (f folder) State(context.Context) error { return nil }
