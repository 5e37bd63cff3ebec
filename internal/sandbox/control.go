package sandbox

import (
	"context"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// controlPrefix is where the control API is, which the real service does not have.
const controlPrefix = "/_sandbox/"

// besides answers a request that is not for the service; ok is false where it is.
func (s *Sandbox) besides(r *http.Request) (a fault.Response, ok bool) {
	switch path := r.URL.Path; {
	case path == "/healthz":
		return plain(http.StatusOK, map[string]bool{"Healthy": true}), true
	case path == "/openapi.yaml" && s.options.Contract != nil:
		header := http.Header{"Content-Type": {"application/yaml"}}
		return fault.Response{Status: http.StatusOK, Header: header, Body: s.options.Contract}, true
	case s.options.Control && strings.HasPrefix(path, controlPrefix):
		return s.control(r), true
	default:
		return a, false
	}
}

// plain is JSON without an envelope.
func plain(status int, v any) fault.Response {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	return fault.Response{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

func failed(status int, message string) fault.Response {
	return plain(status, map[string]any{"Error": message})
}

// control is a call of the control API. data is the request's body, a JSON object; nil where
// there is none.
type control func(s *Sandbox, ctx context.Context, data []byte) (result any, err error)

// controls returns the calls of the control API.
func controls() map[string]control {
	return map[string]control{
		"GET faults": func(s *Sandbox, _ context.Context, _ []byte) (any, error) { return s.shownFaults(), nil },
		"PUT faults": (*Sandbox).setFaults,
		"DELETE faults": func(s *Sandbox, _ context.Context, _ []byte) (any, error) {
			s.faults.Replace(nil)
			return s.shownFaults(), nil
		},
		"GET clock":  func(s *Sandbox, _ context.Context, _ []byte) (any, error) { return s.shownClock(), nil },
		"POST clock": (*Sandbox).moveClock,
		"DELETE clock": func(s *Sandbox, _ context.Context, _ []byte) (any, error) {
			s.offset.Store(0)
			return s.shownClock(), nil
		},
		"POST tokens/expire": (*Sandbox).expireTokens,
		"GET jwks":           func(s *Sandbox, ctx context.Context, _ []byte) (any, error) { return s.server.KeySet(ctx) },
		"PUT users":          (*Sandbox).putUser,
		"GET counters":       (*Sandbox).showCounters,
		"GET requests":       (*Sandbox).showRequests,
		"POST reset":         (*Sandbox).resetByControl,
	}
}

func (s *Sandbox) control(r *http.Request) fault.Response {
	if refusal, refused := s.foreign(r); refused {
		return refusal
	}
	name := r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPrefix)
	handle, ok := controls()[name]
	if !ok {
		return plain(http.StatusNotFound, map[string]any{"Error": "there is no " + name, "Calls": calls()})
	}
	data, refusal, ok := server.ReadBody(r)
	if !ok {
		return refusal
	}
	if len(data) > 0 {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
			return failed(http.StatusUnsupportedMediaType, "the body must be application/json")
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(data, &object); err != nil || object == nil {
			return failed(http.StatusBadRequest, "the body is not a JSON object")
		}
	}
	result, err := handle(s, r.Context(), data)
	if err != nil {
		return failed(controlStatus(err), err.Error())
	}
	return plain(http.StatusOK, result)
}

// foreign refuses what a page of another site may make a browser send: a request for
// another host, as after a change of a DNS record, or with another origin.
func (s *Sandbox) foreign(r *http.Request) (refusal fault.Response, refused bool) {
	hosts := s.hosts.Load()
	if hosts != nil && !slices.Contains(*hosts, strings.ToLower(r.Host)) {
		return failed(http.StatusForbidden, "the control API is not served as "+r.Host), true
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return failed(http.StatusForbidden, "the control API is not for pages of "+origin), true
		}
	}
	return refusal, false
}

// controlStatus is the HTTP status of an error of a control call.
func controlStatus(err error) int {
	switch failure.From(err).Code {
	case failure.Invalid:
		return http.StatusUnprocessableEntity
	case failure.NotFound:
		return http.StatusNotFound
	default:
		return http.StatusServiceUnavailable // the data cannot be had
	}
}

// calls lists the control API.
func calls() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(controls())) {
		method, path, _ := strings.Cut(name, " ")
		out = append(out, method+" "+controlPrefix+path)
	}
	return out
}

func (s *Sandbox) shownFaults() any { return map[string]any{"Faults": s.faults.Texts()} }

func (s *Sandbox) setFaults(_ context.Context, data []byte) (any, error) {
	var in struct{ Faults []string }
	if err := json.Unmarshal(data, &in); err != nil || in.Faults == nil { // under another name it removes none
		return nil, failure.New(failure.Invalid, "the field Faults must be a list of texts")
	}
	list := make([]fault.Fault, len(in.Faults))
	for i, text := range in.Faults {
		var err error
		if list[i], err = fault.Parse(text); err != nil {
			return nil, err
		}
	}
	if err := fault.Bind(list, s.server.Calls()); err != nil {
		return nil, err
	}
	s.faults.Replace(list)
	return s.shownFaults(), nil
}

func (s *Sandbox) shownClock() any {
	return map[string]any{"Now": s.now().UTC(), "Offset": time.Duration(s.offset.Load()).String()}
}

// farthest is how far the clock can be moved from the system's: durations have an end.
const farthest = 100 * 365 * 24 * time.Hour

// moveClock sets the clock by Advance, a duration, or To, a moment.
func (s *Sandbox) moveClock(_ context.Context, data []byte) (any, error) {
	var in struct {
		Advance *string
		To      *time.Time
	}
	if json.Unmarshal(data, &in) != nil || in.Advance == nil && in.To == nil {
		return nil, failure.New(failure.Invalid, "the body must have Advance, a duration, or To, a moment in ISO 8601")
	}
	offset := time.Duration(s.offset.Load())
	if in.Advance != nil {
		d, err := time.ParseDuration(*in.Advance)
		if err != nil {
			return nil, failure.New(failure.Invalid, "the field Advance must be a duration such as 25h")
		}
		offset += max(min(d, 2*farthest), -2*farthest)
	} else {
		offset = in.To.Sub(s.options.Now())
	}
	if offset > farthest || offset < -farthest {
		return nil, failure.New(failure.Invalid, "the clock moves at most a hundred years from the system's")
	}
	s.offset.Store(int64(offset))
	return s.shownClock(), nil
}

// expireTokens makes the JWTs of DeviceToken expire at once, or all. Refresh tokens stay.
func (s *Sandbox) expireTokens(ctx context.Context, data []byte) (any, error) {
	var in struct{ DeviceToken json.RawMessage }
	_ = json.Unmarshal(data, &in) // an object, or nothing
	var token string
	if in.DeviceToken != nil {
		_ = json.Unmarshal(in.DeviceToken, &token) // else it stays empty
		var err error
		if token, err = field.ParseUUID(token); err != nil {
			return nil, failure.New(failure.Invalid, "the field DeviceToken is not a UUID")
		}
	}
	known, err := s.server.Expire(ctx, token)
	if err == nil && !known {
		err = failure.Newf(failure.NotFound, "unknown user %s", token)
	}
	return map[string]any{"Expired": true}, err
}

// putUser adds a user, a line of an export, or puts it in the place of the one with its
// DeviceToken.
func (s *Sandbox) putUser(ctx context.Context, data []byte) (any, error) {
	if len(data) == 0 {
		return nil, failure.New(failure.Invalid, "the body must be a user, as an export has it")
	}
	return map[string]any{"Put": true}, s.server.Put(ctx, data)
}

func (s *Sandbox) showCounters(ctx context.Context, _ []byte) (any, error) {
	users := 0
	err := s.store.View(ctx, func(st *store.State) { users = st.Total() })
	total, calls := s.history.counters()
	return map[string]any{"Requests": total, "Faults": s.faults.Injected(), "Users": users, "Calls": calls}, err
}

func (s *Sandbox) showRequests(context.Context, []byte) (any, error) {
	return map[string]any{"Requests": s.history.requests()}, nil
}

func (s *Sandbox) resetByControl(ctx context.Context, _ []byte) (any, error) {
	// A client that goes away must not leave a part of the users.
	if err := s.reset(context.WithoutCancel(ctx), s.began); err != nil {
		return nil, err
	}
	s.offset.Store(0)
	s.faults.Replace(s.options.Faults)
	s.faults.Forget()
	s.history.forget()
	return map[string]any{"Reset": true}, nil
}
