package config

import (
	"path/filepath"
	"runtime"
)

const program = "telematicsctl"

// configDir is $XDG_CONFIG_HOME/telematicsctl, or the platform's own place for settings.
func configDir(getenv func(string) string) string {
	if x := getenv("XDG_CONFIG_HOME"); x != "" {
		return filepath.Join(x, program)
	}
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(getenv("AppData"), program)
	case "darwin":
		return filepath.Join(getenv("HOME"), "Library", "Application Support", program)
	default:
		return filepath.Join(getenv("HOME"), ".config", program)
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
		return filepath.Join(getenv("HOME"), "Library", "Application Support", program, "state")
	default:
		return filepath.Join(getenv("HOME"), ".local", "state", program)
	}
}
