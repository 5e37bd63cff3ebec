package proxy

import (
	"fmt"
	"maps"
	"math"
	"mime"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// observed is the extension with what all published samples have in common: here it rules.
const observed = "x-observed"

// value holds a JSON value to a schema, of which x-observed is a part, and objects to the
// members that are described. source is that of the nearest description.
func (k *check) value(at, source string, schema, value any) {
	s := maps.Clone(k.resolve(schema))
	if s == nil {
		return
	}
	maps.Copy(s, objectOf(s[observed]))
	if own := textOf(s["x-source"]); own != "" {
		source = own
	}
	if want := typesOf(s["type"]); want != nil && !slices.ContainsFunc(want, func(t string) bool {
		return isType(value, t)
	}) {
		k.report(at, source, "is %s, not %s", typeOf(value), strings.Join(want, " or "))
		return
	}
	switch v := value.(type) {
	case object:
		k.members(at, source, s, v)
	case []any:
		if least, ok := number(s["minItems"]); ok && float64(len(v)) < least {
			k.report(at, source, "has %d elements, not at least %v", len(v), least)
		}
		if most, ok := number(s["maxItems"]); ok && float64(len(v)) > most {
			k.report(at, source, "has %d elements, not at most %v", len(v), most)
		}
		for _, inner := range v {
			k.value(at+"/*", source, s["items"], inner)
		}
	case string:
		k.text(at, source, s, v)
	case float64:
		least, bounded := number(s["minimum"])
		most, above := number(s["maximum"])
		if bounded && v < least || above && v > most {
			k.report(at, source, "is out of its range")
		}
	}
}

func (k *check) members(at, source string, s, value object) {
	properties := objectOf(s["properties"])
	if properties == nil {
		return // nothing is known of its members
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := value[textOf(name)]; !ok {
			k.report(at+"/"+textOf(name), source, "is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		inner, ok := properties[name]
		switch {
		case ok:
			k.value(at+"/"+name, source, inner, value[name])
		case at == "" && value[name] == nil && strings.EqualFold(name, "Result"): // the same as none (live)
		default:
			k.report(at+"/"+name, "", "is not described")
		}
	}
}

func (k *check) text(at, source string, s object, value string) {
	if s["format"] == "uuid" && (len(value) != len(uuid.Nil.String()) || uuid.Validate(value) != nil) {
		k.report(at, source, "is not a UUID with dashes")
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, any(value)) {
		k.report(at, source, "is %q; seen were %v", shorten(value), enum)
	}
	if pattern := textOf(s["pattern"]); pattern != "" {
		if matched, err := regexp.MatchString(pattern, value); err == nil && !matched {
			k.report(at, source, "has another form than %s", pattern)
		}
	}
}

func shorten(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func typesOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, one := range v {
			out = append(out, fmt.Sprint(one))
		}
		return out
	}
	return nil
}

func isType(value any, want string) bool {
	is := typeOf(value)
	return is == want || is == "integer" && want == "number"
}

func typeOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

func isJSON(contentType string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}
