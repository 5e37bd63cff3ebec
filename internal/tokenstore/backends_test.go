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
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// platforms are the fakes by the platform whose limits they have.
var platforms = map[string]func() *fake{"no limit": newFake, "Windows": windowsFake, "macOS": macFake}

// limited are those that take no long items.
var limited = map[string]func() *fake{"Windows": windowsFake, "macOS": macFake}

// eachKeyring runs a test on an empty keyring of each platform: on the fakes, and, where
// .ci/keyring has started one, on a real Secret Service within the limits of each platform.
func eachKeyring(t *testing.T, on map[string]func() *fake, test func(t *testing.T, backend Backend)) {
	t.Helper()
	for platform, make := range on {
		t.Run("fake, "+platform, func(t *testing.T) {
			t.Parallel()
			test(t, make())
		})
		if hasReal() {
			t.Run("Secret Service, "+platform, func(t *testing.T) {
				t.Parallel()
				test(t, within{realKeyring(t), make()})
			})
		}
	}
}

// within is a keyring within the limits of a platform.
type within struct {
	Backend
	platform *fake
}

func (w within) Limit(service, user string) int { return w.platform.limit(service, user) }

func (w within) Set(service, user, secret string) error {
	if w.platform.refuse != nil && w.platform.refuse(service, user, secret) {
		return keyring.ErrSetDataTooBig
	}
	return w.Backend.Set(service, user, secret)
}

func (w within) Items(ctx context.Context, service string) ([]string, error) {
	if w.platform.noList {
		return nil, ErrNoList
	}
	return w.Backend.Items(ctx, service)
}

// errCrash is what a stopping keyring answers once its writes are used up: the process is gone from
// there on.
var errCrash = errors.New("crashed")

// stopping is a keyring that takes so many more writes.
type stopping struct {
	Backend
	left int
}

func (s *stopping) Set(service, user, secret string) error {
	if s.left == 0 {
		return errCrash
	}
	s.left--
	return s.Backend.Set(service, user, secret)
}

func (s *stopping) Delete(service, user string) error {
	if _, err := s.Get(service, user); err != nil {
		return err // what is not there costs no write
	}
	if s.left == 0 {
		return errCrash
	}
	s.left--
	return s.Backend.Delete(service, user)
}

// stored is all that is stored in a keyring: user → secret. It looks past the limits of a
// platform.
func stored(t testing.TB, backend Backend) map[string]string {
	t.Helper()
	if w, ok := backend.(within); ok {
		return stored(t, w.Backend)
	}
	if f, ok := backend.(*fake); ok {
		all := map[string]string{}
		f.set(func(f *fake) {
			for name, secret := range f.items {
				all[strings.TrimPrefix(name, service+":")] = secret
			}
		})
		return all
	}
	items, err := backend.Items(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	users, err := backend.Users(t.Context(), service, items)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, user := range users {
		if all[user], err = backend.Get(service, user); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// names are the users for whom something is stored, sorted.
func names(t testing.TB, backend Backend) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(stored(t, backend)))
}

// alter changes what is stored behind the store's back.
func alter(t testing.TB, backend Backend, change func(map[string]string)) {
	t.Helper()
	before := stored(t, backend)
	after := maps.Clone(before)
	change(after)
	for user := range before {
		if _, kept := after[user]; !kept {
			if err := backend.Delete(service, user); err != nil {
				t.Fatal(err)
			}
		}
	}
	for user, secret := range after {
		if was, there := before[user]; !there || was != secret {
			if err := backend.Set(service, user, secret); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// folder is a keyring that several processes share: a file an item. It takes no more than Windows
// does.
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
	return atomicfile.WriteFile(f.path(service, user), []byte(secret), 0o600)
}

func (f folder) Delete(service, user string) error {
	if err := os.Remove(f.path(service, user)); errors.Is(err, fs.ErrNotExist) {
		return keyring.ErrNotFound
	}
	return nil
}

func (f folder) Limit(string, string) int { return windowsLimit }

func (f folder) Items(context.Context, string) ([]string, error) { return nil, ErrNoList }

func (f folder) Users(context.Context, string, []string) ([]string, error) { return nil, ErrNoList }

func (f folder) State(context.Context) error { return nil }
