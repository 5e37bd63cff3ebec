package auth_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

const (
	ada = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	bob = "1f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55"
)

// answer is a sign-in's or a refresh's answer with a pair.
func answer(deviceToken string, access secret.String, refresh string) string {
	token, _ := json.Marshal(access.Reveal())
	refresher, _ := json.Marshal(refresh)
	return fmt.Sprintf(`200 {"Status":200,"Result":{"DeviceToken":%q,"AccessToken":{"Token":%s,"ExpiresIn":100},`+
		`"RefreshToken":%s}}`,
		deviceToken, token, refresher)
}

func claims(deviceToken, isAdmin string) secret.String {
	return jwt(fmt.Sprintf(`{"iat":1,"exp":1001,"DeviceToken":%q,"IsAdmin":%q}`, deviceToken, isAdmin))
}

// A pair that the service issues in answer to a sign-in or a refresh is stored and used only if it
// is the subject's, by Result.DeviceToken and by the JWT. Each row holds for both.
func TestAnAnswerAboutAnotherSubjectIsRefused(t *testing.T) {
	t.Parallel()
	const noDashes = "8F14E45FCEEA467F8B3E2C1D6E5B9A70"
	for name, c := range map[string]struct {
		subject, answer string
		reason          failure.Reason // "" for a pair that is taken
	}{
		"a user's own":                      {ada, answer(ada, claims(ada, "False"), "r2"), ""},
		"a user's own, as .NET writes it":   {ada, answer("{"+ada+"}", claims(noDashes, "False"), "r2"), ""},
		"a user's own, opaque":              {ada, answer("", secret.New("opaque"), "r2"), ""},
		"another user's by Result":          {ada, answer(bob, secret.New("opaque"), "r2"), "wrong-subject"},
		"another user's by the claim":       {ada, answer(ada, claims(bob, ""), "r2"), "wrong-subject"},
		"another user's by the claim alone": {ada, answer("", claims(bob, "False"), "r2"), "wrong-subject"},
		"no UUID in Result":                 {ada, answer("somebody", claims(ada, ""), "r2"), "wrong-subject"},
		"an admin's instead of a user's":    {ada, answer("", claims("", "True"), "r2"), "wrong-subject"},
		"the admin's own":                   {auth.Admin, answer("", claims("", "True"), "r2"), ""},
		"the admin's own, with nothing said": {auth.Admin,
			answer("00000000-0000-0000-0000-000000000000", claims("", ""), "r2"), ""},
		"the admin's own, with a DeviceToken":  {auth.Admin, answer(ada, claims(ada, "True"), "r2"), ""},
		"a user's instead of the admin's":      {auth.Admin, answer("", claims(noDashes, "False"), "r2"), "wrong-subject"},
		"a user's by Result, not the admin's":  {auth.Admin, answer(ada, secret.New("opaque"), "r2"), "wrong-subject"},
		"a control character in the JWT":       {ada, answer(ada, secret.New("a.b\x1b[2J.c"), "r2"), "malformed-token"},
		"a control character in the refresher": {ada, answer(ada, claims(ada, ""), "r\x00"), "malformed-token"},
	} {
		for _, by := range []string{"sign-in", "refresh"} {
			t.Run(name+", "+by, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				service := fixedAnswers{signIn: c.answer, refresh: c.answer, call: `200 {"Status":200,"Result":{"Users":[]}}`}
				w.api = newAPI(t, host, sandboxTransport(w.seen.counting(service)))
				s := w.admin()
				key := tokenstore.Key{Profile: "test", Subject: c.subject}
				old := tokenstore.Record{Access: secret.New("old"), Refresh: secret.New("r1"), Host: host, ExpiresAt: w.Now().
					Add(-time.Second)}
				if by == "refresh" {
					mustDo(t, w.store.Put(t.Context(), tokenstore.Item{Key: key, Record: old}))
				}
				for range 3 { // it is not asked again and again
					got, err := s.Pair(t.Context(), c.subject)
					if c.reason == "" && err != nil || c.reason != "" && (!failure.HasReason(err, c.reason) || !got.Access.IsZero()) {
						t.Fatalf("got %v, want reason %q", err, c.reason)
					}
				}
				if n := w.seen.counts(); n.SignIns+n.Refreshes != 1 {
					t.Errorf("the service saw %+v", n)
				}
				stored, err := w.store.Fresh(t.Context(), key)
				switch {
				case c.reason == "":
					mustDo(t, err)
				case by == "refresh" && stored != old, by == "sign-in" && err == nil:
					t.Errorf("stored is %+v, %v", stored, err)
				}
			})
		}
	}
}

// A sign-in by hand is held to the same.
func TestASignInByHandOfAnotherSubjectIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.signIn(t)
	w.api = newAPI(t, host, sandboxTransport(fixedAnswers{signIn: answer("", claims(ada, "False"), "r2")}))
	_, err := w.person().LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	wantFailure(t, err, failure.Failed, "tokens of the admin: the service answered with those of user "+ada)
	if now, err := w.store.Fresh(t.Context(), adminKey); err != nil || now.Access != before.Access {
		t.Errorf("what was stored has changed: %v", err)
	}
}

// A pair that another system keeps is renewed for its own subject, or not at all.
func TestRenewPairOfAnotherSubjectIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old  secret.String
		good bool
	}{
		"its own": {claims(ada, ""), true}, "another's": {claims(bob, ""), false},
		"the admin's": {claims("", "True"), false}, "opaque": {secret.New("opaque"), true},
	} {
		w := newWorld(t)
		w.api = newAPI(t, host, sandboxTransport(fixedAnswers{refresh: answer(ada, claims(ada, "False"), "r2")}))
		_, err := w.person().RenewPair(t.Context(), pairOf(c.old, "r1"))
		if (err == nil) != c.good || err != nil && !failure.HasReason(err, "wrong-subject") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A command that would need more than three sign-ins as users is refused before anything is sent.
func TestCheckSignIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.person()
	users := []string{ada, bob, "3f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55", "4f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55",
		"5f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55"}
	mustDo(t, s.CheckSignIns(t.Context(), users[:3]))
	wantFailure(t, s.CheckSignIns(t.Context(), users[:4]), failure.Unauthorized, "too-many-sign-ins admin")
	// Who can be renewed by a refresh needs no sign-in; a pair of another host does not help.
	_, err := s.Keep(t.Context(), ada, pairOf(claims(ada, ""), "r1"))
	mustDo(t, err)
	mustDo(t, s.CheckSignIns(t.Context(), users[:4]))
	wantFailure(t, s.CheckSignIns(t.Context(), users), failure.Unauthorized, "4 users would have to be signed in")
	o := w.options()
	o.API = newAPI(t, "https://other.example.com", sandboxTransport(fixedAnswers{}))
	wantFailure(t, auth.New(o).CheckSignIns(t.Context(), users[:4]), failure.Unauthorized,
		"4 users would have to be signed in")
	o.EnvToken = claims("", "True")
	mustDo(t, auth.New(o).CheckSignIns(t.Context(), users))
	w.want(t, counts{})
}

// A user whom the service refuses by RefreshToken and by sign-in is asked about once; then a list
// skips it, until it signs in again.
func TestAUserWhoIsGoneIsNotAskedAboutAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.Now()
	key := tokenstore.Key{Profile: "test", Subject: ada}
	mustDo(t, w.store.Put(t.Context(), tokenstore.Item{Key: key, Record: tokenstore.Record{
		Access: claims(ada, ""), Refresh: secret.New("spent"), Host: host, IssuedAt: now.Add(-48 * time.Hour),
		ExpiresAt: now.Add(-24 * time.Hour),
	}}))
	entries, err := w.store.List(t.Context(), "test")
	mustDo(t, err)
	_, err = w.person().RefreshListed(t.Context(), entries[0])
	wantFailure(t, err, failure.Unauthorized, "user-sign-in-refused "+ada)
	w.want(t, counts{Spent: 1, SignIns: 1})
	for range 2 {
		_, err = w.person().RefreshListed(t.Context(), entries[0])
		wantFailure(t, err, failure.Unauthorized, "user-refused-before "+ada)
	}
	w.want(t, counts{Spent: 1, SignIns: 1})
	_, err = w.person().Refresh(t.Context(), ada) // by its name it is tried
	wantFailure(t, err, failure.Unauthorized, "user-sign-in-refused "+ada)
	w.want(t, counts{Spent: 1, SignIns: 2})
	mustDo(t, w.person().Remove(t.Context(), ada))
	if entries, err := w.store.List(t.Context(), "test"); err != nil || len(entries) != 0 {
		t.Errorf("left is %v, %v", entries, err)
	}
}
