package contracttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// shapes reduce requests and answers to what a contract can tell of them: of two that
// have one shape both fit, or neither does. A name stays as it is; a value becomes its
// kind, and what the rules that there are anywhere in the contract say of it.
type shapes struct {
	words    map[string]bool // of enums
	patterns []*regexp.Regexp
	bounds   []float64 // what numbers and the lengths of lists are compared with, sorted
}

// reduced are the rules that a shape keeps the verdict of; told are words that rule nothing.
var (
	reduced = []string{
		"type", "properties", "required", "additionalProperties", "items", "allOf", "anyOf", "oneOf", "enum", "const",
		"pattern", "format", "minimum", "maximum",
		"minItems", "maxItems", "contentSchema",
	}
	told = []string{"contentMediaType", "default", "description", "title"}
)

// shapesOf learns the rules of a contract. One that shapes do not keep is an error, as is
// a parameter that is more than one value.
func shapesOf(doc *openapi3.T) (*shapes, error) {
	s := &shapes{words: map[string]bool{}}
	err := doc.WalkSchemas(func(at string, ref *openapi3.SchemaRef) error {
		if err := s.learn(ref.Value); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		return nil
	})
	slices.Sort(s.bounds)
	s.bounds = slices.Compact(s.bounds)
	return s, errors.Join(err, doc.WalkParameters(func(at string, ref *openapi3.ParameterRef) error {
		if kind := ref.Value.Schema.Value.Type; kind.Includes(openapi3.TypeArray) || kind.Includes(openapi3.TypeObject) {
			return fmt.Errorf("%s: shapes know no parameter that is a list or an object", at)
		}
		return nil
	}))
}

func (s *shapes) learn(rules *openapi3.Schema) error {
	text, err := json.Marshal(rules)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for name := range all {
		if !strings.HasPrefix(name, "x-") && !slices.Contains(reduced, name) && !slices.Contains(told, name) {
			return fmt.Errorf("shapes do not know the rule %s", name)
		}
	}
	if rules.Format != "" && rules.Format != uuidFormat {
		return fmt.Errorf("shapes do not know the format %s", rules.Format)
	}
	if rules.Pattern != "" {
		pattern, err := regexp.Compile(rules.Pattern)
		if err != nil {
			return err
		}
		s.patterns = append(s.patterns, pattern)
	}
	for _, value := range append(slices.Clone(rules.Enum), rules.Const) {
		switch v := value.(type) {
		case string:
			s.words[v] = true
		case float64:
			s.bounds = append(s.bounds, v)
		}
	}
	for _, bound := range []*float64{rules.Min, rules.Max} {
		if bound != nil {
			s.bounds = append(s.bounds, *bound)
		}
	}
	s.bounds = append(s.bounds, float64(rules.MinItems))
	if rules.MaxItems != nil {
		s.bounds = append(s.bounds, float64(*rules.MaxItems))
	}
	return nil
}

// request is the shape of a request whose query can be read.
func (s *shapes) request(m match, r *http.Request, body []byte) string {
	params := map[string][]string{}
	for name, value := range m.params {
		params[name] = []string{value}
	}
	return strings.Join([]string{"request", m.name(), s.values(params), s.values(r.URL.Query()), s.values(r.Header),
		s.body(body)}, "\n")
}

// answer is the shape of an answer.
func (s *shapes) answer(m match, r *http.Request, status int, header http.Header, body []byte) string {
	return strings.Join([]string{"answer", r.Method, m.name(), strconv.Itoa(status), s.values(header), s.body(body)}, "\n")
}

// values is the shape of a query, of a head, or of what a path has in the places of its
// parameters. The type of the content is kept as it is.
func (s *shapes) values(all map[string][]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.WriteString(strconv.Quote(name))
		for _, value := range all[name] {
			if name == "Content-Type" {
				out.WriteString(" " + strconv.Quote(value))
				continue
			}
			out.WriteString(" " + s.parameter(value))
		}
		out.WriteByte(';')
	}
	return out.String()
}

// parameter is the shape of a text that may be read as a number or as a boolean.
func (s *shapes) parameter(text string) string {
	out := s.text(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		out += "|" + s.number(n)
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		out += "|digits"
	}
	if b, err := strconv.ParseBool(text); err == nil {
		out += "|" + strconv.FormatBool(b)
	}
	return out
}

// body is the shape of a body; of one that is not JSON, itself.
func (s *shapes) body(body []byte) string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return "bytes " + string(body)
	}
	return s.value(value)
}

func (s *shapes) value(value any) string {
	switch v := value.(type) {
	case string:
		return s.text(v)
	case float64:
		return s.number(v)
	case []any:
		each := map[string]bool{}
		for _, element := range v {
			each[s.value(element)] = true
		}
		return "[" + s.number(float64(len(v))) + ":" + strings.Join(slices.Sorted(maps.Keys(each)), ",") + "]"
	case map[string]any:
		var out strings.Builder
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out.WriteString(strconv.Quote(name) + ":" + s.value(v[name]) + ",")
		}
		return "{" + out.String() + "}"
	default:
		return fmt.Sprint(v) // true, false, null
	}
}

func (s *shapes) number(n float64) string {
	out := "number"
	if n == math.Trunc(n) {
		out = "integer"
	}
	at, equal := slices.BinarySearch(s.bounds, n)
	return fmt.Sprintf("%s@%d%t", out, at, equal)
}

// text is the shape of a text. What holds JSON is seen through.
func (s *shapes) text(text string) string {
	if text == "" || s.words[text] {
		return strconv.Quote(text)
	}
	out := "text"
	if isUUID(text) == nil {
		out = uuidFormat
	}
	for i, p := range s.patterns {
		if p.MatchString(text) {
			out += "/" + strconv.Itoa(i)
		}
	}
	var inner any
	if (text[0] == '{' || text[0] == '[') && json.Unmarshal([]byte(text), &inner) == nil {
		out += "(" + s.value(inner) + ")"
	}
	return out
}

// uuidFormat is the one format of the contract. The validator itself knows none.
const uuidFormat = "uuid"

// isUUID says why a text is not a UUID as the service writes them, of whatever version.
func isUUID(text string) error {
	if len(text) != len(uuid.Nil.String()) {
		return errors.New("not a UUID")
	}
	return uuid.Validate(text)
}
