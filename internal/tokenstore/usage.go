package tokenstore

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The kind and version of the frame around the file of Usage.
const (
	usageKind    = "profile-stores"
	usageVersion = 1
)

// Usage remembers in the state folder which stores each profile has written to, so that removing a
// profile, or giving it another store, leaves nothing behind in an old one. It is a file of its
// own: profile → kinds, as JSON in a frame.
type Usage struct{ Dir string }

func (u Usage) path() string { return filepath.Join(u.Dir, "stores.state") }

// Kinds returns the kinds of store that the profile may have records in, sorted; memory is never
// among them. Where the file is damaged or of a newer version that is every kind.
func (u Usage) Kinds(profile string) ([]string, error) {
	all, known, err := u.load()
	if err != nil {
		return nil, err
	}
	if !known {
		return []string{KindFile, KindKeyring}, nil
	}
	return all[profile], nil
}

// load reads the file; known is false for one that cannot be relied on.
func (u Usage) load() (all map[string][]string, known bool, err error) {
	data, err := os.ReadFile(u.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return map[string][]string{}, true, nil
	case err != nil:
		return nil, false, unreadable("the state file "+u.path()+" cannot be read", u.path(), err)
	}
	text, err := atomicfile.Unframe(usageKind, usageVersion, data)
	if err != nil || json.Unmarshal(text, &all) != nil || all == nil {
		return nil, false, nil //nolint:nilerr // the caller takes every store as used
	}
	return all, true, nil
}

// Note remembers that the profile writes to a store of the kind, before it does.
func (u Usage) Note(ctx context.Context, profile, kind string) error {
	if kinds, err := u.Kinds(profile); err != nil || slices.Contains(kinds, kind) {
		return err
	}
	return u.change(ctx, profile, func(kinds []string) []string {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		return kinds
	})
}

// Clear forgets the profile's kinds, or all but those that are given: nothing of it is left in the
// others.
func (u Usage) Clear(ctx context.Context, profile string, but ...string) error {
	return u.change(ctx, profile, func(kinds []string) []string {
		return slices.DeleteFunc(kinds, func(kind string) bool { return !slices.Contains(but, kind) })
	})
}

func (u Usage) change(ctx context.Context, profile string, alter func([]string) []string) error {
	release, err := lock(ctx, u.Dir, "stores.lock", lockLimit)
	if err != nil {
		return err
	}
	defer release()
	all, known, err := u.load()
	switch {
	case err != nil:
		return err
	case !known:
		return nil // it says "every kind", and stays that way
	}
	next := maps.Clone(all)
	if next[profile] = alter(slices.Clone(all[profile])); len(next[profile]) == 0 {
		delete(next, profile)
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(u.path(), atomicfile.Frame(usageKind, usageVersion, text), 0o600); err != nil {
		return notWritten("the state file "+u.path()+" cannot be written", u.path(), err)
	}
	return nil
}

// Noted returns the store, which then notes in u each profile that it writes to.
func Noted(s Store, u Usage) Store {
	if s.Kind() == KindMemory {
		return s
	}
	return &notedStore{Store: s, usage: u, noted: map[string]bool{}}
}

type notedStore struct {
	Store
	usage Usage
	mu    sync.Mutex
	noted map[string]bool
}

func (n *notedStore) Reserve(ctx context.Context, key Key, size int) (release func(), err error) {
	if key.Profile != "" {
		if err := n.note(ctx, key.Profile); err != nil {
			return nil, err
		}
	}
	return n.Store.Reserve(ctx, key, size)
}

func (n *notedStore) Put(ctx context.Context, items ...Item) error {
	for _, item := range items {
		if err := n.note(ctx, item.Key.Profile); err != nil {
			return err
		}
	}
	return n.Store.Put(ctx, items...)
}

func (n *notedStore) note(ctx context.Context, profile string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.noted[profile] {
		return nil
	}
	if err := n.usage.Note(ctx, profile, n.Kind()); err != nil {
		return failure.From(err)
	}
	n.noted[profile] = true
	return nil
}

// Empty removes all that the store holds for a profile.
func Empty(ctx context.Context, s Store, profile string) error {
	keys, err := keysOf(ctx, s, profile)
	if err != nil {
		return err
	}
	return s.Delete(ctx, keys...)
}

// Contents reads all that the store holds for a profile.
func Contents(ctx context.Context, s Store, profile string) ([]Item, error) {
	keys, err := keysOf(ctx, s, profile)
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, key := range keys {
		r, err := s.Fresh(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrDamaged): // a damaged record is of no use anywhere
		case err != nil:
			return nil, err
		default:
			items = append(items, Item{key, r})
		}
	}
	return items, nil
}

// keysOf are the keys under which the store may hold something for a profile.
func keysOf(ctx context.Context, s Store, profile string) ([]Key, error) {
	entries, err := s.List(ctx, profile)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, subject := range []string{SubjectInstanceKey, SubjectIdentityKey, SubjectAdminPassword, SubjectAdmin} {
		keys = append(keys, Key{Profile: profile, Subject: subject})
	}
	for _, e := range entries {
		if e.Subject != SubjectAdmin {
			keys = append(keys, e.Key)
		}
	}
	return keys, nil
}
