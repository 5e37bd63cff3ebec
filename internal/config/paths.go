package config

import (
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const program = "telematicsctl"

// home is the user's home: HOME, or what the system has of the user where that is not set; "" where
// nobody knows.
func home(getenv func(string) string) string {
	if h := getenv("HOME"); h != "" {
		return h
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

// expand replaces a leading ~ by the user's home, as a shell does for what is typed.
func expand(path string, getenv func(string) string) string {
	rest, found := strings.CutPrefix(path, "~")
	if !found || rest != "" && rest[0] != '/' && rest[0] != filepath.Separator {
		return path
	}
	return filepath.Join(home(getenv), rest)
}

// noHome is the error where there is neither a home nor a variable that names a folder.
func noHome(variable string) *failure.Error {
	return invalid(ReasonNoHome, variable, "this user has no home folder to keep anything in")
}

// xdg is the value of an XDG_ variable; its specification says to ignore a relative one.
func xdg(getenv func(string) string, variable string) string {
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	return ""
}

// configDir is $XDG_CONFIG_HOME/telematicsctl, or the platform's own place for settings.
func configDir(getenv func(string) string) string {
	if x := xdg(getenv, "XDG_CONFIG_HOME"); x != "" {
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

// stateDir is TELEMATICSCTL_STATE_DIR, $XDG_STATE_HOME/telematicsctl, or the platform's own place
// for a program's data, and where that comes from.
func stateDir(getenv func(string) string) (dir, source string) {
	if d := getenv("TELEMATICSCTL_STATE_DIR"); d != "" {
		return expand(d, getenv), "TELEMATICSCTL_STATE_DIR"
	}
	if x := xdg(getenv, "XDG_STATE_HOME"); x != "" {
		return filepath.Join(x, program), "XDG_STATE_HOME"
	}
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(getenv("LocalAppData"), program), SourceDefault
	case "darwin":
		return filepath.Join(home(getenv), "Library", "Application Support", program, "state"), SourceDefault
	default:
		return filepath.Join(home(getenv), ".local", "state", program), SourceDefault
	}
}

// checkPlaces fails where a folder that no variable names is not known.
func (c *Config) checkPlaces(named string) *failure.Error {
	switch {
	case !filepath.IsAbs(c.StateDir) && c.getenv("TELEMATICSCTL_STATE_DIR") == "":
		return noHome("TELEMATICSCTL_STATE_DIR")
	case !filepath.IsAbs(c.Path) && named == "":
		return noHome("TELEMATICSCTL_CONFIG")
	}
	return nil
}
