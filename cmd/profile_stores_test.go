package cmd_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// notInProfileHouse are the variables for which the profile stands.
var notInProfileHouse = []string{"TELEMATICSCTL_INSTANCE_ID", "TELEMATICSCTL_TOKEN_STORE", "TELEMATICSCTL_ADMIN_EMAIL",
	"TELEMATICSCTL_ADMIN_PASSWORD"}

// newProfileHouse is a house with the profile prod, whose secrets are in a store of the kind: the
// InstanceKey, the admin's password and pair, and a user's. Nothing is in the environment but the
// passphrase.
func newProfileHouse(t *testing.T, kind string) (h *house, seen *renewals, user string) {
	t.Helper()
	seen = &renewals{answered: make(chan struct{}, 1)}
	h = newHouse(t, seen.counting)
	h.keyring = &counted{items: map[string]string{}, reads: map[string]int{}}
	h.without = append([]string{"TELEMATICSCTL_INSTANCE_KEY"}, notInProfileHouse...)
	h.tell(t, 0, "profile add prod --admin-email "+keptEmail+" --token-store "+kind+" --instance-key-stdin --instance-id "+
		keptInstance, keptKey+"\n")
	h.tell(t, 0, "auth login --save-password --password-stdin", keptPassword+"\n")
	user, _ = h.tell(t, 0, "user create -o ids", "")
	return h, seen, strings.TrimSpace(user)
}

// held are the subjects that a kind of store has something of, for the profile prod.
func (h *house) held(t *testing.T, kind string) (subjects []string) {
	t.Helper()
	for _, item := range h.contents(t, kind) {
		subjects = append(subjects, item.Key.Subject)
	}
	slices.Sort(subjects)
	return subjects
}

func (h *house) contents(t *testing.T, kind string) []tokenstore.Item {
	t.Helper()
	o := tokenstore.Options{Kind: kind, Dir: filepath.Join(h.dir, "state"), Backend: h.keyring}
	o.Passphrase = func(context.Context) (secret.String, error) { return secret.New(keptPassphrase), nil }
	store, err := tokenstore.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	items, err := tokenstore.Contents(t.Context(), store, "prod")
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// Another store takes along what the old one holds, and the old one is empty: nobody has to sign in
// again, and no secret stays behind.
func TestAProfileTakesItsSecretsIntoAnotherStore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to string }{{"file", "keyring"}, {"keyring", "file"}} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			t.Parallel()
			h, seen, user := newProfileHouse(t, c.from)
			before := h.held(t, c.from)
			if len(before) != 4 || !slices.Contains(before, user) || !slices.Contains(before, tokenstore.SubjectInstanceKey) {
				t.Fatalf("held is %v", before)
			}
			h.tell(t, 0, "profile add prod --replace --token-store "+c.to, "")
			if left, moved := h.held(t, c.from), h.held(t, c.to); len(left) > 0 || !slices.Equal(moved, before) {
				t.Errorf("left is %v, and moved %v of %v", left, moved, before)
			}
			seen.want(t, 0, 0, 1) // the sign-in before
			out, _ := h.tell(t, 0, "token list -o csv", "")
			wantIn(t, out, "admin,"+c.to+",")
			wantIn(t, out, user+","+c.to+",")
			h.tell(t, 0, "user list", "")
			h.tell(t, 0, "user set-tracking off --as user "+user, "")
			h.tell(t, 0, "user create", "")
			seen.want(t, 0, 0, 0)
			// A profile that is removed leaves nothing, neither there nor here.
			h.tell(t, 0, "profile remove prod --yes", "")
			if there, here := h.held(t, c.from), h.held(t, c.to); len(there)+len(here) > 0 {
				t.Errorf("after the removal there is %v, and here %v", there, here)
			}
		})
	}
}

// However the InstanceKey is replaced, the one before stays as the identity key: a ClientId is the
// same user as ever. Where it cannot be kept, the tool says so.
func TestAReplacedInstanceKeyStaysAsTheIdentityKey(t *testing.T) {
	t.Parallel()
	const newKey = "7f3e7a52-94bb-4d0e-8f3a-0d1f6f2a9c11"
	for name, c := range map[string]struct {
		words, stdin string
		lost         string
	}{
		"by standard input":  {"--instance-key-stdin", newKey + "\n", ""},
		"by a command":       {"--instance-key-command COMMAND", "", ""},
		"by the environment": {"--no-instance-key", "", ""},
		"in another store":   {"--token-store keyring --instance-key-stdin", newKey + "\n", ""},
		"in a store without a memory": {"--token-store memory --no-instance-key", "",
			"is not kept as its identity key (token_store memory keeps nothing)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _, _ := newProfileHouse(t, "file")
			before, _ := h.tell(t, 0, "user create --client-id c-1001 -o ids", "")
			kept := "file"
			if strings.Contains(c.words, "keyring") {
				kept = "keyring"
			}
			command := filepath.Join(h.dir, "key")
			if err := os.WriteFile(command, []byte("#!/bin/sh\necho "+newKey+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			_, says := h.tell(t, 0, "profile add prod --replace "+strings.ReplaceAll(c.words, "COMMAND", command), c.stdin)
			if c.lost != "" {
				wantIn(t, says, c.lost)
				return
			}
			if strings.Contains(says, "is not kept") {
				t.Error(says)
			}
			if !slices.ContainsFunc(h.contents(t, kept), func(i tokenstore.Item) bool {
				return i.Key.Subject == tokenstore.SubjectIdentityKey && i.Record.Value == secret.New(keptKey)
			}) {
				t.Errorf("held is %v", h.held(t, kept))
			}
			h.without = notInProfileHouse // the service still has the old key
			_, says = h.tell(t, 8, "user create --client-id c-1001", "")
			wantIn(t, says, "user "+strings.TrimSpace(before)+" exists already")
		})
	}
}
