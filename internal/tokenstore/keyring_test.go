package tokenstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// wantBroken holds an error against the promise for stores that cannot be used: the sentinel, exit
// 3, a message that says this, and a reason (any for "").
func wantBroken(t testing.TB, err, kind error, message string, reason failure.Reason) {
	t.Helper()
	if !errors.Is(err, kind) || errors.Is(err, ErrNotFound) || !failure.Is(err, failure.Unauthorized) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	for _, other := range []error{ErrUnavailable, ErrLocked, ErrDamaged, ErrPassphrase} {
		if !errors.Is(other, kind) && errors.Is(err, other) {
			t.Errorf("%v is also %v", err, other)
		}
	}
	e := failure.From(err)
	if !strings.Contains(e.Message, message) || reason != "" && e.Reason != reason || e.Hint != "" {
		t.Errorf("got  %s (%s)\nwant %s (%s)", e.Message, e.Reason, message, reason)
	}
}

// every calls each method that needs the store and gives the errors by name.
func every(t testing.TB, s Store) map[string]error {
	t.Helper()
	_, get := s.Get(t.Context(), key(alice))
	_, fresh := s.Fresh(t.Context(), key(alice))
	_, list := s.List(t.Context(), "prod")
	return map[string]error{
		"Get": get, "Fresh": fresh, "List": list, "Check": s.Check(t.Context()),
		"Put": s.Put(t.Context(), Item{key(alice), pair("x", short)}), "Delete": s.Delete(t.Context(), key(alice)),
	}
}

func TestAKeyringThatIsNotThereIsNoEmptyKeyring(t *testing.T) {
	backend := newFake()
	backend.state = errors.New("no D-Bus session bus")
	s := keyringOver(t, t.TempDir(), backend)
	for name, err := range every(t, s) {
		t.Log(name)
		wantBroken(t, err, ErrUnavailable, "the keyring cannot be used: no D-Bus session bus", ReasonNoKeyring)
	}
	if backend.calls != 0 {
		t.Errorf("a keyring that is not there was called %d times", backend.calls)
	}
	backend.set(func(f *fake) { f.state = nil })
	wantNothing(t, s, key(alice)) // it has come back
}

func TestAKeyringThatFailsIsNoEmptyKeyring(t *testing.T) {
	backend := newFake()
	backend.fail = errors.New("error 1312")
	for name, err := range every(t, keyringOver(t, t.TempDir(), backend)) {
		t.Log(name)
		wantBroken(t, err, ErrUnavailable, "the keyring cannot be used: error 1312", ReasonNoKeyring)
	}
}

func TestALockedKeyringIsNotWaitedForWithoutAPerson(t *testing.T) {
	backend := newFake()
	backend.state = ErrLocked
	for name, err := range every(t, keyringOver(t, t.TempDir(), backend)) {
		t.Log(name)
		wantBroken(t, err, ErrLocked, "the keyring is locked", ReasonKeyringLocked)
	}
	if backend.calls != 0 {
		t.Errorf("a locked keyring was called %d times, which asks for a password", backend.calls)
	}
}

func TestAPersonMayUnlockTheKeyring(t *testing.T) {
	backend := newFake()
	backend.state = ErrLocked
	s := mustOpen(t, Options{Kind: KindKeyring, Dir: t.TempDir(), Backend: backend, Interactive: true})
	backend.set(func(f *fake) { f.fail = errors.New("prompt dismissed") })
	_, err := s.Get(t.Context(), key(alice))
	wantBroken(t, err, ErrLocked, "the keyring is locked", ReasonKeyringLocked)
	backend.set(func(f *fake) { f.fail, f.state = nil, nil })
	mustPut(t, s, Item{key(alice), pair("x", short)})
	wantRecord(t, s, key(alice), pair("x", short))
}

// A keyring that never answers costs one deadline and no more, whatever is called after.
func TestAHangingKeyringIsLeftBehind(t *testing.T) {
	for interactive, limit := range map[bool]time.Duration{false: 3 * time.Second, true: 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			backend := newFake()
			backend.hang = make(chan struct{})
			defer close(backend.hang)
			s := mustOpen(t, Options{Kind: KindKeyring, Dir: t.TempDir(), Backend: backend, Interactive: interactive})
			begun := time.Now()
			err := s.Put(t.Context(), Item{key(alice), pair("x", short)})
			wantBroken(t, err, ErrUnavailable, "it has not answered within "+limit.String(), ReasonNoKeyring)
			for name, err := range every(t, s) {
				t.Log(name)
				wantBroken(t, err, ErrUnavailable, "it has not answered", "")
			}
			if took := time.Since(begun); took != limit {
				t.Errorf("took %v, want %v", took, limit)
			}
			if n := backend.called(); n != 1 {
				t.Errorf("a hanging keyring was called %d times", n)
			}
		})
	}
}

// A keyring that is locked while a command runs waits for a person: that it does not answer is not
// all that is said.
func TestAKeyringThatWaitsForAPersonIsLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := newFake()
		s := keyringOver(t, t.TempDir(), backend)
		wantNothing(t, s, key(alice))
		backend.set(func(f *fake) { f.state, f.hang = ErrLocked, make(chan struct{}) })
		defer close(backend.hang)
		_, err := s.Fresh(t.Context(), key(alice))
		wantBroken(t, err, ErrLocked, "the keyring is locked", ReasonKeyringLocked)
	})
}

// A bus that does not say whether the keyring is there costs one deadline, however often it is
// needed, and less than two seconds.
func TestAStateThatIsNotToldIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &silent{newFake()}
		s := mustOpen(t, Options{Kind: KindKeyring, Dir: t.TempDir(), Backend: backend, Interactive: true})
		begun := time.Now()
		for range 3 {
			_, err := s.Get(t.Context(), key(alice))
			wantBroken(t, err, ErrUnavailable, "it has not answered within 1.5s", "")
		}
		if took := time.Since(begun); took != stateLimit {
			t.Errorf("took %v", took)
		}
	})
}

// silent is a keyring whose state is never told.
type silent struct{ Backend }

func (*silent) State(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestACommandThatEndsDoesNotWaitForTheKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := newFake()
		backend.hang = make(chan struct{})
		defer close(backend.hang)
		s := keyringOver(t, t.TempDir(), backend)
		ctx, end := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, end)
		begun := time.Now()
		if _, err := s.Get(ctx, key(alice)); !failure.Is(err, failure.Interrupted) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestALockThatIsNeverGivenBackIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		held := flock.New(filepath.Join(dir, keyringLock))
		if err := held.Lock(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = held.Unlock() }()
		err := keyringOver(t, dir, newFake()).Put(t.Context(), Item{key(alice), pair("x", short)})
		wantBroken(t, err, ErrUnavailable, "the token store cannot be locked", atomicfile.ReasonLockHeld)
	})
}

func TestEachItemIsReadOnce(t *testing.T) {
	backend, dir := newFake(), t.TempDir()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)})
	s := keyringOver(t, dir, backend)
	backend.set(func(f *fake) { f.gets = 0 })
	for range 3 {
		if _, err := s.Get(t.Context(), key(alice)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), key(bob)); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	if backend.gets != 2 {
		t.Errorf("two items were read %d times", backend.gets)
	}
	if _, err := s.Fresh(t.Context(), key(alice)); err != nil || backend.gets != 3 {
		t.Errorf("Fresh was answered from memory: %v", err)
	}
}

func TestAFailedWriteIsNotBelieved(t *testing.T) {
	backend := &stopping{newFake(), -1}
	s := keyringOver(t, t.TempDir(), backend)
	mustPut(t, s, Item{key(alice), pair("old", short)})
	backend.left = 1
	err := s.Put(t.Context(), Item{key(bob), pair("new", short)}, Item{key(alice), pair("new", short)})
	wantBroken(t, err, ErrUnavailable, "the keyring cannot be used", "")
	if got, err := s.Get(t.Context(), key(alice)); err != nil || got != pair("old", short) {
		t.Errorf("the record that was not written: %v", err)
	}
	if got, err := s.List(t.Context(), "prod"); err != nil || len(got) != 2 {
		t.Errorf("the record that was written is not listed: %v, %v", got, err)
	}
}

func TestTheStateFolderMustBeWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	backend := newFake()
	s := keyringOver(t, file, backend)
	wantBroken(t, s.Check(t.Context()), ErrUnavailable, "the token store cannot be locked in "+file,
		atomicfile.ReasonNotAFile)
	wantBroken(t, s.Put(t.Context(), Item{key(alice), pair("x", short)}), ErrUnavailable,
		"the token store cannot be locked in "+file, atomicfile.ReasonNotAFile)
	if len(backend.names()) != 0 {
		t.Error("a record was written that no other process is kept from")
	}
}
