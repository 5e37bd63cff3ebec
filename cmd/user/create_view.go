package user

import (
	"context"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Reasons of `user create`; the subject is the DeviceToken.
const (
	reasonExists   = cmdutil.ReasonUserExists
	reasonMayExist = cmdutil.ReasonUserMayExist
)

// created is what `user create` prints.
type created struct {
	DeviceToken  string
	InstanceID   string  `json:"InstanceId"`
	ClientID     *string `json:"ClientId"`
	Outcome      string
	AccessToken  storedToken
	RefreshToken string `json:",omitempty"` // under --show-tokens
}

type storedToken struct {
	Stored    string // the kind of store that holds it, or ""
	ExpiresAt *time.Time
	Token     string `json:",omitempty"` // under --show-tokens
}

var createdView = render.View[created]{
	Columns: []render.Column[created]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u created) any { return u.DeviceToken }},
		{Head: "CLIENT ID", Name: "ClientId", Cell: func(u created) any { return u.ClientID }},
		cmdutil.OutcomeColumn(func(u created) string { return u.Outcome }),
		{Head: "TOKENS", Name: "AccessToken.Stored", Cell: func(u created) any { return u.AccessToken.Stored }},
		{Head: "EXPIRES", Name: "AccessToken.ExpiresAt", Cell: func(u created) any { return u.AccessToken.ExpiresAt }},
	},
	ID: func(u created) string { return u.DeviceToken },
}

// instanceOf returns the instance that the user is in: that of the profile, unless
// an invite code led to another, which then is in the user's JWT, and otherwise is
// not known.
func instanceOf(body field.Set, in userservice.Instance, pair *userservice.Pair) string {
	if body.Text("InstanceInviteCode") == "" {
		return in.ID
	}
	if pair == nil {
		return ""
	}
	claims, _ := auth.ReadClaims(pair.Access)
	return claims.InstanceID
}

// keep stores the tokens of a user who exists, and says in the result what became
// of them.
func keep(ctx context.Context, a *cmdutil.App, s *cmdutil.Session, out *created, r job.Result, pair *userservice.Pair,
	wanted bool) error {
	switch {
	case !wanted:
		return nil
	case pair == nil && r.Outcome == job.Existing:
		return nil
	case pair == nil:
		a.Streams.Warn("the user is registered, but its tokens did not come; get them with " + a.Command("auth", "login",
			"--device-token", out.DeviceToken))
		return nil
	}
	rec := s.Auth.Record(*pair)
	if !rec.ExpiresAt.IsZero() {
		out.AccessToken.ExpiresAt = &rec.ExpiresAt
	}
	if a.Flags.ShowTokens {
		out.AccessToken.Token, out.RefreshToken = rec.Access.Reveal(), rec.Refresh.Reveal()
	}
	if s.Stored() == "" {
		return nil
	}
	if _, err := s.Auth.Keep(ctx, out.DeviceToken, *pair); err != nil {
		return failure.Prefix(err, "user "+out.DeviceToken+" is registered, but its tokens are not stored")
	}
	out.AccessToken.Stored = s.Stored()
	return nil
}
