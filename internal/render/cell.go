package render

import (
	"fmt"
	"reflect"
	"time"
)

// humanTime is how a moment is shown on a terminal. In UTC, always.
const humanTime = "2006-01-02 15:04 UTC"

// cell is one cell as text, not yet cleaned. It is words where it may be shortened to fit a narrow terminal.
type cell struct {
	text  string
	words bool
}

// newCell formats what a column gave: nothing for nil and for the zero time, true and false, times in UTC.
func newCell(value any, human bool) cell {
	switch v := value.(type) {
	case nil:
		return cell{}
	case string:
		return cell{v, true}
	case time.Time:
		return cell{text: moment(v, human)}
	}
	if pointer := reflect.ValueOf(value); pointer.Kind() == reflect.Pointer {
		if pointer.IsNil() {
			return cell{}
		}
		if _, ok := value.(fmt.Stringer); !ok || pointer.Elem().Type() == reflect.TypeFor[time.Time]() {
			return newCell(pointer.Elem().Interface(), human)
		}
	}
	_, words := value.(fmt.Stringer)
	return cell{fmt.Sprint(value), words}
}

func moment(t time.Time, human bool) string {
	switch {
	case t.IsZero():
		return ""
	case human:
		return t.UTC().Format(humanTime)
	default:
		return t.UTC().Format(time.RFC3339Nano)
	}
}
