// Package instance is the commands about instances: what the admin may act on, profiles of them,
// and throw-away instances for tests.
package instance

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/hierarchy"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// New makes the command `instance`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "instance", Short: "Manage the instances of an admin"}
	c.AddCommand(newList(k), newUse(k), newCreate(k), newDelete(k))
	return c
}

// made is what `use` and `create` print.
type made struct {
	InstanceID  string `json:"InstanceId"`
	Name        string
	Profile     string // "" where none was written
	InstanceKey string `json:",omitempty"` // only with --show-tokens
}

var madeView = render.View[made]{
	Columns: []render.Column[made]{
		{Head: "INSTANCE", Name: "InstanceId", Cell: func(m made) any { return m.InstanceID }},
		{Head: "NAME", Name: "Name", Cell: func(m made) any { return m.Name }},
		{Head: "PROFILE", Name: "Profile", Cell: func(m made) any { return m.Profile }},
	},
	ID: func(m made) string { return m.InstanceID },
}

// open makes a session that may write profiles.
func open(k *cmdutil.App) (*config.Config, *cmdutil.Session, error) {
	cfg, err := k.ConfigToWrite()
	if err != nil {
		return nil, nil, err
	}
	// In a pipeline nobody gives the command again.
	s, err := k.Session(cmdutil.SessionOptions{InFlight: 8, WaitsAlone: true})
	return cfg, s, err
}

// find opens a session and finds the instance that is named by its ID or name.
func find(ctx context.Context, k *cmdutil.App, ref string) (*config.Config, *cmdutil.Session,
	userservice.InstanceInfo, error) {
	cfg, s, err := open(k)
	if err != nil {
		return nil, nil, userservice.InstanceInfo{}, err
	}
	in, err := hierarchy.Find(ctx, s.API, ref)
	if err != nil {
		_ = s.Close() // the error is another
		return nil, nil, in, err
	}
	return cfg, s, in, nil
}

// sameService reports whether a profile of the file is of the service that the session acts on. A
// base URL of the environment is that of every profile.
func sameService(p config.Profile, s *cmdutil.Session) bool {
	switch s.Profile.Sources["user_url"] {
	case config.SourceFile, config.SourceDefault:
		return cmp.Or(p.UserURL, userservice.DefaultUserURL) == cmp.Or(s.Profile.UserURL, userservice.DefaultUserURL)
	}
	return true
}

// profilesOf lists the profiles that are of an instance.
func profilesOf(cfg *config.Config, s *cmdutil.Session, instanceID string) (names []string) {
	if s.Profile.Sandbox { // no other profile acts on its instances
		if instanceID == s.InstanceID() {
			return []string{config.SandboxProfile}
		}
		return nil
	}
	for _, name := range cfg.Names() {
		if p, err := cfg.FromFile(name); err == nil && p.InstanceID == instanceID && sameService(p, s) {
			names = append(names, name)
		}
	}
	return names
}
