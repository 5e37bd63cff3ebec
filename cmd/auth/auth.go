// Package auth holds the commands that sign in and out, and show who is signed in.
package auth

import (
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// New returns the command `auth`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "auth", Short: "Sign in and out"}
	c.AddCommand(newLogin(k), newStatus(k), newLogout(k))
	return c
}

// parseToken parses --device-token.
func parseToken(text string) (string, error) {
	token, err := field.ParseUUID(text)
	if err != nil {
		return "", failure.InvalidFields("invalid --device-token",
			[]failure.Field{{Key: "DeviceToken", Message: err.Error()}})
	}
	return token, nil
}

// deviceToken returns what -o ids prints of a subject: nothing for the admin, who has none.
func deviceToken(subject string) string {
	if subject == auth.Admin || subject == unknown {
		return ""
	}
	return subject
}
