package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// untouchable is a store that fails the test whatever is asked of it.
type untouchable struct{ t testing.TB }

var errTouched = errors.New("the store was touched")

func (u untouchable) touched(what string) error {
	u.t.Helper()
	u.t.Error("the store was asked for", what)
	return errTouched
}

func (u untouchable) Kind() string                { return tokenstore.KindFile }
func (u untouchable) Check(context.Context) error { return u.touched("Check") }
func (u untouchable) Reserve(context.Context, tokenstore.Key, int) (func(), error) {
	return nil, u.touched("Reserve")
}
func (u untouchable) Get(context.Context, tokenstore.Key) (tokenstore.Record, error) {
	return tokenstore.Record{}, u.touched("Get")
}
func (u untouchable) Fresh(context.Context, tokenstore.Key) (tokenstore.Record, error) {
	return tokenstore.Record{}, u.touched("Fresh")
}
func (u untouchable) Put(context.Context, ...tokenstore.Item) error   { return u.touched("Put") }
func (u untouchable) Delete(context.Context, ...tokenstore.Key) error { return u.touched("Delete") }
func (u untouchable) List(context.Context, string) ([]tokenstore.Entry, error) {
	return nil, u.touched("List")
}

// With a JWT from the environment nothing is read from a store nor written to it, whether the
// service takes it or not.
func TestAGivenTokenTouchesNoStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, user := w.signIn(t), w.register(t)
	for _, name := range []string{"admin", "user"} { // the admin first: at the end of a turn every JWT has expired
		given := map[string]secret.String{"admin": admin.Access, "user": user.Pair.Access}[name]
		o := w.options()
		o.Store, o.EnvToken = untouchable{t}, given
		o.AdminEmail, o.AdminPassword = "ops@example.com", secret.New("a password")
		s := auth.New(o)
		if has, err := s.HasAdmin(t.Context()); err != nil || has != (name == "admin") {
			t.Errorf("%s: HasAdmin is %v, %v", name, has, err)
		}
		if rec, err := s.Pair(t.Context(), auth.Admin); err != nil || rec.Access != given || rec.ExpiresAt.IsZero() {
			t.Errorf("%s: Token is %v, %v", name, rec, err)
		}
		if rec, err := s.Keep(t.Context(), user.DeviceToken, *user.Pair); err != nil || rec.Access != user.Pair.Access {
			t.Errorf("%s: Keep: %v", name, err)
		}
		if email, password, err := s.SavedLogin(t.Context()); email != "" || !password.IsZero() || err != nil {
			t.Errorf("%s: SavedLogin: %q, %v", name, email, err)
		}
		_, err := s.Refresh(t.Context(), auth.Admin)
		wantFailure(t, err, failure.Invalid, "cannot be renewed")
		if err := w.call(t.Context(), s); (err == nil) != (name == "admin") {
			t.Errorf("%s: %v", name, err)
		}
		w.expire(t)
		wantFailure(t, w.call(t.Context(), s), failure.Unauthorized, "the JWT from the environment has expired")
	}
	if got := w.seen.counts(); got.Refreshes+got.Spent+got.SignIns > 0 || got.Calls != 4 {
		t.Errorf("the service saw %+v", got)
	}
}

// A user's JWT from the environment is never used for another user, whom the call would then not be
// about; the error names both, and nothing is sent.
func TestAGivenTokenIsForNoOtherUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.register(t), w.register(t)
	o := w.options()
	o.Store, o.EnvToken = untouchable{t}, ada.Pair.Access
	s := auth.New(o)
	_, err := s.Token(t.Context(), bob.DeviceToken)
	wantFailure(t, err, failure.Unauthorized,
		"no JWT of user "+bob.DeviceToken+": the one from the environment is of user "+ada.DeviceToken)
	wantFailure(t, err, failure.Unauthorized, "env-token "+bob.DeviceToken)
	_, err = s.Token(t.Context(), ada.DeviceToken)
	mustDo(t, err)
}

// What is said of a JWT from the environment is what it says itself.
func TestWhoIsGiven(t *testing.T) {
	t.Parallel()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	w := newWorld(t)
	past, future := w.Now().Unix(), w.Now().Unix()+1
	for name, c := range map[string]struct {
		jwt     secret.String
		who     string
		ok      bool
		expired bool
	}{
		"a user's":      {jwt: jwt(`{"DeviceToken": "` + strings.ToUpper(user) + `"}`), who: user, ok: true},
		"the admin's":   {jwt: jwt(`{"sub": "1"}`), who: auth.Admin, ok: true},
		"good":          {jwt: jwt(fmt.Sprintf(`{"exp": %d}`, future)), who: auth.Admin, ok: true},
		"expired":       {jwt: jwt(fmt.Sprintf(`{"exp": %d}`, past)), who: auth.Admin, ok: true, expired: true},
		"what is none":  {jwt: secret.New("garbage")},
		"half a JWT":    {jwt: secret.New("eyJhbGciOiJIUzI1NiJ9.eyJleHAi")},
		"not even JSON": {jwt: secret.New("a.b.c")},
	} {
		o := w.options()
		o.EnvToken = c.jwt
		s := auth.New(o)
		who, _, ok := s.EnvSubject()
		if err := s.EnvExpired(); who != c.who || ok != c.ok || (err != nil) != c.expired {
			t.Errorf("%s: it is %q's (%v), %v", name, who, ok, err)
		}
	}
}
