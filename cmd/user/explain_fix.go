package user

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/fleet/explain"
)

// finish makes the report, with a command for each remedy.
func (e *explainer) finish(f explain.Facts) explained {
	r := explain.Explain(f)
	out := explained{DeviceToken: r.DeviceToken, Verdict: string(r.Verdict), who: f.Name()}
	here := f.User.Value == nil || strings.EqualFold(f.User.Value.AccountInfo.InstanceID, f.InstanceID)
	profile := e.app.Flags.Profile
	if !here {
		profile = e.profileOf(f.User.Value.AccountInfo.InstanceID)
	}
	for _, c := range r.Checks {
		fix := ""
		if args := e.fixArgs(c.Remedy, r.DeviceToken); args != nil && (here || profile != "") {
			fix = e.app.CommandLine(profile, args...)
		}
		out.Checks = append(out.Checks, check{c.Name, string(c.State), c.Detail, fix, c})
	}
	return out
}

// fixArgs returns the command of a remedy; nil for none.
func (e *explainer) fixArgs(r explain.Remedy, deviceToken string) []string {
	switch r {
	case explain.RemedyActivate:
		return []string{"user", "update", deviceToken, "--status", "active"}
	case explain.RemedyEnable:
		return []string{"user", "set-enabled", "on", deviceToken}
	case explain.RemedyTrack:
		return []string{"user", "set-tracking", "on", deviceToken}
	case explain.RemedyStopLogging:
		return []string{"user", "set-logging", "off", deviceToken}
	case explain.RemedyStopRealTime:
		return []string{"user", "set-realtime", "off", deviceToken}
	case explain.RemedyMoveHere:
		return []string{"user", "move", deviceToken, "--to-profile", e.profile}
	}
	return nil
}

// profileOf returns the profile of an instance; "" where none of the configuration is.
func (e *explainer) profileOf(instanceID string) string {
	cfg, err := e.app.Config()
	if err != nil {
		return ""
	}
	for _, name := range cfg.Names() {
		if p, err := cfg.FromFile(name); err == nil && strings.EqualFold(p.InstanceID, instanceID) {
			return name
		}
	}
	return ""
}
