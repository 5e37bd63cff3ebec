package render

import (
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// humanTime is the layout of a time on a terminal that is not relative. In UTC, always.
const humanTime = "2006-01-02 15:04 UTC"

// Date is a time whose day alone matters to a person, as that of a birthday does.
type Date time.Time

// cell is one cell as text, not yet cleaned. It is words where it may be shortened to fit
// a narrow terminal: a UUID is not, as it is there to be copied.
type cell struct {
	text  string
	words bool
	style Style
}

// newCell formats what a column gave: nothing for nil and for the zero time, true and
// false, times in UTC. now is what times for a person are relative to, unless it is zero.
func newCell(value any, human bool, now time.Time) cell {
	switch v := value.(type) {
	case nil:
		return cell{}
	case string:
		return cell{text: v, words: uuid.Validate(v) != nil}
	case time.Time:
		return cell{text: moment(v, human, now)}
	case Date:
		if human {
			return cell{text: time.Time(v).UTC().Format(time.DateOnly)}
		}
		return cell{text: moment(time.Time(v), false, now)}
	}
	if pointer := reflect.ValueOf(value); pointer.Kind() == reflect.Pointer {
		if pointer.IsNil() {
			return cell{}
		}
		if _, ok := value.(fmt.Stringer); !ok || pointer.Elem().Type() == reflect.TypeFor[time.Time]() {
			return newCell(pointer.Elem().Interface(), human, now)
		}
	}
	_, words := value.(fmt.Stringer)
	return cell{text: fmt.Sprint(value), words: words}
}

func moment(t time.Time, human bool, now time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case human && !now.IsZero():
		return Relative(t, now)
	case human:
		return t.UTC().Format(humanTime)
	default:
		return t.UTC().Format(time.RFC3339Nano)
	}
}

// Relative returns a time as a person says it, seen from now: "in 5 days", "3 minutes
// ago", "just now"; the date where it is over a year away.
func Relative(t, now time.Time) string {
	d := t.Sub(now)
	past := d < 0
	d = d.Abs()
	var text string
	switch {
	case d < time.Second*10:
		return "just now"
	case d < time.Minute:
		text = count(d, time.Second, "second")
	case d < time.Hour:
		text = count(d, time.Minute, "minute")
	case d < 48*time.Hour:
		text = count(d, time.Hour, "hour")
	case d < 365*24*time.Hour:
		text = count(d, 24*time.Hour, "day")
	default:
		return t.UTC().Format(time.DateOnly)
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

// count returns how many whole units a duration has.
func count(d, unit time.Duration, name string) string {
	n := int(d / unit)
	if n != 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}

// Width returns how many columns text takes on a terminal.
func Width(text string) int { return twwidth.Width(text) }
