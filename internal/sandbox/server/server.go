// Package server answers every call of the service by the rules that are known of the
// real one, over a store.
//
// It shares nothing with the client of the service but the table of fields and the
// contract in docs/openapi.yaml, so that a mistake of one does not hide a mistake of the
// other.
package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// Where many users are registered at once, and how many at most (assumed: many).
const (
	MultiplePath = "/v1/Registration/CreateMultiple"
	MaxQuantity  = 100
)

// The forms of a JWT, by the years in which they were seen.
const (
	JWT2026 = "2026"
	JWT2019 = "2019"
)

// largestBody is the most bytes of a request's body: ASP.NET's own limit (live).
const largestBody = 30_000_000

// Options say how the service behaves.
type Options struct {
	Store  *store.Store
	Now    func() time.Time
	Random func(n int) []byte // draws ids, keys and tokens

	NoMultiple  bool // the service has no call to register many users at once
	SignInLimit int  // sign-ins a minute from one address; not positive: any number

	JWTForm     string        // JWT2026 or JWT2019
	SignInLife  time.Duration // of a JWT from a sign-in or a refresh
	RefreshLife time.Duration // of a user's refresh token

	Strict bool // refuse what the service is not known to take

	Asked func(call, where, name string) // in tests: gets each name that a call looks for
}

// Server answers calls. It is safe for use by many goroutines.
type Server struct {
	Options
	routes []route
}

// New makes a server.
func New(o Options) *Server { return &Server{Options: o, routes: routes(o)} }

// ReadBody reads a request's body, of the methods that have one. ok is false where it
// cannot be; the response says why.
func ReadBody(r *http.Request) (body []byte, refusal fault.Response, ok bool) {
	switch strings.ToUpper(r.Method) {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil, refusal, true
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, largestBody+1))
	switch {
	case err != nil:
		return nil, refused(invalid(entry{"", "The body cannot be read."}), false), false
	case len(body) > largestBody:
		return nil, refused(bare(http.StatusRequestEntityTooLarge), false), false
	}
	return body, refusal, true
}

// Answer carries out a request. Its error is the store's: nothing was done.
func (s *Server) Answer(ctx context.Context, r *http.Request, body []byte) (fault.Response, error) {
	found, params, allowed := match(s.routes, r, s.Strict)
	switch {
	case allowed != nil:
		return refused(bare(http.StatusMethodNotAllowed, "Allow", strings.Join(allowed, ", ")), false), nil
	case found == nil:
		return refused(bare(http.StatusNotFound), false), nil
	}
	c := call{Server: s, r: r, route: found, body: body, params: params, now: s.Now()}
	result, err := c.carryOut(ctx)
	var no *refusal
	if err != nil && !errors.As(err, &no) {
		return fault.Response{}, err
	}
	return response(result, no, found.camel)
}

// Refuse returns a failure as the host of a request writes it; a message adds an entry.
func (s *Server) Refuse(r *http.Request, status int, message string) fault.Response {
	no := refuse(status)
	if message != "" {
		no.errors = append(no.errors, entry{"", message})
	}
	found, _, _ := match(s.routes, r, false)
	return refused(no, found != nil && found.camel)
}

// CallName returns the method and the path of the contract, "(none)" for a call that there is not.
func (s *Server) CallName(r *http.Request) string {
	if found, _, _ := match(s.routes, r, false); found != nil {
		return found.method + " " + found.path
	}
	return "(none)"
}

// Calls lists all calls.
func (s *Server) Calls() []fault.Call {
	var out []fault.Call
	for _, r := range s.routes {
		out = append(out, fault.Call{Method: r.method, Path: r.path, Exact: r.exact})
	}
	return out
}

// NewUUID draws a UUID of version 4.
func (s *Server) NewUUID() string {
	id := uuid.UUID(s.Random(16))
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// Expire makes all JWTs of a user expire at once, or, without one, all JWTs. It is false
// where the user is unknown.
func (s *Server) Expire(ctx context.Context, token string) (known bool, err error) {
	err = s.Store.Update(ctx, func(st *store.State) []store.Change {
		u := st.User(token)
		known = u != nil || token == ""
		switch {
		case u != nil:
			is := *u
			is.Generation++
			return []store.Change{{User: &is}}
		case known:
			return []store.Change{{Generation: st.Generation + 1}}
		}
		return nil
	})
	return known, err
}
