package auth

import (
	"context"
	"errors"
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
	SignedIn   bool
	Subjects   []subjectStatus
	// SignInsBlockedUntil is the end of the service's block of this machine's address, as the tool remembers it.
	SignInsBlockedUntil *time.Time
}

// subjectStatus is one who is signed in, or can be without a person.
type subjectStatus struct {
	Subject     string
	Profile     string
	Stored      string // the kind of store that holds its pair, or ""
	IssuedAt    *time.Time
	ExpiresAt   *time.Time
	Expired     bool
	RenewsSelf  bool   `json:"RenewsItself"`
	RenewsBy    string // «refresh», «sign-in», both, or ""
	blockedTill *time.Time
}

var statusView = render.View[subjectStatus]{
	Columns: []render.Column[subjectStatus]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s subjectStatus) any { return s.Subject }},
		{Head: "PROFILE", Name: "Profile", Cell: func(s subjectStatus) any { return s.Profile }},
		{Head: "STORED", Name: "Stored", Cell: func(s subjectStatus) any { return s.Stored }},
		{Head: "EXPIRES", Name: "ExpiresAt", Cell: func(s subjectStatus) any { return s.ExpiresAt }},
		{Head: "EXPIRED", Name: "Expired", Cell: func(s subjectStatus) any { return s.Expired }},
		{Head: "RENEWS BY", Name: "RenewsBy", Cell: func(s subjectStatus) any { return s.RenewsBy }},
		{Head: "SIGN-INS BLOCKED UNTIL", Name: "SignInsBlockedUntil", Cell: func(s subjectStatus) any { return s.blockedTill }},
	},
	ID: func(s subjectStatus) string { return deviceToken(s.Subject) },
}

func newStatus(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell who is signed in",
		Long: `Tells who is signed in by the profile, where the tokens are stored, until when they are good, and whether they renew themselves:
by a refresh, as long as the service takes the stored RefreshToken, or by signing in again, where the credentials for that are at hand. It asks
the service nothing.

It exits 0 if somebody is signed in or can be without a person, and 3 if not. With TELEMATICSCTL_ACCESS_TOKEN set it tells of that JWT alone, by
its own word; of what is no JWT the subject is "unknown", and it exits 3.`,
		Example: "  telematicsctl auth status\n  telematicsctl auth status -o json --jq .SignInsBlockedUntil",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return tellStatus(c.Context(), k) },
	}
}

func tellStatus(ctx context.Context, k *cmdutil.App) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	st, err := statusOfSession(ctx, k, s)
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
	return nobody(s)
}

// nobody is the error where nobody is signed in.
func nobody(s *cmdutil.Session) error {
	if s.Stored() != "" {
		return failure.New(failure.Unauthorized, "nobody is signed in by profile "+s.Profile.Name).WithHint(s.Auth.Mend(auth.Admin))
	}
	if err := s.Auth.GivenExpired(); err != nil {
		return err
	}
	return failure.New(failure.Unauthorized, "whether anybody is signed in is unknown: the value of TELEMATICSCTL_ACCESS_TOKEN is no JWT; it is sent all the same").
		WithHint(s.Auth.Mend(auth.Admin))
}

func statusOfSession(ctx context.Context, k *cmdutil.App, s *cmdutil.Session) (status, error) {
	st := status{Profile: s.Profile.Name, InstanceID: s.InstanceID(), Host: s.API.Host(), Subjects: []subjectStatus{}}
	blocked, err := s.Auth.Guard.BlockedUntil(s.API.Host())
	if err != nil {
		return st, err
	}
	if !blocked.IsZero() {
		st.SignInsBlockedUntil = &blocked
		k.Streams.Note("The service blocks sign-ins from this machine until " + blocked.Format(time.RFC3339))
	}
	if s.Stored() == "" {
		st.Subjects = givenSubject(k, s)
	} else {
		st.Subjects, err = storedSubjects(ctx, k, s)
	}
	for i := range st.Subjects {
		sub := &st.Subjects[i]
		sub.RenewsSelf = sub.RenewsBy != ""
		sub.blockedTill = st.SignInsBlockedUntil
		st.SignedIn = st.SignedIn || (!sub.Expired && sub.Subject != unknown) || sub.RenewsSelf
	}
	return st, err
}

// unknown is the subject of what is no JWT: whose it is, only the service knows.
const unknown = "unknown"

// givenSubject is the one whose JWT is in the environment.
func givenSubject(k *cmdutil.App, s *cmdutil.Session) []subjectStatus {
	who, claims, ok := s.Auth.WhoIsGiven()
	if !ok {
		return []subjectStatus{{Subject: unknown, Profile: s.Profile.Name}}
	}
	return []subjectStatus{describe(who, s.Profile.Name, "", claims.IssuedAt, claims.ExpiresAt, k.Now())}
}

// storedSubjects are those whose pairs are stored for this host, and the admin if it can be signed in without a person.
func storedSubjects(ctx context.Context, k *cmdutil.App, s *cmdutil.Session) ([]subjectStatus, error) {
	entries, err := s.Store.List(ctx, s.Profile.Name)
	if err != nil {
		return nil, err
	}
	_, password, err := s.Auth.SavedLogin(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.HasInstanceKey(ctx)
	if err != nil {
		return nil, err
	}
	list := []subjectStatus{}
	if _, err := s.Store.Get(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: auth.Admin}); errors.Is(err, tokenstore.ErrNotFound) && !password.IsZero() {
		list = append(list, subjectStatus{Subject: auth.Admin, Profile: s.Profile.Name, Expired: true, RenewsBy: "sign-in"})
	}
	for _, e := range entries {
		if e.Host != s.API.Host() {
			continue // a pair that another service has issued signs nobody in here
		}
		sub := describe(e.Subject, e.Profile, s.Stored(), e.IssuedAt, e.ExpiresAt, k.Now())
		var ways []string
		if k.Now().Sub(e.IssuedAt) < refreshLife {
			ways = append(ways, "refresh")
		}
		if (e.Subject == auth.Admin && !password.IsZero()) || (e.Subject != auth.Admin && users) {
			ways = append(ways, "sign-in")
		}
		sub.RenewsBy = strings.Join(ways, ", ")
		list = append(list, sub)
	}
	return list, nil
}

// refreshLife is how long a RefreshToken is good: three months for an admin (live), for a user as long (assumed).
const refreshLife = 90 * 24 * time.Hour

func describe(who, profile, kind string, issued, expires, now time.Time) subjectStatus {
	s := subjectStatus{Subject: who, Profile: profile, Stored: kind, Expired: !expires.IsZero() && !expires.After(now)}
	if !issued.IsZero() {
		s.IssuedAt = &issued
	}
	if !expires.IsZero() {
		s.ExpiresAt = &expires
	}
	return s
}
