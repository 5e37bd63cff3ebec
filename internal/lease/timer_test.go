package lease_test

import (
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/lease"
)

// A timer is files and commands of the system; on each it runs the sweep of one profile, with the
// environment that it needs, and whatever the paths are made of.
func TestTimersOfEachSystem(t *testing.T) {
	t.Parallel()
	options := lease.TimerOptions{
		Profile: "prod", Program: "/opt/my tools/telematicsctl",
		Args:        []string{"lease", "sweep", "--config", `/home/a&b/50%$x".yaml`},
		Environment: map[string]string{"XDG_STATE_HOME": "/data/100%", "XDG_CONFIG_HOME": ""}, StateDir: `C:\state`,
		Home: "/home/ada",
	}
	for system, c := range map[string]struct {
		paths   string
		content []string
		enable  string
		disable string
	}{
		"linux": {
			paths: "/home/ada/.config/systemd/user/telematicsctl-leases-prod.service " +
				"/home/ada/.config/systemd/user/telematicsctl-leases-prod.timer",
			content: []string{
				"Type=oneshot\nEnvironment=\"XDG_STATE_HOME=/data/100%%\"\n",
				`ExecStart="/opt/my tools/telematicsctl" "lease" "sweep" "--config" "/home/a&b/50%%$$x\".yaml"` + "\n",
				"OnCalendar=minutely\nPersistent=true\n", "WantedBy=timers.target\n",
			},
			enable:  "systemctl --user daemon-reload; systemctl --user enable --now telematicsctl-leases-prod.timer",
			disable: "systemctl --user disable --now telematicsctl-leases-prod.timer",
		},
		"darwin": {
			paths: "/home/ada/Library/LaunchAgents/com.telematicsctl.leases.prod.plist",
			content: []string{
				"<string>/opt/my tools/telematicsctl</string>", "<string>/home/a&amp;b/50%$x&#34;.yaml</string>",
				"<key>XDG_STATE_HOME</key><string>/data/100%</string>", "<key>StartInterval</key><integer>60</integer>",
			},
			enable:  "launchctl load -w /home/ada/Library/LaunchAgents/com.telematicsctl.leases.prod.plist",
			disable: "launchctl unload -w /home/ada/Library/LaunchAgents/com.telematicsctl.leases.prod.plist",
		},
		"windows": {
			paths: `C:\state\lease-sweep-prod.cmd`,
			content: []string{"@echo off\r\nset \"XDG_STATE_HOME=/data/100%%\"\r\n",
				`"/opt/my tools/telematicsctl" "lease" "sweep"`},
			enable:  `schtasks /Create /F /SC MINUTE /MO 1 /TN telematicsctl leases prod /TR "C:\state\lease-sweep-prod.cmd"`,
			disable: "schtasks /Delete /F /TN telematicsctl leases prod",
		},
	} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			o := options
			o.OS = system
			timer := lease.NewTimer(o)
			var paths []string
			text := ""
			for _, f := range timer.Files {
				paths = append(paths, f.Path)
				text += f.Content
			}
			if got := strings.Join(paths, " "); got != c.paths {
				t.Errorf("files %s", got)
			}
			for _, want := range c.content {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			if strings.Contains(text, "XDG_CONFIG_HOME") {
				t.Errorf("an empty variable is set:\n%s", text)
			}
			if got := joined(timer.Enable); got != c.enable {
				t.Errorf("enable: %s", got)
			}
			if got := joined(timer.Disable); got != c.disable {
				t.Errorf("disable: %s", got)
			}
			if timer.Installed() {
				t.Error("installed before its files are there")
			}
		})
	}
}

func joined(commands [][]string) string {
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = strings.Join(c, " ")
	}
	return strings.Join(lines, "; ")
}
