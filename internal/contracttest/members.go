package contracttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// anywhere is the place of each element of a list; asText that of what a string holds as JSON.
const (
	anywhere = "/*"
	asText   = "/(text)"
)

// places are the schemas of all that a schema describes, by the place:
// "/Result/Users/*/DeviceToken". The whole is at "".
type places map[string]*openapi3.Schema

func placesOf(body openapi3.Content) places {
	all := places{}
	for _, kind := range body {
		all.add("", kind.Schema)
	}
	return all
}

func (p places) add(at string, ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil {
		return
	}
	s := ref.Value
	p[at] = s
	for name, inner := range s.Properties {
		p.add(at+"/"+name, inner)
	}
	p.add(at+anywhere, s.Items)
	p.add(at+asText, s.ContentSchema)
	for _, part := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		p.add(at, part)
	}
}

// members are the places that have a name.
func (p places) members() []string {
	var all []string
	for at, s := range p {
		if at != "" && !nothing(s) && !strings.HasSuffix(at, anywhere) && !strings.HasSuffix(at, asText) {
			all = append(all, at)
		}
	}
	slices.Sort(all)
	return all
}

// walk calls fn with the place of each member of a JSON value. It goes into strings where
// they are said to hold JSON.
func (p places) walk(at string, value any, fn func(at string)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			fn(at + "/" + name)
			p.walk(at+"/"+name, inner, fn)
		}
	case []any:
		for _, inner := range v {
			p.walk(at+anywhere, inner, fn)
		}
	case string:
		var inner any
		if s := p[at]; s != nil && s.ContentSchema != nil && json.Unmarshal([]byte(v), &inner) == nil {
			p.walk(at+asText, inner, fn)
		}
	}
}

// unknown lists the members of a JSON text that are not described.
func (p places) unknown(body []byte) []string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return nil // which the validator says
	}
	var out []string
	p.walk("", value, func(at string) {
		if p[at] == nil {
			out = append(out, at)
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// ordinary are the headers that any HTTP client or server adds, and the request's id.
var ordinary = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Date", "Traceparent",
	"Transfer-Encoding", "User-Agent", "X-Request-Id",
}

// strangers says what a request has that the contract does not describe: a member of the
// body, a parameter of the query, a header. A service may ignore it; our own client
// has no business to send it.
func strangers(doc *openapi3.T, op *openapi3.Operation, r *http.Request, body []byte) error {
	known := map[string]bool{}
	for _, ref := range op.Parameters {
		name := ref.Value.Name
		if ref.Value.In == openapi3.ParameterInHeader {
			name = http.CanonicalHeaderKey(name)
		}
		known[ref.Value.In+" "+name] = true
	}
	for _, name := range slices.Concat(headersOf(doc, op)...) {
		known["header "+http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range ordinary {
		known["header "+name] = true
	}
	var errs []error
	report := func(where, name string) {
		if !known[where+" "+name] {
			errs = append(errs, fmt.Errorf("the contract does not describe the %s %s", where, name))
		}
	}
	for name := range r.URL.Query() {
		report("query", name)
	}
	for name := range r.Header {
		report("header", name)
	}
	if op.RequestBody != nil {
		for _, at := range placesOf(op.RequestBody.Value.Content).unknown(body) {
			report("body's", at)
		}
	} else if len(body) > 0 {
		errs = append(errs, errors.New("the contract describes no body"))
	}
	return errors.Join(errs...)
}

// unknownHeader says which header of an answer is not described.
func unknownHeader(answer *openapi3.Response, header http.Header) error {
	known := slices.Clone(ordinary)
	for name := range answer.Headers {
		known = append(known, http.CanonicalHeaderKey(name))
	}
	for name := range header {
		if !slices.Contains(known, name) {
			return fmt.Errorf("the contract does not describe the header %s", name)
		}
	}
	return nil
}

// Asked lists what the contract describes of each call's request: "PUT
// /v1/Management/users header UserDeviceToken", "… query Email", "… body
// UserFields/ClientId".
func (c *Contract) Asked() []string {
	var out []string
	for path, item := range c.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			call := method + " " + path + " "
			for _, ref := range op.Parameters {
				if ref.Value.In != openapi3.ParameterInPath {
					out = append(out, call+ref.Value.In+" "+ref.Value.Name)
				}
			}
			for _, name := range slices.Concat(headersOf(c.Doc, op)...) {
				out = append(out, call+"header "+name)
			}
			if op.RequestBody != nil {
				for _, at := range placesOf(op.RequestBody.Value.Content).members() {
					out = append(out, call+"body "+at[1:])
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
