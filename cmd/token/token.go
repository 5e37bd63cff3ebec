// Package token holds the commands that manage stored tokens.
package token

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// New returns the command `token`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Manage stored tokens"}
	c.AddCommand(newRefresh(k), newList(k), newPrint(k), newRemove(k))
	return c
}

var storedView = render.View[cmdutil.StoredPair]{
	Columns: []render.Column[cmdutil.StoredPair]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s cmdutil.StoredPair) any { return s.Subject },
			Screen: func(s cmdutil.StoredPair) any { return strings.TrimSpace(s.Subject + " " + s.Email) }},
		{Head: "STORED", Name: "Stored", Cell: func(s cmdutil.StoredPair) any { return s.Stored }},
		{Head: "ISSUED", Name: "IssuedAt", Cell: func(s cmdutil.StoredPair) any { return s.IssuedAt }},
		{Head: "EXPIRES", Name: "ExpiresAt", Cell: func(s cmdutil.StoredPair) any { return s.ExpiresAt }},
		{Head: "EMAIL", Name: "Email", Pipe: true, Cell: func(s cmdutil.StoredPair) any { return s.Email }},
		{Head: "PROFILE", Name: "Profile", Wide: true, Cell: func(s cmdutil.StoredPair) any { return s.Profile }},
		{Head: "EXPIRED", Name: "Expired", Wide: true, Cell: func(s cmdutil.StoredPair) any { return s.Expired }},
	},
	ID: cmdutil.StoredPair.ID,
}

// subject is whose tokens a command is about: a user's, or the admin's where token is nil.
type subject struct{ token *fleet.Token }

// parseSubjects parses TOKEN..., each once: users, or the admin by that word.
func parseSubjects(args []string) ([]subject, error) {
	var out []subject
	users := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == auth.Admin })
	if len(users) < len(args) {
		out = append(out, subject{})
	}
	tokens, err := fleet.ParseTokens(users)
	for i := range tokens {
		out = append(out, subject{&tokens[i]})
	}
	return out, err
}

// parseSubject parses [TOKEN]: a user, or the admin if there is none.
func parseSubject(args []string) (subject, error) {
	named, err := parseSubjects(args)
	if err != nil || len(named) == 0 {
		return subject{}, err
	}
	return named[0], nil
}

// of returns the subject as it is stored: the admin, or a DeviceToken, looked up if the
// user is named by another value.
func (s subject) of(ctx context.Context, session *cmdutil.Session) (string, error) {
	if s.token == nil {
		return auth.Admin, nil
	}
	return session.DeviceToken(ctx, *s.token)
}
