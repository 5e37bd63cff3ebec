package auth_test

import (
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// A profile has one admin's session at a time. It is used for that admin alone: whoever names
// another one acts by that one's session, or not at all.
func TestASessionIsUsedForItsOwnAdminAlone(t *testing.T) {
	t.Parallel()
	const other = "other@example.com"
	for name, c := range map[string]struct {
		email    string
		password string
		sent     counts
		says     string // of the error
	}{
		"nobody is named":      {sent: counts{Calls: 1}},
		"the same":             {email: sandbox.AdminEmail, sent: counts{Calls: 1}},
		"the same in capitals": {email: "ADMIN@Sandbox.example", sent: counts{Calls: 1}},
		"another, with a password": {email: other, password: sandbox.AdminPassword,
			sent: counts{SignIns: 1, Calls: 1}},
		"another, with a wrong password": {email: other, password: "wrong", sent: counts{SignIns: 1},
			says: "env-password-refused"},
		"another, whom nobody can sign in": {email: other, says: "not signed in as " + other +
			" in profile test: the stored session is of " + sandbox.AdminEmail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOf(t, other)
			before := w.signIn(t)
			o := w.options()
			o.AdminEmail, o.AdminPassword = c.email, secret.New(c.password)
			s := auth.New(o)
			if err := w.call(t.Context(), s); c.says == "" {
				mustDo(t, err)
			} else {
				wantFailure(t, err, failure.Unauthorized, c.says)
			}
			w.want(t, c.sent)
			after, err := w.store.Fresh(t.Context(), adminKey)
			mustDo(t, err)
			if replaced := after.Access != before.Access; replaced != (c.email == other && c.says == "") {
				t.Errorf("the stored session is another one: %v", replaced)
			}
			if c.email == other && c.says == "" && after.Email != other {
				t.Errorf("the session is stored as that of %q", after.Email)
			}
		})
	}
}

// The password that one admin stored does not renew the session of another.
func TestAStoredPasswordSignsInItsOwnAdminAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	mustDo(t, w.person().SavePassword(t.Context(), "other@example.com", secret.New("theirs")))
	w.Move(91 * 24 * time.Hour)
	wantFailure(t, w.call(t.Context(), w.person()), failure.Unauthorized, "signed-out")
	w.want(t, counts{Spent: 1})
}

// A refresh keeps whose the session is.
func TestARefreshedSessionIsOfTheSameAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	rec, err := w.person().Refresh(t.Context(), auth.Admin)
	mustDo(t, err)
	if rec.Email != sandbox.AdminEmail {
		t.Errorf("it is of %q", rec.Email)
	}
}
