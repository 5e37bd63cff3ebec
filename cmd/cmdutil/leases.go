package cmdutil

import (
	"context"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Leases returns the leases of the profile's state folder.
func (s *Session) Leases() (*lease.Store, error) {
	cfg, err := s.app.Config()
	if err != nil {
		return nil, err
	}
	return s.app.LeasesOf(cfg, s.Profile), nil
}

// LeasesOf returns the leases of a profile's state folder.
func (k *App) LeasesOf(cfg *config.Config, p config.Profile) *lease.Store {
	dir := cfg.StateDir
	if p.Sandbox {
		dir = SandboxDir(cfg)
	}
	return &lease.Store{Dir: dir, Now: k.Now, SweepWait: k.SweepWait}
}

// OfProfile returns what takes the leases of the session's profile and instance.
func (s *Session) OfProfile() func(lease.Lease) bool {
	return func(l lease.Lease) bool {
		return l.Profile == s.Profile.Name && strings.EqualFold(l.InstanceID, s.InstanceID())
	}
}

// WithoutLeaseWarning has the sessions of this command say nothing of overdue leases: it is about
// them itself.
func (k *App) WithoutLeaseWarning() { k.noLeaseWarning = true }

// warnOfLeases says that temporary changes should have been put back. It reads one small file.
func (s *Session) warnOfLeases() {
	store, err := s.Leases()
	if err != nil || s.app.noLeaseWarning {
		return
	}
	open, err := store.List()
	if err != nil {
		s.app.Streams.Warn(failure.From(err).Error())
		return
	}
	overdue, takes, now := 0, s.OfProfile(), s.app.Now()
	for _, l := range open {
		if takes(l) && l.Overdue(now) {
			overdue++
		}
	}
	if overdue > 0 {
		s.app.Streams.Warn(Count(overdue, "temporary change is", "temporary changes are") +
			" overdue: run " + s.app.Command("lease", "sweep"))
	}
}

// InstanceOf returns the instance of another profile, with its key. The environment's instance is
// the one that the command acts on, not that profile's.
func (k *App) InstanceOf(ctx context.Context, profile string) (userservice.Instance, error) {
	other := &App{Env: k.Env, Flags: k.Flags, noLeaseWarning: true}
	other.Getenv = func(name string) string {
		if strings.HasPrefix(name, "TELEMATICSCTL_INSTANCE_") {
			return ""
		}
		return k.Getenv(name)
	}
	other.Flags.Profile = profile
	s, err := other.Session(SessionOptions{})
	if err != nil {
		return userservice.Instance{}, err
	}
	defer func() { _ = s.Close() }()
	return s.Instance(ctx)
}

// Note prints a remark on standard error, unless nobody wants to know.
func (s *Session) Note(text string) { s.app.Streams.Note(text) }

// Warn warns of harm on standard error.
func (s *Session) Warn(text string) { s.app.Streams.Warn(text) }
