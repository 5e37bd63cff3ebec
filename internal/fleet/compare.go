package fleet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Same reports whether a value that would be written is what the service has, in the form that it
// reads back: "" is null, a date has no zone and means UTC, Deactivated is Inactive, and texts are
// compared normalized.
func Same(f *field.Field, wanted, current any) bool {
	wanted, current = Written(f, wanted), Written(f, current)
	if wanted == nil || current == nil {
		return wanted == nil && current == nil
	}
	if f.Kind == field.Time {
		a, okA := moment(wanted)
		b, okB := moment(current)
		if okA && okB {
			return a.Equal(b)
		}
	}
	return wanted == current
}

// Written returns a value as it would be written: nil for an empty one, a bool, an int64, or a
// normalized text.
func Written(f *field.Field, value any) any {
	switch v := value.(type) {
	case nil, bool, int64:
		return v
	case int:
		return int64(v)
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && f.Kind == field.Count {
			return n
		}
		return v.String()
	case string:
		return writtenText(f, value, v)
	}
	return fmt.Sprint(value)
}

// defaultImage ends the URL of the picture that the service shows for users without one.
const defaultImage = "/Files/DefaultImages/ic_no_avatar_white.png"

// writtenText is Written of a value that is a text.
func writtenText(f *field.Field, value any, given string) any {
	text := f.Normalize(given)
	switch {
	case text == "":
		return nil
	case f.Name == "Status" && strings.EqualFold(text, "Inactive"):
		return "Deactivated" // written so, and read back as Inactive (live)
	case f.Name == "ImageUrl" && strings.HasSuffix(text, defaultImage):
		return nil // the service's own, for a user without one (live)
	case f.Kind == field.Flag:
		if b, err := strconv.ParseBool(strings.ToLower(text)); err == nil {
			return b
		}
	case f.Kind == field.Count:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	if text == given {
		return value
	}
	return text
}

var momentShapes = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00",
	"2006-01-02T15:04", time.DateOnly}

func moment(value any) (time.Time, bool) {
	text, _ := value.(string)
	for _, shape := range momentShapes {
		if t, err := time.Parse(shape, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Difference is a field whose value would be changed.
type Difference struct {
	Field    *field.Field
	From, To any
}

// Differences lists the fields of wanted whose values are not those of current, in the table's
// order.
func Differences(wanted, current field.Set) []Difference {
	var out []Difference
	for _, f := range wanted.Fields() {
		to, _ := wanted.Get(f.Name)
		from, _ := current.Get(f.Name)
		if !Same(f, to, from) {
			out = append(out, Difference{f, Written(f, from), Written(f, to)})
		}
	}
	return out
}
