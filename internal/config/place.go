package config

import (
	"os/user"
	"path/filepath"
	"runtime"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const program = "telematicsctl"

// home is the user's home: HOME, or what the system has of the user where that is not set; "" where nobody knows.
func home(getenv func(string) string) string {
	if h := getenv("HOME"); h != "" {
		return h
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

// noPlace is the error where there is neither a home nor a variable that names a place.
func noPlace(variable string) error {
	return failure.New(failure.Invalid, "this user has no home folder to keep anything in").WithHint("set " + variable)
}

// configDir is $XDG_CONFIG_HOME/telematicsctl, or the platform's own place for settings.
func configDir(getenv func(string) string) string {
	if x := getenv("XDG_CONFIG_HOME"); x != "" {
		return filepath.Join(x, program)
	}
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(getenv("AppData"), program)
	case "darwin":
		return filepath.Join(home(getenv), "Library", "Application Support", program)
	default:
		return filepath.Join(home(getenv), ".config", program)
	}
}

// stateDir is TELEMATICSCTL_STATE_DIR, $XDG_STATE_HOME/telematicsctl, or the platform's own place for a program's data.
func stateDir(getenv func(string) string) string {
	if d := getenv("TELEMATICSCTL_STATE_DIR"); d != "" {
		return d
	}
	if x := getenv("XDG_STATE_HOME"); x != "" {
		return filepath.Join(x, program)
	}
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(getenv("LocalAppData"), program)
	case "darwin":
		return filepath.Join(home(getenv), "Library", "Application Support", program, "state")
	default:
		return filepath.Join(home(getenv), ".local", "state", program)
	}
}
