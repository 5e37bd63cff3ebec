// Package contracttest holds requests and answers to the contract of the user service,
// docs/openapi.yaml. It is for tests, of the client and of the sandbox alike; nothing
// else imports it.
package contracttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// Contract is a contract to hold requests and answers to: every one that is new, as one
// that has the shape of another that fits does fit, too. It is safe for use by many
// goroutines.
type Contract struct {
	Doc *openapi3.T

	others *openapi3.Operation // all calls that are not described
	shapes *shapes

	mu   sync.Mutex
	seen map[string]bool
	fit  map[[sha256.Size]byte]bool // by their shapes
}

// New reads a contract, strictly, and checks that it is one: valid, with answers whose
// members all have types, and with a word on the calls that it does not describe.
func New(yaml []byte) (*Contract, error) {
	strict, err := strictly(yaml)
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(strict)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, err
	}
	c := &Contract{Doc: doc, seen: map[string]bool{}, fit: map[[sha256.Size]byte]bool{}}
	if c.others, err = otherCalls(doc); err != nil {
		return nil, err
	}
	if c.shapes, err = shapesOf(doc); err != nil {
		return nil, err
	}
	var untyped []error
	c.calls(func(name, status string, answer *openapi3.Response) {
		if err := closeAnswer(answer); err != nil {
			untyped = append(untyped, fmt.Errorf("%s %s: %w", name, status, err))
		}
	})
	return c, errors.Join(untyped...)
}

// Routes lists what the contract describes: method and path, such as "POST /v1/Auth/Login".
func (c *Contract) Routes() []string {
	all := map[string]bool{}
	c.calls(func(name, _ string, _ *openapi3.Response) { all[name] = name != otherCall })
	maps.DeleteFunc(all, func(_ string, described bool) bool { return !described })
	return slices.Sorted(maps.Keys(all))
}

// Given lists all that the contract describes of answers: each status ("POST
// /v1/Auth/Login 429"), and with it each header ("… header Retry-After") and each member
// of the body ("… /Errors/*/Key").
func (c *Contract) Given() []string {
	var out []string
	c.calls(func(name, status string, answer *openapi3.Response) {
		out = append(out, name+" "+status)
		for header := range answer.Headers {
			out = append(out, name+" "+status+" header "+header)
		}
		for _, at := range placesOf(answer.Content).members() {
			if !blames(status) && strings.HasPrefix(strings.ToLower(at), "/errors/") {
				continue
			}
			out = append(out, name+" "+status+" "+at)
		}
	})
	slices.Sort(out)
	return out
}

// Seen lists what of it was in the answers that were held to the contract, spelled as by Given.
func (c *Contract) Seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.seen))
}

// note remembers what an answer gave.
func (c *Contract) note(call string, status int, answer *openapi3.Response, header http.Header, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[fact(call, status, "")] = true
	for name := range answer.Headers {
		if header.Get(name) != "" {
			c.seen[fact(call, status, "header "+name)] = true
		}
	}
	var value any
	if json.Unmarshal(body, &value) == nil {
		placesOf(answer.Content).walk("", value, func(at string) { c.seen[fact(call, status, at)] = true })
	}
}

func (c *Contract) input(m match, r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	copied := r.Clone(r.Context())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	return &openapi3filter.RequestValidationInput{
		Request: copied, PathParams: m.params, QueryParams: copied.URL.Query(), Route: m.route,
		Options: &openapi3filter.Options{
			MultiError: true, SkipSettingDefaults: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{
				openapi3.EnableJSONSchema2020(),
				openapi3.WithStringFormatValidator(uuidFormat, openapi3.NewCallbackValidator(isUUID)),
			},
		},
	}
}

// Request says what is wrong with a request of our own client: what breaks a rule, and
// what the contract does not describe at all. (A foreign client may send the service more
// than that.)
func (c *Contract) Request(r *http.Request, body []byte) error {
	if isProbe(r) {
		return nil
	}
	m := c.find(r)
	if !m.described() {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, ErrUndescribed)
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	return c.once(c.shapes.request(m, r, body), func() error {
		return errors.Join(openapi3filter.ValidateRequest(r.Context(), c.input(m, r, body)),
			keys(c.Doc, m.route.Operation, r.Header), strangers(c.Doc, m.route.Operation, r, body))
	})
}

// isProbe reports whether a request only checks that a host answers: GET / without credentials,
// which is not a call of the service.
func isProbe(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == "/" && r.Header.Get("Authorization") == "" &&
		r.Header.Get("InstanceKey") == ""
}

// Answer says what is wrong with the answer to a request. An answer without a body is
// right for a 401, which the service is known to leave bare, and for nothing else. A call
// that the contract does not describe is to be refused as it says, whatever the call.
func (c *Contract) Answer(r *http.Request, status int, header http.Header, body []byte) error {
	m := c.find(r)
	if !m.answers(status) {
		return fmt.Errorf("%w, and the answer is %d, not %d", ErrUndescribed, status, m.status)
	}
	described := m.route.Operation.Responses.Status(status)
	if described == nil {
		return fmt.Errorf("the contract does not describe the status %d", status)
	}
	if err := envelope(status, body); err != nil {
		return err
	}
	return c.once(c.shapes.answer(m, r, status, header, body), func() error {
		c.note(m.name(), status, described.Value, header, body)
		if err := unknownHeader(described.Value, header); err != nil {
			return err
		}
		if status == http.StatusUnauthorized && len(body) == 0 {
			return nil
		}
		in := c.input(m, r, nil)
		return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
			Options: in.Options,
		})
	})
}

// once checks what has a shape of which none is known to fit. What does not fit is
// checked, and reported, each time.
func (c *Contract) once(shape string, check func() error) error {
	key := sha256.Sum256([]byte(shape))
	c.mu.Lock()
	known := c.fit[key]
	c.mu.Unlock()
	if known {
		return nil
	}
	err := check()
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fit[key] = true
	}
	return err
}

// TheServices reports whether a path is one of the service. The sandbox has some besides,
// which no contract describes.
func TheServices(path string) bool {
	return !strings.HasPrefix(path, "/_sandbox/") && path != "/healthz" && path != "/openapi.yaml"
}
