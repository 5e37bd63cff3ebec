package cmdutil

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// LeaseTimer returns the timer that runs `lease sweep` for the session's profile, as this system
// has timers.
func (s *Session) LeaseTimer() (lease.Timer, error) {
	program, err := os.Executable()
	if err != nil {
		return lease.Timer{}, err
	}
	dir, err := s.StateDir()
	if err != nil {
		return lease.Timer{}, err
	}
	args := []string{"lease", "sweep", "--profile", s.Profile.Name, "--no-input"}
	if s.app.Flags.Config != "" {
		path, err := filepath.Abs(s.app.Flags.Config)
		if err != nil {
			return lease.Timer{}, err
		}
		args = append(args, "--config", path)
	}
	return lease.NewTimer(lease.TimerOptions{
		OS: runtime.GOOS, Profile: s.Profile.Name, Program: program, Args: args, StateDir: dir,
		Home: s.app.Getenv("HOME"), ConfigHome: s.app.Getenv("XDG_CONFIG_HOME"),
		Environment: s.app.publicEnvironment(),
	}), nil
}

// publicEnvironment returns the variables that decide what a command does, without those that hold
// secrets: a timer keeps them in a file. The profile is not in it, as it is an argument.
func (k *App) publicEnvironment() map[string]string {
	names := []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME", "NO_PROXY", "SSL_CERT_FILE"}
	for _, s := range config.Settings {
		if s.Variable != "" && s.Variable != "TELEMATICSCTL_PROFILE" && !s.Secret() {
			names = append(names, s.Variable)
		}
	}
	out := map[string]string{}
	for _, name := range names {
		out[name] = k.Getenv(name)
	}
	if proxy, err := url.Parse(k.Getenv("HTTPS_PROXY")); err == nil && proxy.User == nil {
		out["HTTPS_PROXY"] = proxy.String()
	}
	return out
}

// UnattendedNeeds returns what a timer lacks to act by the session's profile: it has no person and
// no secrets in its environment.
func (s *Session) UnattendedNeeds(ctx context.Context) ([]string, error) {
	k := s.app
	var needs []string
	if proxy, err := url.Parse(k.Getenv("HTTPS_PROXY")); err == nil && proxy.User != nil {
		needs = append(needs, "HTTPS_PROXY has a password, and is not passed on: set it in the timer's own environment")
	}
	switch {
	case s.Profile.Sandbox:
		return needs, nil
	case s.given:
		return append(needs, "TELEMATICSCTL_ACCESS_TOKEN is not passed on: `unset` it, and sign in with "+
			k.Command("auth", "login")), nil
	case s.Stored() == tokenstore.KindMemory:
		return append(needs, "token_store memory keeps no sign-in for it: set token_store to keyring or file, and sign "+
			"in with "+k.Command("auth", "login", "--save-password")), nil
	case s.Stored() == tokenstore.KindFile && k.Getenv("TELEMATICSCTL_STORE_PASSPHRASE_FILE") == "" &&
		s.Profile.StorePassphraseCommand == "":
		return append(needs, "the passphrase of the token file is not passed on: set TELEMATICSCTL_STORE_PASSPHRASE_FILE "+
			"or store_passphrase_command"), nil
	}
	for _, subject := range []string{tokenstore.SubjectAdmin, tokenstore.SubjectAdminPassword} {
		_, err := s.Store.Get(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: subject})
		if !errors.Is(err, tokenstore.ErrNotFound) {
			return needs, err
		}
	}
	return append(needs, "nobody is signed in: run "+k.Command("auth", "login", "--save-password")), nil
}

// WarnWithoutTimer warns that nothing ends leases by itself here.
func (s *Session) WarnWithoutTimer() {
	t, err := s.LeaseTimer()
	if err == nil && t.Installed() {
		return
	}
	how := "install a timer with " + s.app.Command("lease", "timer", "install")
	if !s.app.HasTimers() {
		how = "have it run every minute, such as by cron"
	}
	s.app.Streams.Warn("nothing puts the flag back until " + s.app.Command("lease", "sweep") + " runs: " + how)
}

// HasTimers reports whether the system's own timers can be used: those of systemd need the user's
// service manager, which a container or a session by su has not.
func (k *App) HasTimers() bool {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return true
	}
	_, err := os.Stat(filepath.Join(k.Getenv("XDG_RUNTIME_DIR"), "systemd"))
	return err == nil && k.Getenv("XDG_RUNTIME_DIR") != ""
}
