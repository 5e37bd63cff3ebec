package contracttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// ErrUndescribed is for a request that the contract knows no path or method for.
var ErrUndescribed = errors.New("the contract does not describe this call")

// otherCall stands for all calls that the contract does not describe.
const otherCall = "any other call"

// other is the extension at the contract's head with the answers to calls that it does
// not describe, by status.
const other = "x-undescribed"

// otherCalls makes an operation of what the contract says of calls that it does not describe.
func otherCalls(doc *openapi3.T) (*openapi3.Operation, error) {
	answers, ok := doc.Extensions[other].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s does not say what other calls get", other)
	}
	all := openapi3.NewResponsesWithCapacity(len(answers))
	for status, answer := range answers {
		ref, _ := answer.(map[string]any)
		name, ok := ref["$ref"].(string)
		if !ok {
			response, err := inPlace(answer)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", other, status, err)
			}
			all.Set(status, response)
			continue
		}
		response := doc.Components.Responses[strings.TrimPrefix(name, "#/components/responses/")]
		if response == nil {
			return nil, fmt.Errorf("%s, %s: %q is not a response of the components", other, status, name)
		}
		all.Set(status, response)
	}
	return &openapi3.Operation{Responses: all}, nil
}

// inPlace reads a response that is described where it is used.
func inPlace(answer any) (*openapi3.ResponseRef, error) {
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	response := &openapi3.Response{}
	return &openapi3.ResponseRef{Value: response}, json.Unmarshal(text, response)
}

// match is where a request belongs.
type match struct {
	route  *routers.Route
	params map[string]string
	status int // of a call that is not described: what it is to be answered
}

func (m match) described() bool { return m.status == 0 }

// name is the method and the path of the contract.
func (m match) name() string {
	if !m.described() {
		return otherCall
	}
	return m.route.Method + " " + m.route.Path
}

// answers reports whether a status may be the answer. Those of a described call are held to
// it by the validator; another call gets a 404, or a 405 where only the method is wrong,
// or a 413 whatever it is.
func (m match) answers(status int) bool {
	return m.described() || status == m.status || status == http.StatusRequestEntityTooLarge
}

// find is the contract's call for a request. Where two paths fit, the one with fewer
// parameters is meant; case counts on the paths that have a server of their own.
func (c *Contract) find(r *http.Request) match {
	best := match{status: http.StatusNotFound}
	for path, item := range c.Doc.Paths.Map() {
		params, ok := fits(path, r.URL.EscapedPath(), item.Servers != nil)
		if !ok {
			continue
		}
		operation := item.Operations()[r.Method]
		switch {
		case operation == nil:
			if !best.described() {
				best.status = http.StatusMethodNotAllowed
			}
		case !best.described() || len(params) < len(best.params):
			best = match{params: params, route: &routers.Route{Spec: c.Doc, Path: path, PathItem: item, Method: r.Method,
				Operation: operation}}
		}
	}
	if !best.described() {
		best.route = &routers.Route{Spec: c.Doc, Path: r.URL.Path, PathItem: &openapi3.PathItem{}, Method: r.Method,
			Operation: c.others}
	}
	return best
}

// fits reports whether a path is one of a template, and gives what stands in the places of
// its parameters. A slash at the end makes no difference, and one that is encoded separates
// nothing.
func fits(template, path string, exact bool) (map[string]string, bool) {
	want, got := segments(template), segments(path)
	if len(want) != len(got) || strings.Contains(path, "//") {
		return nil, false
	}
	params := map[string]string{}
	for i := range want {
		text, err := url.PathUnescape(got[i])
		if err != nil {
			return nil, false
		}
		got[i] = text
		switch name, ok := strings.CutPrefix(want[i], "{"); {
		case ok && got[i] == "":
			return nil, false
		case ok:
			params[strings.TrimSuffix(name, "}")] = got[i]
		case want[i] != got[i] && (exact || !strings.EqualFold(want[i], got[i])):
			return nil, false
		}
	}
	return params, true
}

func segments(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// calls lists the described operations: what to call each, and what it may be answered.
func (c *Contract) calls(fn func(name, status string, answer *openapi3.Response)) {
	for path, item := range c.Doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, answer := range operation.Responses.Map() {
				fn(method+" "+path, status, answer.Value)
			}
		}
	}
	for status, answer := range c.others.Responses.Map() {
		fn(otherCall, status, answer.Value)
	}
}

func fact(call string, status int, what string) string {
	return strings.TrimSpace(call + " " + strconv.Itoa(status) + " " + what)
}
