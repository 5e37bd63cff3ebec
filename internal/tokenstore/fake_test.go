package tokenstore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zalando/go-keyring"
)

// fake is a keyring in memory, with the limit of a platform and the failures that a test asks for.
type fake struct {
	limit  func(service, user string) int
	refuse func(service, user, secret string) bool // Set is too big, by the platform's own reckoning
	noList bool                                    // the platform cannot list, as macOS

	mu    sync.Mutex
	items map[string]string
	state error         // what State answers
	fail  error         // what every call answers
	hang  chan struct{} // calls wait until it is closed
	gets  int           // how many secrets were asked for
	calls int
}

func newFake() *fake {
	return &fake{limit: func(string, string) int { return 0 }, items: map[string]string{}}
}

func windowsFake() *fake {
	f := newFake()
	f.limit = func(string, string) int { return windowsLimit }
	f.refuse = func(_, _, secret string) bool { return len(secret) > 2560 }
	return f
}

// macFake reckons as go-keyring and the security tool do: the whole command in one line, the secret
// in Base64.
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
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items[service+":"+user] = secret
	return nil
}

func (f *fake) Delete(service, user string) error {
	if err := f.enter(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.items[service+":"+user]; !there {
		return keyring.ErrNotFound
	}
	delete(f.items, service+":"+user)
	return nil
}

func (f *fake) Limit(service, user string) int { return f.limit(service, user) }

func (f *fake) Items(context.Context, string) ([]string, error) {
	if f.noList {
		return nil, ErrNoList
	}
	if err := f.enter(); err != nil {
		return nil, err
	}
	return f.names(), nil
}

func (f *fake) Users(_ context.Context, service string, items []string) ([]string, error) {
	return without(service+":", items), f.enter()
}

// without takes the beginning from each of some names.
func without(prefix string, names []string) []string {
	rest := make([]string, len(names))
	for i, name := range names {
		rest[i] = strings.TrimPrefix(name, prefix)
	}
	return rest
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
