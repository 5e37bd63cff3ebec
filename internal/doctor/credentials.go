package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// TokenStore writes a record that says nothing, reads it and deletes it, and says how long
// that took. asks reports that the passphrase would be asked for, which a check does not.
func TokenStore(s tokenstore.Store, profile string, asks bool) Check {
	check := Check{Name: "token-store", Title: "Token store"}
	check.Run = func(ctx context.Context) []Finding {
		if s.Kind() == tokenstore.KindMemory {
			return check.good("memory: nothing outlives a command")
		}
		begun := time.Now()
		err := writeReadDelete(ctx, s, profile)
		took := rounded(time.Since(begun))
		switch {
		case asks && failure.HasReason(err, tokenstore.ReasonNoPassphrase):
			found := check.warning(s.Kind()+": not checked, as its passphrase would be asked for", RemedyPassphrase, "")
			return found
		case err != nil:
			return check.broken(err)
		}
		return check.good(s.Kind() + ": written, read and deleted in " + took.String())
	}
	return check
}

func writeReadDelete(ctx context.Context, s tokenstore.Store, profile string) error {
	mark := make([]byte, 8)
	_, _ = rand.Read(mark) // it never fails
	key := tokenstore.Key{Profile: profile, Subject: uuid.NewString()}
	record := tokenstore.Record{Access: secret.New("doctor-" + hex.EncodeToString(mark)), Refresh: secret.New("doctor")}
	if err := s.Put(ctx, tokenstore.Item{Key: key, Record: record}); err != nil {
		return err
	}
	read, err := s.Fresh(ctx, key)
	if err == nil && read.Access != record.Access {
		err = failure.New(failure.Unauthorized, "the token store returns something else than was written")
	}
	return errors.Join(err, s.Delete(context.WithoutCancel(ctx), key))
}

// Credentials are what a call is authorized by.
type Credentials struct {
	API      *userservice.Client
	Auth     *auth.Source // with NoSignIn: a sign-in counts toward the service's limit
	Instance func(context.Context) (userservice.Instance, error)
	// InstanceID is "" where none is set.
	InstanceID string
}

// Check makes a read as the admin that costs nothing: it asks for a user who does not exist.
func (c *Credentials) Check() Check {
	check := Check{Name: "credentials", Title: "Credentials"}
	check.Run = func(ctx context.Context) []Finding {
		if whose, _, ok := c.Auth.EnvSubject(); ok && whose != auth.Admin {
			return c.asUser(ctx, check, whose)
		}
		_, err := c.API.Find(ctx, userservice.AsAdmin(), userservice.FindQuery{DeviceToken: uuid.NewString()})
		switch {
		case err == nil:
			return check.good("the service accepts the admin's JWT" + c.until(ctx))
		case failure.HasReason(err, auth.ReasonSignedOut):
			return c.signedOut(ctx, check, err)
		}
		return check.broken(err)
	}
	return check
}

// asUser checks a JWT from the environment that is a user's: it reads the user's own profile.
func (c *Credentials) asUser(ctx context.Context, check Check, deviceToken string) []Finding {
	in, err := c.Instance(ctx)
	if in.ID == "" {
		return check.broken(err)
	}
	if _, err := c.API.OwnProfile(ctx, userservice.AsUser(deviceToken, in)); err != nil {
		return check.broken(err)
	}
	_, claims, _ := c.Auth.EnvSubject()
	return check.good("the service accepts the user's JWT in the environment (valid until " + timeText(claims.ExpiresAt) +
		")")
}

func (c *Credentials) until(ctx context.Context) string {
	pair, err := c.Auth.Pair(ctx, auth.Admin)
	if err != nil || pair.ExpiresAt.IsZero() {
		return ""
	}
	return " (valid until " + timeText(pair.ExpiresAt) + ", then renewed)"
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// signedOut says what works without the admin's pair.
func (c *Credentials) signedOut(ctx context.Context, check Check, err error) []Finding {
	if email, password, err := c.Auth.SavedLogin(ctx); err == nil && !password.IsZero() {
		return check.good("the next command signs in as " + email +
			" (not tried: sign-ins are limited)")
	}
	if c.InstanceID != "" {
		if in, keyErr := c.Instance(ctx); keyErr == nil && !in.Key.IsZero() {
			return check.warning("no admin is signed in: users can be registered, "+
				"and act for themselves, by the InstanceKey alone",
				RemedySignIn, "")
		}
	}
	return check.broken(err)
}

// InstanceKey checks that there is one, and, as the admin, that the service has the same.
func (c *Credentials) InstanceKey(source string) Check {
	check := Check{Name: "instance-key", Title: "InstanceKey"}
	check.Run = func(ctx context.Context) []Finding {
		if c.InstanceID == "" {
			return check.unknown("not checked: no instance is set")
		}
		in, err := c.Instance(ctx)
		if err != nil {
			return check.broken(err)
		}
		info, err := c.API.Instance(ctx, userservice.AsAdmin(), in.ID)
		switch {
		case err != nil || info.Key.IsZero():
			return check.good(source + "; not compared with the service's, which only an admin can read")
		case !sameKey(info.Key, in.Key):
			found := check.warning(source+"; the service has another key for this instance", RemedyInstanceKey, in.ID)
			found[0].State = Broken
			found[0].Err = failure.New(failure.Unauthorized, found[0].Detail)
			return found
		}
		return check.good(source + ", the same as the service's")
	}
	return check
}

func sameKey(a, b secret.String) bool {
	x, errX := uuid.Parse(a.Reveal())
	y, errY := uuid.Parse(b.Reveal())
	return errX == nil && errY == nil && x == y
}
