package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// status is what `auth status` prints as JSON.
type status struct {
	Profile    string
	InstanceID string `json:"InstanceId"`
	Host       string
	SignedIn   bool // the admin, or the user asked for
	Subjects   []subjectStatus
	// SignInsBlockedUntil is the end of the service's block of this machine's address, as the guard
	// recorded it.
	SignInsBlockedUntil *time.Time
}

// subjectStatus is the admin or a user who is signed in, or can be without a person.
type subjectStatus struct {
	cmdutil.StoredPair
	Email        string `json:",omitempty"` // of the admin
	RenewsItself bool
	RenewsBy     string // "refresh", "sign-in", both, or ""

	other   bool // the session of another admin than the one that acts: it is not used
	untried bool // nothing but a password from the environment, which may be a wrong one
}

// signedIn reports whether a call as the subject needs no person, as far as can be known without
// one.
func (s subjectStatus) signedIn() bool {
	return s.Subject != unknown && !s.other && !s.untried && (!s.Expired || s.RenewsItself)
}

var statusView = render.View[subjectStatus]{
	Columns: []render.Column[subjectStatus]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s subjectStatus) any { return s.Subject },
			Screen: func(s subjectStatus) any { return strings.TrimSpace(s.Subject + " " + s.Email) }},
		{Head: "STORED", Name: "Stored", Cell: func(s subjectStatus) any { return s.Stored }},
		{Head: "EXPIRES", Name: "ExpiresAt", Cell: func(s subjectStatus) any { return s.ExpiresAt }},
		{Head: "RENEWED BY", Name: "RenewsBy", Cell: func(s subjectStatus) any { return s.RenewsBy }},
		{Head: "PROFILE", Name: "Profile", Wide: true, Cell: func(s subjectStatus) any { return s.Profile }},
		{Head: "ISSUED", Name: "IssuedAt", Wide: true, Cell: func(s subjectStatus) any { return s.IssuedAt }},
		{Head: "EXPIRED", Name: "Expired", Wide: true, Cell: func(s subjectStatus) any { return s.Expired }},
		{Head: "EMAIL", Name: "Email", Pipe: true, Cell: func(s subjectStatus) any { return s.Email }},
	},
	ID: func(s subjectStatus) string { return deviceToken(s.Subject) },
}

func newStatus(k *cmdutil.App) *cobra.Command {
	var asked string
	c := &cobra.Command{
		Use:         "status",
		Annotations: cmdutil.Effects(),
		Short:       "Show who is signed in",
		Long: `Shows who is signed in to the profile, where the tokens are stored, until when
the AccessToken is valid, and what renews it: a refresh, as long as the service
takes the stored RefreshToken, or a sign-in with credentials that need no
person. It sends nothing.

The exit status is 0 if the admin is signed in, or the user of --device-token,
and 3 if not. A password in the environment alone is not signed in: it has not
been tried. TELEMATICSCTL_ACCESS_TOKEN stands in for all of these.`,
		Example: `  telematicsctl auth status
  telematicsctl auth status --device-token 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70
  telematicsctl auth status -o json --jq .SignInsBlockedUntil`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return showStatus(c.Context(), k, asked) },
	}
	c.Flags().StringVar(&asked, "device-token", "", "show this user only (`TOKEN`)")
	return c
}

func showStatus(ctx context.Context, k *cmdutil.App, asked string) error {
	who, err := subjectAsked(asked)
	if err != nil {
		return err
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if whose, _, ok := s.Auth.EnvSubject(); ok && asked == "" {
		who = whose
	}
	st, err := readStatus(ctx, k, s, who, asked != "")
	if err != nil {
		return err
	}
	switch {
	case p.Queried() || p.Format() == render.JSON || p.Format() == render.YAML || p.Format() == render.JSONL:
		err = render.One(p, render.View[status]{}, st)
	default:
		err = render.List(p, statusView, st.Subjects)
	}
	if err != nil || st.SignedIn {
		return err
	}
	return notSignedIn(ctx, s, who)
}

// subjectAsked returns whom --device-token names: the admin if it is not given.
func subjectAsked(deviceToken string) (string, error) {
	if deviceToken == "" {
		return auth.Admin, nil
	}
	return parseToken(deviceToken)
}

// notSignedIn returns the error where the subject is not signed in.
func notSignedIn(ctx context.Context, s *cmdutil.Session, who string) error {
	as := " as the admin"
	if other := s.Auth.OtherAdmin(ctx); other != "" {
		as = " as " + s.Auth.AdminEmail + ": the stored session is of " + other
	}
	if who != auth.Admin {
		as = " as user " + who
	}
	if who == auth.Admin && s.Stored() != "" && untried(s) && s.Auth.OtherAdmin(ctx) == "" {
		if s.Stored() == tokenstore.KindMemory {
			return failure.New(failure.Unauthorized, "not signed in to profile "+s.Profile.Name+
				" as the admin: token_store memory keeps no sign-in, so that each command signs in with the password "+
				"in the environment").Because(auth.ReasonUntried, s.Stored())
		}
		return failure.New(failure.Unauthorized, "not signed in to profile "+s.Profile.Name+
			" as the admin: the password in the environment was not used yet").
			Because(auth.ReasonUntried, s.Stored())
	}
	if s.Stored() != "" {
		return failure.New(failure.Unauthorized, "not signed in to profile "+s.Profile.Name+as).
			Because(auth.ReasonSignedOut, who)
	}
	if whose, _, ok := s.Auth.EnvSubject(); ok && whose == who {
		return s.Auth.EnvExpired()
	}
	return s.Auth.EnvWrongSubject(who)
}

func readStatus(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, who string, alone bool) (status, error) {
	st := status{Profile: s.Profile.Name, InstanceID: s.InstanceID(), Host: s.API.Host(), Subjects: []subjectStatus{}}
	blocked, err := s.Auth.Guard.BlockedUntil(s.API.Host())
	if err != nil {
		return st, err
	}
	if !blocked.IsZero() {
		blocked = blocked.UTC().Round(time.Second)
		st.SignInsBlockedUntil = &blocked
		k.Streams.Note("The service blocks sign-ins from this machine until " + blocked.Format(time.RFC3339))
	}
	var all []subjectStatus
	if s.Stored() == "" {
		all = envSubject(k, s)
	} else if all, err = storedSubjects(ctx, k, s); err != nil {
		return st, err
	}
	for _, sub := range all {
		sub.RenewsItself = sub.RenewsBy != ""
		st.SignedIn = st.SignedIn || (sub.Subject == who && sub.signedIn())
		if !alone || sub.Subject == who {
			st.Subjects = append(st.Subjects, sub)
		}
	}
	return st, nil
}

// unknown is the subject of what is not a JWT: whose it is, only the service knows.
const unknown = "unknown"

// envSubject returns the subject of the JWT from the environment.
func envSubject(k *cmdutil.App, s *cmdutil.Session) []subjectStatus {
	who, claims, ok := s.Auth.EnvSubject()
	if !ok {
		return []subjectStatus{{StoredPair: cmdutil.StoredPair{Subject: unknown, Profile: s.Profile.Name}}}
	}
	pair := tokenstore.Entry{Key: tokenstore.Key{Profile: s.Profile.Name, Subject: who}, IssuedAt: claims.IssuedAt,
		ExpiresAt: claims.ExpiresAt}
	return []subjectStatus{{StoredPair: cmdutil.NewStoredPair(pair, "", k.Now())}}
}

// storedSubjects returns those whose pairs are stored for this host, and the admin if it can be
// signed in without a person.
func storedSubjects(ctx context.Context, k *cmdutil.App, s *cmdutil.Session) ([]subjectStatus, error) {
	entries, err := s.Store.List(ctx, s.Profile.Name)
	if err != nil {
		return nil, err
	}
	email, password, err := s.Auth.SavedLogin(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.HasInstanceKey(ctx)
	if err != nil {
		return nil, err
	}
	list := []subjectStatus{}
	admin := false
	for _, e := range entries {
		if e.Host != s.API.Host() {
			continue // a pair that another service has issued signs nobody in here
		}
		sub := subjectStatus{StoredPair: cmdutil.NewStoredPair(e, s.Stored(), k.Now()), Email: e.Email}
		sub.other = e.Subject == auth.Admin && s.Auth.OtherAdmin(ctx) != ""
		admin = admin || (e.Subject == auth.Admin && !sub.other)
		var ways []string
		if k.Now().Sub(e.IssuedAt) < refreshLife {
			ways = append(ways, "refresh")
		}
		if (e.Subject == auth.Admin && !sub.other && !password.IsZero()) || (e.Subject != auth.Admin && users) {
			ways = append(ways, "sign-in")
		}
		sub.RenewsBy = strings.Join(ways, ", ")
		list = append(list, sub)
	}
	if !admin && !password.IsZero() {
		list = slices.Insert(list, 0, subjectStatus{RenewsBy: "sign-in", untried: untried(s), Email: email,
			StoredPair: cmdutil.StoredPair{Subject: auth.Admin, Profile: s.Profile.Name, Expired: true}})
	}
	return list, nil
}

// untried reports whether the admin's password is the environment's. One that is stored has signed
// the admin in, as that of the built-in sandbox does.
func untried(s *cmdutil.Session) bool {
	return !s.Profile.Sandbox && s.Auth.AdminEmail != "" && !s.Auth.AdminPassword.IsZero()
}

// refreshLife is how long a RefreshToken is valid: three months for an admin (live), as long for a
// user (assumed).
const refreshLife = 90 * 24 * time.Hour
