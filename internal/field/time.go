package field

import (
	"strings"
	"time"
)

// The shapes of ISO 8601 that are read, extended and basic, and what is sent for each: a
// bare date is midnight in UTC, as the service wants a date and time. A time without a
// zone stays without one.
var timeShapes = []struct{ in, out string }{
	{time.DateOnly, "2006-01-02T15:04:05Z"},
	{"2006-01-02T15:04:05.999999999Z07:00", ""},
	{"2006-01-02T15:04:05.999999999", ""},
	{"2006-01-02T15:04Z07:00", ""},
	{"2006-01-02T15:04", ""},
	{"2006-01-02T15:04:05.999999999Z0700", time.RFC3339Nano},
	{"2006-01-02T15:04:05.999999999Z07", time.RFC3339Nano},
	{"20060102", "2006-01-02T15:04:05Z"},
	{"20060102T150405.999999999Z0700", time.RFC3339Nano},
	{"20060102T150405.999999999Z07:00", time.RFC3339Nano},
	{"20060102T150405.999999999", "2006-01-02T15:04:05.999999999"},
	{"20060102T1504Z0700", time.RFC3339Nano},
	{"20060102T1504", "2006-01-02T15:04:05"},
}

func parseTime(s string, now time.Time) (any, error) {
	if len(s) > 10 && (s[10] == ' ' || s[10] == 't') {
		s = s[:10] + "T" + strings.TrimLeft(s[11:], " ")
	} else if len(s) > 8 && s[8] == ' ' {
		s = s[:8] + "T" + s[9:]
	}
	for _, shape := range timeShapes {
		t, err := time.Parse(shape.in, s)
		if err != nil {
			continue
		}
		if why := implausible(t, now); why != "" {
			return nil, invalid(s, why)
		}
		if shape.out == "" {
			return s, nil
		}
		return t.Format(shape.out), nil
	}
	if strings.HasPrefix(s, "0000-00-00") || strings.HasPrefix(s, "1900-01-00") {
		return nil, invalid(s, noDate)
	}
	if isDayNumber(s) {
		return nil, invalid(s, "a spreadsheet's day number, not a date: format the column as a date and export it again")
	}
	return nil, invalid(s, NotISODate)
}

// NotISODate is why a date is invalid that is written in another way.
const NotISODate = "not a date in ISO 8601 (1990-05-31)"

const noDate = "what spreadsheets and databases write for no date: leave the cell empty"

// implausible says why a date that can be read is not meant; "" for one that is.
func implausible(t, now time.Time) string {
	switch {
	case t.After(now):
		return "in the future"
	case t.Year() <= 1, t.Year() == 1899 && t.Month() == time.December && t.Day() >= 30:
		return noDate
	}
	return ""
}

// isDayNumber reports whether a text is a count of days since 1900 that spreadsheets show
// for a date.
func isDayNumber(s string) bool { return len(s) == 5 && strings.Trim(s, "0123456789") == "" }
