package cmdutil

import (
	"context"
	"errors"
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// Forget removes all that is stored for a profile, from every store that it ever used: its pairs,
// its keys, the admin's password.
func (k *App) Forget(ctx context.Context, p config.Profile) error {
	stores, err := k.usedStores(p)
	if err != nil {
		return err
	}
	for _, s := range stores {
		err := tokenstore.Empty(ctx, s, p.Name)
		if err != nil && s.used || err != nil && !errors.Is(err, tokenstore.ErrUnavailable) {
			return err
		}
	}
	usage, err := k.usageOf(p)
	if err != nil {
		return err
	}
	return usage.Clear(ctx, p.Name)
}

// usedStore is a store that a profile may have records in; used reports whether it is known to have
// been written to.
type usedStore struct {
	tokenstore.Store
	used bool
}

// usageOf is the record of the stores that profiles used, in the state folder of the profile.
func (k *App) usageOf(p config.Profile) (tokenstore.Usage, error) {
	cfg, err := k.Config()
	if err != nil {
		return tokenstore.Usage{}, err
	}
	if p.Sandbox {
		return tokenstore.Usage{Dir: SandboxDir(cfg)}, nil
	}
	return tokenstore.Usage{Dir: cfg.StateDir}, nil
}

// usedStores opens the stores that the profile wrote to, and its own; memory is none of them.
func (k *App) usedStores(p config.Profile) (stores []usedStore, err error) {
	usage, err := k.usageOf(p)
	if err != nil {
		return nil, err
	}
	used, err := usage.Kinds(p.Name)
	if err != nil {
		return nil, err
	}
	kinds := slices.Clone(used)
	if !slices.Contains(kinds, p.TokenStore) &&
		(p.TokenStore == tokenstore.KindFile || p.TokenStore == tokenstore.KindKeyring) {
		kinds = append(kinds, p.TokenStore)
	}
	for _, kind := range kinds {
		other := p
		other.TokenStore = kind
		s, err := k.StoreOf(other)
		if err != nil {
			return nil, err
		}
		stores = append(stores, usedStore{s, slices.Contains(used, kind)})
	}
	return stores, nil
}

// A ProfileUpdate is a profile about to be written to the configuration file.
type ProfileUpdate struct {
	Changes []config.Change
	Old     *config.Profile // as the file has it; nil for a new profile
	New     config.Profile  // as it will stand
	Key     secret.String   // the InstanceKey to store; empty if another source provides it, or it stays
	DropKey bool            // remove the stored InstanceKey: another source provides it
}

// SaveProfile writes a profile, and gives its token store what belongs there. A new profile starts
// with empty stores, whatever another of its name left behind. A changed one takes what it has
// along into another kind of store, except the tokens of another instance. Where its InstanceKey is
// replaced, the old one stays as the identity key. What is new is stored before the file is
// written, and what is old is removed after it.
func (k *App) SaveProfile(ctx context.Context, u ProfileUpdate) error {
	cfg, err := k.ConfigToWrite()
	if err != nil {
		return err
	}
	usage, err := k.usageOf(u.New)
	if err != nil {
		return err
	}
	before := u.New
	if u.Old != nil {
		before = *u.Old
	} else if err := k.forgetLeftovers(ctx, usage, u.New); err != nil {
		return err
	}
	held, err := k.contents(ctx, u, before)
	if err != nil {
		return err
	}
	next, err := held.after(ctx, u)
	if err != nil {
		k.warnIdentity("it cannot be read: " + failure.From(err).Error())
	}
	if _, lost := next[tokenstore.SubjectIdentityKey]; lost && u.New.TokenStore == tokenstore.KindMemory {
		k.warnIdentity("token_store memory keeps nothing")
	}
	err = k.storeItems(ctx, u, next)
	if _, identity := next[tokenstore.SubjectIdentityKey]; identity && len(next) == 1 &&
		errors.Is(err, tokenstore.ErrUnavailable) {
		k.warnIdentity("no token store can keep it: " + failure.From(err).Error())
		err = nil // nothing else needs one
	}
	if err != nil {
		return err
	}
	if err := cfg.AddProfile(ctx, u.New.Name, u.Changes, u.Old != nil); err != nil {
		return err
	}
	return k.removeOld(ctx, usage, u, held, next)
}

// warnIdentity says that the InstanceKey which a profile had is not kept as its identity key.
func (k *App) warnIdentity(why string) {
	k.Streams.Warn("the profile's old InstanceKey is not kept as its identity key (" + why + "): " +
		"set identity_key_command to it, or DeviceTokens will be derived from the new InstanceKey")
}

// forgetLeftovers empties the stores that an earlier profile of the same name used. The default
// profile is never new: the environment alone makes one.
func (k *App) forgetLeftovers(ctx context.Context, usage tokenstore.Usage, p config.Profile) error {
	if p.Name == config.DefaultProfile {
		return nil
	}
	kinds, err := usage.Kinds(p.Name)
	if err != nil || len(kinds) == 0 {
		return err
	}
	return k.Forget(ctx, p)
}

// holdings are what a profile has in its stores: of each key the record of its own store before
// that of another.
type holdings map[string]tokenstore.Record

// contents reads what the stores of a profile hold, where that matters: for a new profile, or one
// that stays in its store with its key, it does not.
func (k *App) contents(ctx context.Context, u ProfileUpdate, before config.Profile) (holdings, error) {
	held := holdings{}
	moved := u.Old != nil && u.Old.TokenStore != u.New.TokenStore
	if u.Old == nil || !moved && u.Key.IsZero() && !u.DropKey && u.Old.InstanceID == u.New.InstanceID {
		return held, nil
	}
	stores, err := k.usedStores(before)
	if err != nil {
		return nil, err
	}
	for _, s := range stores {
		items, err := tokenstore.Contents(ctx, s, before.Name)
		if errors.Is(err, tokenstore.ErrUnavailable) && !s.used {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if _, known := held[item.Key.Subject]; !known || s.Kind() == before.TokenStore {
				held[item.Key.Subject] = item.Record
			}
		}
	}
	return held, nil
}

// after returns what the profile's store is to hold. The InstanceKey that the profile had
// is kept as the identity key as soon as the key may be another: from DeviceTokens nobody
// can tell. The error says why it cannot be read; the rest is there.
func (h holdings) after(ctx context.Context, u ProfileUpdate) (holdings, error) {
	next := holdings{}
	var err error
	if u.Old != nil && u.Old.InstanceID == u.New.InstanceID {
		for subject, r := range h {
			next[subject] = r
		}
		_, kept := next[tokenstore.SubjectIdentityKey]
		if !kept && u.New.IdentityKey.IsZero() && u.New.IdentityKeyCommand == "" && (u.DropKey || !u.Key.IsZero()) {
			var old secret.String
			if old, err = h.oldKey(ctx, u); !old.IsZero() && old != u.Key {
				next[tokenstore.SubjectIdentityKey] = tokenstore.Record{Value: old, InstanceID: u.New.InstanceID}
			}
		}
	}
	switch {
	case !u.Key.IsZero():
		next[tokenstore.SubjectInstanceKey] = tokenstore.Record{Value: u.Key, InstanceID: u.New.InstanceID}
	case u.DropKey:
		delete(next, tokenstore.SubjectInstanceKey)
	}
	return next, err
}

// oldKey is the InstanceKey that the profile had: in the file, by its command, or in its store.
func (h holdings) oldKey(ctx context.Context, u ProfileUpdate) (secret.String, error) {
	switch {
	case !u.Old.InstanceKey.IsZero():
		return u.Old.InstanceKey, nil
	case u.Old.InstanceKeyCommand != "":
		return u.Old.RunKeyCommand(ctx)
	}
	return h[tokenstore.SubjectInstanceKey].Value, nil
}

// storeItems puts what is new into the profile's store.
func (k *App) storeItems(ctx context.Context, u ProfileUpdate, next holdings) error {
	if len(next) == 0 || u.New.TokenStore == tokenstore.KindMemory {
		return nil
	}
	store, err := k.StoreOf(u.New)
	if err != nil {
		return err
	}
	var items []tokenstore.Item
	for subject, r := range next {
		items = append(items, tokenstore.Item{Key: tokenstore.Key{Profile: u.New.Name, Subject: subject}, Record: r})
	}
	return store.Put(ctx, items...)
}

// removeOld empties the stores that the profile has left, and removes from its own what is not to
// stay.
func (k *App) removeOld(ctx context.Context, usage tokenstore.Usage, u ProfileUpdate, held, next holdings) error {
	if len(held) == 0 {
		return nil
	}
	stores, err := k.usedStores(*u.Old)
	if err != nil {
		return err
	}
	for _, s := range stores {
		if s.Kind() != u.New.TokenStore {
			if err := tokenstore.Empty(ctx, s, u.New.Name); err != nil && s.used {
				return err
			}
			continue
		}
		var gone []tokenstore.Key
		for subject := range held {
			if _, stays := next[subject]; !stays {
				gone = append(gone, tokenstore.Key{Profile: u.New.Name, Subject: subject})
			}
		}
		if err := s.Delete(ctx, gone...); err != nil {
			return err
		}
	}
	return usage.Clear(ctx, u.New.Name, u.New.TokenStore)
}

// IdentityKey is the key by which DeviceTokens of the profile's instance are derived: the one that
// is configured, else the one that was stored when the InstanceKey was replaced, else the
// InstanceKey.
func (s *Session) IdentityKey(ctx context.Context) (secret.String, error) {
	if s.Profile.Sandbox {
		return secret.New(s.preset.InstanceKey), nil
	}
	key, err := s.Profile.ResolveIdentityKey(ctx)
	if err != nil || !key.IsZero() {
		return key, err
	}
	if key, err = s.storedIdentityKey(ctx); err != nil || !key.IsZero() {
		return key, err
	}
	i, err := s.Instance(ctx)
	return i.Key, err
}

// storedIdentityKey asks the token store, unless the profile never wrote to it. Only a profile of
// the file can have one there: a run by the environment alone needs no store.
func (s *Session) storedIdentityKey(ctx context.Context) (secret.String, error) {
	cfg, err := s.app.Config()
	if err != nil || s.given || !cfg.Has(s.Profile.Name) {
		return secret.String{}, err
	}
	usage, err := s.app.usageOf(s.Profile)
	if err != nil {
		return secret.String{}, err
	}
	kinds, err := usage.Kinds(s.Profile.Name)
	if err != nil || !slices.Contains(kinds, s.Store.Kind()) {
		return secret.String{}, err
	}
	r, err := s.Store.Get(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: tokenstore.SubjectIdentityKey})
	switch {
	case failure.Is(err, failure.NotFound), err == nil && r.InstanceID != s.Profile.InstanceID:
		return secret.String{}, nil
	default:
		return r.Value, err
	}
}
