// Package contracttest holds requests and answers to the contract of the user service, docs/openapi.yaml. It is for
// tests, of the client and of the sandbox alike; nothing else imports it.
package contracttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Contract is a contract to hold requests and answers to. It is safe for use by many goroutines.
type Contract struct {
	Doc *openapi3.T

	mu   sync.Mutex
	seen map[string]bool
}

// ErrUndescribed is for a request that the contract knows no path or method for.
var ErrUndescribed = errors.New("the contract does not describe this call")

// New reads a contract and checks that it is one.
func New(yaml []byte) (*Contract, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(yaml)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, err
	}
	return &Contract{Doc: doc, seen: map[string]bool{}}, nil
}

// Calls lists what the contract describes: method, path and status, such as «POST /v1/Auth/Login 429».
func (c *Contract) Calls() []string {
	var out []string
	for path, item := range c.Doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				out = append(out, method+" "+path+" "+status)
			}
		}
	}
	sort.Strings(out)
	return out
}

// Seen lists the answers that were held to the contract, spelled as by Calls.
func (c *Contract) Seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for call := range c.seen {
		out = append(out, call)
	}
	sort.Strings(out)
	return out
}

// find is the contract's call for a request. Where two paths fit, the one with fewer parameters is meant; case counts
// on the paths that have a server of their own.
func (c *Contract) find(r *http.Request) (*routers.Route, map[string]string, error) {
	var best *routers.Route
	var bestParams map[string]string
	for path, item := range c.Doc.Paths.Map() {
		params, ok := fits(path, r.URL.Path, item.Servers != nil)
		operation := item.GetOperation(r.Method)
		if ok && operation != nil && (best == nil || len(params) < len(bestParams)) {
			best = &routers.Route{Spec: c.Doc, Path: path, PathItem: item, Method: r.Method, Operation: operation}
			bestParams = params
		}
	}
	if best == nil {
		return nil, nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, ErrUndescribed)
	}
	return best, bestParams, nil
}

func fits(template, path string, exact bool) (map[string]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i := range want {
		switch name, ok := strings.CutPrefix(want[i], "{"); {
		case ok:
			params[strings.TrimSuffix(name, "}")] = got[i]
		case want[i] != got[i] && (exact || !strings.EqualFold(want[i], got[i])):
			return nil, false
		}
	}
	return params, true
}

func (c *Contract) input(r *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	route, params, err := c.find(r)
	if err != nil {
		return nil, err
	}
	copied := r.Clone(r.Context())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	return &openapi3filter.RequestValidationInput{
		Request: copied, PathParams: params, QueryParams: copied.URL.Query(), Route: route,
		Options: &openapi3filter.Options{
			MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true,
			AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.EnableJSONSchema2020()},
		},
	}, nil
}

// Request says what is wrong with a request.
func (c *Contract) Request(r *http.Request, body []byte) error {
	in, err := c.input(r, body)
	if err != nil {
		return err
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(r.Context(), in)
}

// Answer says what is wrong with the answer to a request. An answer without a body is right for a 401, which the
// service is known to leave bare, and for nothing else.
func (c *Contract) Answer(r *http.Request, status int, header http.Header, body []byte) error {
	in, err := c.input(r, nil)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.seen[fmt.Sprintf("%s %s %d", r.Method, in.Route.Path, status)] = true
	c.mu.Unlock()
	if status == http.StatusUnauthorized && len(body) == 0 {
		return nil
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Options: in.Options,
	})
}

// Transport holds what goes through next to the contract and reports what does not fit: every answer, and every
// request too where requests is set. Bodies are read to their end.
func (c *Contract) Transport(next http.RoundTripper, requests bool, report func(error)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		sent, err := drain(&r.Body)
		if err != nil {
			return nil, err
		}
		if requests {
			if err := c.Request(r, sent); err != nil {
				report(fmt.Errorf("the request does not fit: %w", err))
			}
		}
		resp, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		got, err := drain(&resp.Body)
		if err != nil {
			return nil, err
		}
		if err := c.Answer(r, resp.StatusCode, resp.Header, got); err != nil && !errors.Is(err, ErrUndescribed) {
			report(fmt.Errorf("%s %s: the answer does not fit: %w\n%s", r.Method, r.URL.Path, err, got))
		}
		return resp, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// drain reads a body and puts an unread copy in its place.
func drain(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(*body)
	err = errors.Join(err, (*body).Close())
	*body = io.NopCloser(bytes.NewReader(data))
	return data, err
}
