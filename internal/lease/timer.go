package lease

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// TimerOptions say what a timer runs.
type TimerOptions struct {
	OS          string // runtime.GOOS
	Profile     string
	Program     string // absolute
	Args        []string
	Environment map[string]string // of the sweep; empty values are left out
	StateDir    string
	Home        string
	ConfigHome  string // XDG_CONFIG_HOME; "" is .config of Home
}

// File is a file of a timer.
type File struct{ Path, Content string }

// Timer is what runs a sweep every minute: a systemd user timer, a launchd agent, or a scheduled
// task. It is files, and commands that make the system take note of them.
type Timer struct {
	Files   []File
	Enable  [][]string // after the files are written
	Disable [][]string // before they are removed
	Reload  [][]string // after they are removed
}

// NewTimer returns the timer of a profile.
func NewTimer(o TimerOptions) Timer {
	switch o.OS {
	case "darwin":
		return o.launchd()
	case "windows":
		return o.schtasks()
	}
	return o.systemd()
}

// Installed reports whether the timer's files are there.
func (t Timer) Installed() bool {
	for _, f := range t.Files {
		if _, err := os.Stat(f.Path); err != nil {
			return false
		}
	}
	return len(t.Files) > 0
}

func (o TimerOptions) variables() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(o.Environment)) {
		if o.Environment[name] != "" {
			out = append(out, name+"="+o.Environment[name])
		}
	}
	return out
}

func (o TimerOptions) systemd() Timer {
	name := "telematicsctl-leases-" + o.Profile
	home := o.ConfigHome
	if home == "" {
		home = path.Join(o.Home, ".config")
	}
	dir := path.Join(home, "systemd", "user")
	var service strings.Builder
	fmt.Fprintf(&service, "[Unit]\nDescription=End the temporary changes of telematicsctl profile "+
		"%s\n\n[Service]\nType=oneshot\n", o.Profile)
	for _, v := range o.variables() {
		fmt.Fprintf(&service, "Environment=%s\n", systemdQuote(v))
	}
	words := make([]string, 0, len(o.Args)+1)
	for _, w := range append([]string{o.Program}, o.Args...) {
		words = append(words, strings.ReplaceAll(systemdQuote(w), "$", "$$"))
	}
	fmt.Fprintf(&service, "ExecStart=%s\n", strings.Join(words, " "))
	timer := "[Unit]\nDescription=End the temporary changes of telematicsctl profile " + o.Profile +
		"\n\n[Timer]\nOnCalendar=minutely\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
	unit := name + ".timer"
	return Timer{
		Files:   []File{{path.Join(dir, name+".service"), service.String()}, {path.Join(dir, unit), timer}},
		Enable:  [][]string{{"systemctl", "--user", "daemon-reload"}, {"systemctl", "--user", "enable", "--now", unit}},
		Disable: [][]string{{"systemctl", "--user", "disable", "--now", unit}},
		Reload:  [][]string{{"systemctl", "--user", "daemon-reload"}},
	}
}

// systemdQuote returns a word as a unit file takes it: in quotes, with specifiers escaped.
func systemdQuote(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(word) + `"`
}

func (o TimerOptions) launchd() Timer {
	label := "com.telematicsctl.leases." + o.Profile
	file := path.Join(o.Home, "Library", "LaunchAgents", label+".plist")
	var b strings.Builder
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" ` +
		`"http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
		"\n<plist version=\"1.0\">\n<dict>\n")
	fmt.Fprintf(&b, "  <key>Label</key><string>%s</string>\n  <key>ProgramArguments</key>\n  <array>\n", xmlText(label))
	for _, w := range append([]string{o.Program}, o.Args...) {
		fmt.Fprintf(&b, "    <string>%s</string>\n", xmlText(w))
	}
	b.WriteString("  </array>\n")
	if variables := o.variables(); len(variables) > 0 {
		b.WriteString("  <key>EnvironmentVariables</key>\n  <dict>\n")
		for _, v := range variables {
			name, value, _ := strings.Cut(v, "=")
			fmt.Fprintf(&b, "    <key>%s</key><string>%s</string>\n", xmlText(name), xmlText(value))
		}
		b.WriteString("  </dict>\n")
	}
	b.WriteString("  <key>StartInterval</key><integer>60</integer>\n</dict>\n</plist>\n")
	return Timer{
		Files:   []File{{file, b.String()}},
		Enable:  [][]string{{"launchctl", "load", "-w", file}},
		Disable: [][]string{{"launchctl", "unload", "-w", file}},
	}
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}

// schtasks runs a script: the command line of a task is short.
func (o TimerOptions) schtasks() Timer {
	name := "telematicsctl leases " + o.Profile
	path := o.StateDir + `\lease-sweep-` + o.Profile + ".cmd"
	var b strings.Builder
	b.WriteString("@echo off\r\n")
	for _, v := range o.variables() {
		fmt.Fprintf(&b, "set \"%s\"\r\n", strings.ReplaceAll(v, "%", "%%"))
	}
	for i, w := range append([]string{o.Program}, o.Args...) {
		if i > 0 {
			b.WriteString(" ")
		}
		fmt.Fprintf(&b, "\"%s\"", strings.ReplaceAll(w, "%", "%%"))
	}
	b.WriteString("\r\n")
	return Timer{
		Files:   []File{{path, b.String()}},
		Enable:  [][]string{{"schtasks", "/Create", "/F", "/SC", "MINUTE", "/MO", "1", "/TN", name, "/TR", `"` + path + `"`}},
		Disable: [][]string{{"schtasks", "/Delete", "/F", "/TN", name}},
	}
}
