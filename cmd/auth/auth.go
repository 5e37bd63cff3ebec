// Package auth is the commands that sign in and out, and tell who is signed in.
package auth

import (
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// New makes the command `auth`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "auth", Short: "Sign in and out"}
	c.AddCommand(newLogin(k, nil), newStatus(k), newLogout(k, nil))
	return c
}

// parseToken reads --device-token.
func parseToken(text string) (string, error) {
	token, err := field.ParseUUID(text)
	if err != nil {
		return "", failure.InvalidFields("--device-token is not a DeviceToken", []failure.Field{{Key: "DeviceToken", Message: err.Error()}})
	}
	return token, nil
}

// deviceToken is what -o ids prints of a subject: the admin has none, so that the users alone are listed.
func deviceToken(subject string) string {
	if subject == auth.Admin || subject == unknown {
		return ""
	}
	return subject
}
