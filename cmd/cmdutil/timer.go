package cmdutil

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/telematicsctl/telematicsctl/internal/lease"
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
	environment := map[string]string{}
	for _, name := range []string{"TELEMATICSCTL_STATE_DIR", "TELEMATICSCTL_CONFIG",
		"TELEMATICSCTL_STORE_PASSPHRASE_FILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		environment[name] = s.app.Getenv(name)
	}
	return lease.NewTimer(lease.TimerOptions{
		OS: runtime.GOOS, Profile: s.Profile.Name, Program: program, Args: args, StateDir: dir,
		Home: s.app.Getenv("HOME"), ConfigHome: s.app.Getenv("XDG_CONFIG_HOME"),
		Environment: environment,
	}), nil
}

// WarnWithoutTimer warns that nothing ends leases by itself here.
func (s *Session) WarnWithoutTimer() {
	t, err := s.LeaseTimer()
	if err == nil && t.Installed() {
		return
	}
	s.app.Streams.Warn("nothing puts the flag back until " + s.app.Command("lease", "sweep") +
		" runs: install a timer with " +
		s.app.Command("lease", "timer", "install"))
}
