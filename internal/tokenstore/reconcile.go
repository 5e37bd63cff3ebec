package tokenstore

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// List says what the keyring holds, whatever the index says: where the platform can list, the two
// are compared with each other at each List. That takes one call and no secret, as long as nothing
// has come or gone behind the index's back; what differs is looked up, and the index is repaired.
// Where the platform cannot list, the index is believed, but for its entries that are unsure.
func (k *keyringStore) List(ctx context.Context, profile string) ([]Entry, error) {
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	defer k.sem.release()
	whole, err := k.index.load()
	if err != nil {
		return nil, k.unreadableIndex(err)
	}
	agreed := false
	if whole && !k.index.isUnsure() {
		if agreed, err = k.agreed(ctx); err != nil {
			return nil, err
		}
	}
	if !agreed {
		if err := k.reconcile(ctx, profile); err != nil {
			return nil, err
		}
	}
	return k.index.list(profile), nil
}

// agreed reports whether the items of the keyring and the entries of the index are the very ones
// that were found to be the same at the last reconciliation.
func (k *keyringStore) agreed(ctx context.Context) (bool, error) {
	items, err := k.items(ctx)
	if errors.Is(err, ErrNoList) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	last, err := os.ReadFile(k.index.stampPath)
	return err == nil && string(last) == k.index.stamp(items), nil
}

// reconcile makes the index what the keyring says. Where another process holds the lock, or the
// folder takes no files, the list is still right, and the next one has the same to do.
func (k *keyringStore) reconcile(ctx context.Context, profile string) error {
	release, err := lock(ctx, k.dir, keyringLock, k.calls.limit)
	if err != nil && ctx.Err() != nil {
		return err
	}
	mayWrite := err == nil
	if mayWrite {
		defer release()
	}
	if _, err := k.index.load(); err != nil {
		return k.unreadableIndex(err)
	}
	items, err := k.scan(ctx, profile)
	if err != nil || !mayWrite {
		return err
	}
	if k.index.write() == nil && items != nil {
		// without it the next List reconciles again
		_ = atomicfile.WriteFile(k.index.stampPath, []byte(k.index.stamp(items)), 0o600)
	}
	return nil
}

// loadIndex reads the index, or rebuilds it in memory where it is lost. The caller holds the
// lock.
func (k *keyringStore) loadIndex(ctx context.Context) error {
	whole, err := k.index.load()
	if err != nil || whole {
		return err
	}
	_, err = k.scan(ctx, "")
	return err
}

// scan makes the index in memory, which was just loaded, what the keyring says: of each pair that
// is there it keeps the entry, or reads the record without an entry or with an uncertain one; other
// entries are dropped. A record that is damaged stays unsure: it is there, and can be removed. It
// gives the items found; where the platform has no list (nil), what the index names and the
// profile's admin are taken as there, until they are read.
func (k *keyringStore) scan(ctx context.Context, profile string) (items []string, err error) {
	there, items, err := k.pairs(ctx, profile)
	if err != nil {
		return nil, err
	}
	all := map[Key]indexed{}
	for key := range there {
		e, known := k.index.all[key]
		if known && !e.Unsure {
			all[key] = e
			continue
		}
		r, err := k.load(ctx, key)
		switch {
		case errors.Is(err, ErrDamaged):
			e.Unsure = true
			all[key] = e
			continue
		case err != nil:
			k.index.all = nil
			return nil, err
		case r != nil:
			all[key] = toIndexed(*r)
		}
		k.seen[key] = r
	}
	k.index.all = all
	return items, nil
}

// pairs are the keys of the pairs that are in the keyring, as far as that is to be known, and the
// items among which they were found.
func (k *keyringStore) pairs(ctx context.Context, profile string) (there map[Key]bool, items []string, err error) {
	there = map[Key]bool{}
	items, err = k.items(ctx)
	if errors.Is(err, ErrNoList) {
		for key := range k.index.all {
			there[key] = true
		}
		if profile != "" {
			there[Key{Profile: profile, Subject: SubjectAdmin}] = true
		}
		return there, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	// Each chunk has the deadline of one call.
	for chunk := range slices.Chunk(items, itemsAtOnce) {
		users, err := withDeadline(ctx, &k.calls, func(ctx context.Context) ([]string, error) {
			return k.backend.Users(ctx, service, chunk)
		})
		if err != nil {
			return nil, nil, k.unusable(ctx, err)
		}
		for _, user := range users {
			if key, isManifest := keyOf(user); isManifest && key.isPair() {
				there[key] = true
			}
		}
	}
	return there, items, nil
}

// itemsAtOnce is for how many items the keyring is asked in one call: a tenth of a second's work.
const itemsAtOnce = 500

// items are the keyring's names of what it holds, never nil without an error; the error may be
// ErrNoList.
func (k *keyringStore) items(ctx context.Context) ([]string, error) {
	items, err := withDeadline(ctx, &k.calls, func(ctx context.Context) ([]string, error) {
		return k.backend.Items(ctx, service)
	})
	switch {
	case errors.Is(err, ErrNoList):
		return nil, err
	case err != nil:
		return nil, k.unusable(ctx, err)
	}
	return append([]string{}, items...), nil
}

// stamp is a checksum over the items of a keyring and the entries of the index. What is written of
// it after a reconciliation says: these items are these entries.
func (x *index) stamp(items []string) string {
	entries := make([]string, 0, len(x.all))
	for key := range x.all {
		entries = append(entries, manifestUser(key))
	}
	slices.Sort(entries)
	return sumOf(strings.Join(slices.Sorted(slices.Values(items)), "\n") + "\n\n" + strings.Join(entries, "\n"))
}

func (k *keyringStore) unreadableIndex(err error) error {
	return unreadable("the index of the keyring cannot be read", k.index.path, err)
}
