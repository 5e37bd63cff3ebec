// Package token holds the commands that manage stored tokens.
package token

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// New returns the command `token`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Manage stored tokens"}
	c.AddCommand(newRefresh(k), newList(k), newPrint(k), newRemove(k))
	return c
}

// stored is what is shown of a stored pair: no secrets.
type stored struct {
	Subject   string
	Profile   string
	Stored    string
	IssuedAt  *time.Time
	ExpiresAt *time.Time
	Expired   bool
}

var storedView = render.View[stored]{
	Columns: []render.Column[stored]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s stored) any { return s.Subject }},
		{Head: "STORED", Name: "Stored", Cell: func(s stored) any { return s.Stored }},
		{Head: "ISSUED", Name: "IssuedAt", Cell: func(s stored) any { return s.IssuedAt }},
		{Head: "EXPIRES", Name: "ExpiresAt", Cell: func(s stored) any { return s.ExpiresAt }},
		{Head: "PROFILE", Name: "Profile", Wide: true, Cell: func(s stored) any { return s.Profile }},
		{Head: "EXPIRED", Name: "Expired", Wide: true, Cell: func(s stored) any { return s.Expired }},
	},
	// The admin has no DeviceToken: -o ids gives the users alone.
	ID: func(s stored) string {
		if s.Subject == auth.Admin {
			return ""
		}
		return s.Subject
	},
}

func show(subject, profile, kind string, issued, expires, now time.Time) stored {
	s := stored{Subject: subject, Profile: profile, Stored: kind, Expired: !expires.IsZero() && !expires.After(now)}
	if !issued.IsZero() {
		s.IssuedAt = &issued
	}
	if !expires.IsZero() {
		s.ExpiresAt = &expires
	}
	return s
}

// subject parses [TOKEN]: a DeviceToken, or the admin if there is none (or the word admin).
func subject(args []string) (string, error) {
	if len(args) == 0 || args[0] == auth.Admin {
		return auth.Admin, nil
	}
	token, err := field.ParseUUID(args[0])
	if err != nil {
		return "", failure.InvalidFields("invalid TOKEN", []failure.Field{{Key: "DeviceToken", Message: err.Error()}})
	}
	return token, nil
}
