package contracttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// The contract is open, as a public one must be: an answer may have members that it does
// not describe. Tests are stricter: what they hold to it is our own, and whatever it has
// beyond the contract is a mistake there or here.

// observed is the extension with what all published samples have in common. Strictly, it
// is a rule.
const observed = "x-observed"

// strictly makes rules of all that is observed.
func strictly(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	merge(&doc)
	return yaml.Marshal(&doc)
}

func merge(n *yaml.Node) {
	var more []*yaml.Node
	for i, child := range n.Content {
		merge(child)
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == observed {
			more = append(more, child.Content...)
		}
	}
	n.Content = append(n.Content, more...)
}

// closeAnswer makes all that an answer describes all that it may have: its objects take no
// other member. An envelope without a Result takes a null one, which is the same (live).
// The error names what has no type.
func closeAnswer(answer *openapi3.Response) error {
	no := false
	for at, s := range placesOf(answer.Content) {
		if s.Type == nil {
			return fmt.Errorf("%q has no type", at)
		}
		if s.Type.Includes(openapi3.TypeObject) {
			s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
		}
		for _, names := range []names{pascal, camel} {
			if s.Properties[names.status] != nil && s.Properties[names.errors] != nil && s.Properties[names.result] == nil {
				s.Properties[names.result] = &openapi3.SchemaRef{Value: &openapi3.Schema{Type: &openapi3.Types{openapi3.TypeNull}}}
			}
		}
	}
	return nil
}

// nothing reports whether a schema takes null alone.
func nothing(s *openapi3.Schema) bool { return s.Type.Is(openapi3.TypeNull) }

// names are those of an envelope.
type names struct{ result, status, errors string }

var (
	pascal = names{"Result", "Status", "Errors"}
	camel  = names{"result", "status", "errors"}
)

// envelope says what is wrong with an envelope beyond its schema: the status inside must be
// HTTP's, and there are entries where fields are to blame, in 409 and 422, and nowhere else.
func envelope(status int, body []byte) error {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return nil // which the validator says
	}
	is := pascal
	if all[is.status] == nil {
		is = camel
	}
	var errs []error
	var inside int
	if json.Unmarshal(all[is.status], &inside) == nil && inside != status {
		errs = append(errs, fmt.Errorf("the %s inside is %d, and HTTP's is %d", is.status, inside, status))
	}
	var entries []json.RawMessage
	if json.Unmarshal(all[is.errors], &entries) == nil {
		if blames(strconv.Itoa(status)) != (len(entries) > 0) {
			errs = append(errs, fmt.Errorf("%d %s with the status %d", len(entries), is.errors, status))
		}
	}
	return errors.Join(errs...)
}

// blames reports whether answers with a status say which fields are to blame (assumed: entries).
func blames(status string) bool { return status == "409" || status == "422" }

// headersOf lists the headers that are credentials of a call, by its alternatives.
func headersOf(doc *openapi3.T, op *openapi3.Operation) (alternatives [][]string) {
	if op.Security == nil {
		return nil
	}
	for _, together := range *op.Security {
		var headers []string
		for name := range together {
			scheme := doc.Components.SecuritySchemes[name].Value
			if scheme.Type == "apiKey" {
				headers = append(headers, scheme.Name)
			} else {
				headers = append(headers, "Authorization")
			}
		}
		alternatives = append(alternatives, headers)
	}
	return alternatives
}

// keys says what is wrong with the keys in a request's headers: those that a call without a
// JWT must have, and the form of each. (JWTs are no matter of the contract.)
func keys(doc *openapi3.T, op *openapi3.Operation, header http.Header) error {
	var errs []error
	alternatives := headersOf(doc, op)
	for _, headers := range alternatives {
		for _, name := range headers {
			value := header.Get(name)
			switch {
			case name == "Authorization":
			case value == "" && len(alternatives) == 1:
				errs = append(errs, fmt.Errorf("the header %s is missing", name))
			case value != "" && isUUID(value) != nil:
				errs = append(errs, fmt.Errorf("the header %s is not a UUID", name))
			}
		}
	}
	return errors.Join(errs...)
}
