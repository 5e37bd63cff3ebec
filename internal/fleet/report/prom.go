package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteProm writes a report in the text format of Prometheus. Registrations are those of the week
// before now alone: a series a week would never end.
func (r *Report) WriteProm(w io.Writer, instanceID string, now time.Time) error {
	var b strings.Builder
	metric := func(name, help string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
	}
	metric("telematicsctl_users", "Users of the instance.")
	fmt.Fprintf(&b, "telematicsctl_users{instance_id=%s} %d\n", promLabel(instanceID), r.Users)
	for _, group := range []struct{ by, name, label, help string }{
		{ByActivity, "activity", "activity_status", "Users by activity status."},
		{ByOS, "os", "os_type", "Users by platform."},
		{BySDK, "sdk_version", "sdk_version", "Users by SDK version."},
		{ByApp, "app_version", "app_version", "Users by app version."},
		{ByCountry, "country", "country", "Users by country."},
		{ByFlag, "flag", "flag", "Users with a flag on."},
	} {
		name := "telematicsctl_users_by_" + group.name
		metric(name, group.help)
		for _, f := range r.Group(group.by) {
			fmt.Fprintf(&b, "%s{instance_id=%s,%s=%s} %d\n", name, promLabel(instanceID), group.label,
				promLabel(f.Value), f.Users)
		}
	}
	metric("telematicsctl_users_registered_last_week", "Users registered in the ISO week before this one.")
	fmt.Fprintf(&b, "telematicsctl_users_registered_last_week{instance_id=%s} %d\n", promLabel(instanceID),
		r.By.Registered[Week(now.AddDate(0, 0, -7))])
	_, err := io.WriteString(w, b.String())
	return err
}

// promLabel quotes the value of a label.
func promLabel(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}
