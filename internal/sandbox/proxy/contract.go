package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/redact"
)

// Contract is the part of OpenAPI that docs/openapi.yaml uses, to hold answers to. It is
// read when a proxy begins, as no other command needs it. (A validator for all of OpenAPI
// would add 1.8 MB to the program.)
type Contract struct {
	doc    object
	server string // of the calls that have none of their own
	calls  []call
}

type object = map[string]any

// call is one operation of the contract.
type call struct {
	method, path string
	segments     []string
	server       string // its own; the case of its path counts then
	responses    object
}

func (c *call) name() string { return c.method + " " + c.path }

// ReadContract reads a contract.
func ReadContract(text []byte) (*Contract, error) {
	c := &Contract{}
	if err := yaml.Unmarshal(text, &c.doc); err != nil {
		return nil, err
	}
	c.server = serverOf(c.doc)
	for path, item := range objectOf(c.doc["paths"]) {
		for method, operation := range objectOf(item) {
			responses := objectOf(objectOf(operation)["responses"])
			if responses == nil {
				continue // servers
			}
			c.calls = append(c.calls, call{
				method: strings.ToUpper(method), path: path, segments: segments(path),
				server: serverOf(objectOf(item)), responses: responses,
			})
		}
	}
	if c.calls == nil {
		return nil, fmt.Errorf("the contract describes no call")
	}
	return c, nil
}

// serverOf is the URL of the first server of the document or of a path; "" where it names none.
func serverOf(o object) string {
	servers, _ := o["servers"].([]any)
	if len(servers) == 0 {
		return ""
	}
	return textOf(objectOf(servers[0])["url"])
}

// Servers lists the base URLs of the service's hosts, the one with most calls first.
func (c *Contract) Servers() []string {
	all := []string{c.server}
	for _, call := range c.calls {
		if call.server != "" && !slices.Contains(all, call.server) {
			all = append(all, call.server)
		}
	}
	slices.Sort(all[1:])
	return all
}

// serverFor returns the host that a path is of; one that is not described is of the first.
func (c *Contract) serverFor(path string) string {
	parts := segments(path)
	for i := range c.calls {
		if _, ok := c.calls[i].fits(parts); ok {
			return cmp.Or(c.calls[i].server, c.server)
		}
	}
	return c.server
}

func objectOf(v any) object { o, _ := v.(object); return o }

func textOf(v any) string { s, _ := v.(string); return s }

func segments(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// resolve follows a reference within the document.
func (c *Contract) resolve(v any) object {
	o := objectOf(v)
	for ref := textOf(o["$ref"]); ref != ""; ref = textOf(o["$ref"]) {
		at := c.doc
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at = objectOf(at[name])
		}
		o = at
	}
	return o
}

// find returns the call that a request is; nil where there is none. wrongMethod reports that
// there is one for another method.
func (c *Contract) find(method, path string) (found *call, wrongMethod bool) {
	parts := segments(path)
	best := -1
	for i := range c.calls {
		literal, ok := c.calls[i].fits(parts)
		switch {
		case !ok || strings.Contains(path, "//"):
		case c.calls[i].method != method:
			wrongMethod = true
		case literal > best:
			best, found = literal, &c.calls[i]
		}
	}
	return found, wrongMethod
}

// fits reports whether a path is the call's, and how many of its segments are no parameters.
func (c *call) fits(parts []string) (literal int, ok bool) {
	if len(parts) != len(c.segments) {
		return 0, false
	}
	for i, want := range c.segments {
		switch {
		case strings.HasPrefix(want, "{"):
			if parts[i] == "" {
				return 0, false
			}
		case want == parts[i], c.server == "" && strings.EqualFold(want, parts[i]):
			literal++
		default:
			return 0, false
		}
	}
	return literal, true
}

// A Difference is something in an answer that the contract does not describe.
type Difference struct {
	Call   string // "POST /v1/Auth/Login"
	Status int
	Where  string // "/Result/ExpiresIn", "header Retry-After", "status", "body"
	What   string // "is a string, not an integer"
	Source string // where the contract's word is from: live, assumed, ...
	Count  int    // in how many answers
}

// String is the difference as a line for people.
func (d Difference) String() string {
	line := fmt.Sprintf("%s %d: %s %s", d.Call, d.Status, d.Where, d.What)
	if d.Source != "" {
		line += " (the contract: " + d.Source + ")"
	}
	return line
}

// check holds one answer to the contract. value is its body, read as JSON; ok is false where
// it is not JSON.
type check struct {
	*Contract
	call   string
	status int
	found  []Difference
}

func (k *check) report(where, source, format string, args ...any) {
	k.found = append(k.found, Difference{
		Call: k.call, Status: k.status, Where: where, What: fmt.Sprintf(format, args...), Source: source, Count: 1,
	})
}

// Check returns what in an answer differs from the contract. A 5xx and what stands in the
// way of the service are no differences.
func (c *Contract) Check(method, path string, status int, header http.Header, body []byte) []Difference {
	k := &check{Contract: c, call: method + " " + path, status: status}
	if status >= 500 {
		return nil
	}
	found, wrongMethod := c.find(method, path)
	if found == nil {
		k.call = method + " (a path that is not described)"
		want := http.StatusNotFound
		if wrongMethod {
			k.call, want = method+" (another method)", http.StatusMethodNotAllowed
		}
		if status != want && status != http.StatusRequestEntityTooLarge {
			k.report("status", "assumed", "is %d, not %d", status, want)
		}
		return k.found
	}
	k.call = found.name()
	described, ok := found.responses[strconv.Itoa(status)]
	if !ok {
		k.report("status", "", "is not described; described are %s",
			strings.Join(slices.Sorted(maps.Keys(found.responses)), ", "))
		return k.found
	}
	k.answer(c.resolve(described), header, body)
	return k.found
}

// answer holds an answer to the response of the contract.
func (k *check) answer(response object, header http.Header, body []byte) {
	for name, h := range objectOf(response["headers"]) {
		if required, _ := objectOf(h)["required"].(bool); required && header.Get(name) == "" {
			k.report("header "+name, textOf(objectOf(h)["x-source"]), "is missing")
		}
	}
	content := objectOf(response["content"])
	source := textOf(response["x-source"])
	switch {
	case content == nil && len(body) > 0:
		k.report("body", source, "is there; described is none")
	case content == nil, len(body) == 0 && k.status == http.StatusUnauthorized: // ASP.NET leaves it bare (live)
	case len(body) == 0:
		k.report("body", source, "is missing")
	default:
		value, ok := redact.JSON(body)
		if kind := header.Get("Content-Type"); !isJSON(kind) || !ok {
			k.report("body", source, "is not JSON; its type is %q", kind)
			return
		}
		k.envelope(objectOf(value))
		k.value("", source, objectOf(content["application/json"])["schema"], value)
	}
}

// envelope holds an envelope to what no schema says: the status in it is HTTP's, and there
// are entries where fields are to blame (assumed: entries), and nowhere else.
func (k *check) envelope(all object) {
	for name, v := range all {
		switch list, _ := v.([]any); {
		case strings.EqualFold(name, "Status"):
			if inside, ok := v.(float64); ok && int(inside) != k.status {
				k.report("/"+name, "live", "is %v, not HTTP's %d", v, k.status)
			}
		case strings.EqualFold(name, "Errors") && list != nil:
			blamed := k.status == http.StatusConflict || k.status == http.StatusUnprocessableEntity
			if blamed && len(list) == 0 {
				k.report("/"+name, "assumed", "is empty")
			} else if !blamed && len(list) > 0 {
				k.report("/"+name, "assumed", "has entries")
			}
		}
	}
}
