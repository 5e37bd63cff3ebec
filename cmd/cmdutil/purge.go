package cmdutil

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// Forget removes from a profile's token store all that is stored for the profile: its pairs, its key, the admin's password.
func (k *App) Forget(ctx context.Context, p config.Profile) error {
	store, err := k.StoreOf(p)
	if err != nil {
		return err
	}
	entries, err := store.List(ctx, p.Name)
	if err != nil {
		return err
	}
	keys := []tokenstore.Key{{Profile: p.Name, Subject: tokenstore.SubjectInstanceKey}, {Profile: p.Name, Subject: tokenstore.SubjectAdminPassword}}
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	return store.Delete(ctx, keys...)
}
