package auth

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// savedPassword is the password of the admin as it is stored. The record has the host that it is
// for.
type savedPassword struct{ Email, Password string }

// SavePassword stores the admin's password, so that the admin can be signed in without a person.
func (s *Source) SavePassword(ctx context.Context, email string, password secret.String) error {
	text, err := json.Marshal(savedPassword{email, password.Reveal()}) //nolint:gosec // for the token store alone
	if err != nil {
		return err
	}
	return s.Store.Put(ctx, tokenstore.Item{
		Key:    s.key(tokenstore.SubjectAdminPassword),
		Record: tokenstore.Record{Value: secret.New(string(text)), Host: s.API.Host()},
	})
}

// SavedLogin returns the email address and the password to sign the admin in without a person;
// empty if there are none. They are the environment's, or the stored ones if they are for this host
// and for the admin who acts: see adminWanted.
func (s *Source) SavedLogin(ctx context.Context) (email string, password secret.String, err error) {
	switch {
	case s.HasEnvToken():
		return "", secret.String{}, nil
	case s.AdminEmail != "" && !s.AdminPassword.IsZero():
		return s.AdminEmail, s.AdminPassword, nil
	}
	rec, err := s.Store.Get(ctx, s.key(tokenstore.SubjectAdminPassword))
	if errors.Is(err, tokenstore.ErrNotFound) {
		return "", secret.String{}, nil
	}
	if err != nil {
		return "", secret.String{}, err
	}
	var saved savedPassword
	if json.Unmarshal([]byte(rec.Value.Reveal()), &saved) != nil || rec.Host != s.API.Host() {
		return "", secret.String{}, nil
	}
	wanted, err := s.adminWanted(ctx)
	if err != nil || (wanted != "" && !strings.EqualFold(wanted, saved.Email)) {
		return "", secret.String{}, err
	}
	return saved.Email, secret.New(saved.Password), nil
}

// HasAdmin reports whether the admin's tokens are stored or can be had without asking anybody.
func (s *Source) HasAdmin(ctx context.Context) (bool, error) {
	if s.HasEnvToken() {
		_, claims, _ := s.EnvSubject()
		return claims.Subject() == Admin, nil
	}
	pair, err := s.stored(ctx, Admin, s.Store.Get)
	if err == nil && pair.Host == s.API.Host() {
		return true, nil
	}
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return false, err
	}
	_, password, err := s.SavedLogin(ctx)
	return !password.IsZero(), err
}

// stored reads the pair of a subject: Store.Get or Store.Fresh. The session of another admin than
// the one that acts counts as not stored.
func (s *Source) stored(ctx context.Context, subject string,
	read func(context.Context, tokenstore.Key) (tokenstore.Record, error)) (tokenstore.Record, error) {
	pair, err := read(ctx, s.key(subject))
	if err == nil && subject == Admin && !s.isAdmin(pair.Email) {
		return tokenstore.Record{}, failure.Wrap(failure.NotFound, "no tokens are stored for "+s.AdminEmail,
			tokenstore.ErrNotFound)
	}
	return pair, err
}

// isAdmin reports whether the session of an email address is of the admin who acts. A session
// without an address, which no sign-in leaves, is taken for anybody's.
func (s *Source) isAdmin(email string) bool {
	return s.AdminEmail == "" || email == "" || strings.EqualFold(s.AdminEmail, email)
}

// adminWanted returns the email address of the admin who acts: the one that is set, or else that of
// the stored session. It is empty if there is neither.
func (s *Source) adminWanted(ctx context.Context) (string, error) {
	if s.AdminEmail != "" {
		return s.AdminEmail, nil
	}
	pair, err := s.Store.Get(ctx, s.key(Admin))
	if errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrDamaged) {
		return "", nil
	}
	return pair.Email, err
}

// OtherAdmin returns the email address of the admin whose session is stored, where that is not the
// admin who acts; else "".
func (s *Source) OtherAdmin(ctx context.Context) string {
	pair, err := s.Store.Get(ctx, s.key(Admin))
	if err != nil || s.HasEnvToken() || s.isAdmin(pair.Email) {
		return ""
	}
	return pair.Email
}
