package cmdutil

import (
	"fmt"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// ChangesText returns changes in a line: "EnableLogging off → on, City Bonn → Berlin".
func ChangesText[C audit.Change | job.Change](changes []C) string {
	parts := make([]string, len(changes))
	for i, change := range changes {
		c := job.Change(change)
		parts[i] = fmt.Sprintf("%s %s → %s", c.Field, ValueText(c.From), ValueText(c.To))
	}
	return strings.Join(parts, ", ")
}

// ValueText returns the value of a field as a person says it: on, off, 1990-05-31, (none).
func ValueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "(none)"
	case bool:
		if v {
			return "on"
		}
		return "off"
	case string:
		if day, ok := dayOf(v); ok {
			return day.Format(time.DateOnly)
		}
		if v != "" {
			return v
		}
		return "(none)"
	}
	return fmt.Sprint(v)
}

// Cell returns a value as a column shows it: a date at midnight, such as a birthday, is a date on a
// terminal.
func Cell(v any) any {
	if text, ok := v.(string); ok {
		if day, ok := dayOf(text); ok {
			return render.Date(day)
		}
	}
	return v
}

// dayOf reads a date and time, in UTC or without a zone, whose time is midnight.
func dayOf(text string) (time.Time, bool) {
	day, found := strings.CutSuffix(strings.TrimSuffix(text, "Z"), "T00:00:00")
	if !found {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, day)
	return t, err == nil
}
