package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// controlPrefix is where the control API is, which the real service does not have.
const controlPrefix = "/_sandbox/"

// besides answers a request that is none of the service; ok is false where it is the service's.
func (s *Sandbox) besides(r *http.Request) (a answer, ok bool) {
	switch path := r.URL.Path; {
	case path == "/healthz":
		return plain(http.StatusOK, map[string]bool{"Healthy": true}), true
	case path == "/openapi.yaml" && s.options.Contract != nil:
		return answer{status: http.StatusOK, bare: true, raw: s.options.Contract, header: map[string]string{"Content-Type": "application/yaml"}}, true
	case s.options.Control && strings.HasPrefix(path, controlPrefix):
		return s.control(r), true
	default:
		return a, false
	}
}

// plain is JSON without an envelope.
func plain(status int, v any) answer {
	a := with(v)
	return answer{status: status, bare: true, raw: a.result, header: map[string]string{"Content-Type": "application/json"}}
}

// controls are the calls of the control API.
var controls = map[string]func(s *Sandbox, r *http.Request, body object) (result any, err error){
	"GET faults":         (*Sandbox).showFaults,
	"PUT faults":         (*Sandbox).setFaults,
	"DELETE faults":      (*Sandbox).clearFaults,
	"GET clock":          (*Sandbox).showClock,
	"POST clock":         (*Sandbox).moveClock,
	"DELETE clock":       (*Sandbox).resetClock,
	"POST tokens/expire": (*Sandbox).expireTokens,
	"GET counters":       (*Sandbox).showCounters,
	"GET requests":       (*Sandbox).showRequests,
	"POST reset":         (*Sandbox).resetByControl,
}

func (s *Sandbox) control(r *http.Request) answer {
	name := r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPrefix)
	handle, ok := controls[name]
	if !ok {
		return plain(http.StatusNotFound, map[string]any{"Error": "there is no " + name, "Calls": calls()})
	}
	body, refused := read(r)
	if refused != nil {
		return *refused
	}
	o, mistakes := parseObject(body)
	if mistakes != nil && len(body) > 0 {
		return plain(http.StatusBadRequest, map[string]any{"Error": "the body is not a JSON object"})
	}
	result, err := handle(s, r, o)
	if err != nil {
		return plain(controlStatus(err), map[string]any{"Error": err.Error()})
	}
	return plain(http.StatusOK, result)
}

// controlStatus is the HTTP status that an error of a control call is answered with.
func controlStatus(err error) int {
	switch failure.From(err).Code {
	case failure.Invalid:
		return http.StatusUnprocessableEntity
	case failure.NotFound:
		return http.StatusNotFound
	default:
		return http.StatusServiceUnavailable // the state cannot be had
	}
}

// calls lists the control API.
func calls() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(controls)) {
		method, path, _ := strings.Cut(name, " ")
		out = append(out, method+" "+controlPrefix+path)
	}
	return out
}

func (s *Sandbox) showFaults(*http.Request, object) (any, error) {
	return map[string]any{"Faults": s.faults.texts()}, nil
}

func (s *Sandbox) setFaults(r *http.Request, body object) (any, error) {
	var texts []string
	if err := json.Unmarshal(body["faults"], &texts); err != nil {
		return nil, failure.Wrap(failure.Invalid, "the field Faults must be a list of texts", err)
	}
	list := make([]Fault, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = ParseFault(text); err != nil {
			return nil, err
		}
	}
	if err := bind(list, s.routes); err != nil {
		return nil, err
	}
	s.faults.set(list)
	return s.showFaults(r, nil)
}

func (s *Sandbox) clearFaults(r *http.Request, _ object) (any, error) {
	s.faults.set(nil)
	return s.showFaults(r, nil)
}

func (s *Sandbox) showClock(*http.Request, object) (any, error) {
	return map[string]any{"Now": s.now().UTC(), "Offset": time.Duration(s.offset.Load()).String()}, nil
}

// farthest is how far the clock can be moved from the system's: durations have an end.
const farthest = 100 * 365 * 24 * time.Hour

// moveClock sets the clock by Advance, a duration, or To, a moment.
func (s *Sandbox) moveClock(r *http.Request, body object) (any, error) {
	in := &reading{object: body}
	offset := time.Duration(s.offset.Load())
	if text, ok := in.text("Advance"); ok {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, failure.Wrap(failure.Invalid, "the field Advance must be a duration such as 25h", err)
		}
		offset += max(min(d, 2*farthest), -2*farthest)
	} else {
		to, ok := in.moment("To")
		if !ok {
			return nil, failure.New(failure.Invalid, "the body needs Advance, a duration, or To, a moment in ISO 8601")
		}
		offset = to.Sub(s.options.Now())
	}
	if offset > farthest || offset < -farthest {
		return nil, failure.New(failure.Invalid, "the clock moves up to a hundred years from the system's")
	}
	s.offset.Store(int64(offset))
	return s.showClock(r, nil)
}

func (s *Sandbox) resetClock(r *http.Request, _ object) (any, error) {
	s.offset.Store(0)
	return s.showClock(r, nil)
}

// expireTokens makes the JWTs of DeviceToken expire at once, or all. Refresh tokens stay.
func (s *Sandbox) expireTokens(r *http.Request, body object) (any, error) {
	in := &reading{object: body}
	token, one := in.uuid("DeviceToken")
	if in.mistakes != nil {
		return nil, failure.New(failure.Invalid, "the field DeviceToken is not a UUID")
	}
	known := true
	err := s.amend(r.Context(), func(st state) {
		if !one {
			st.setNumber(keyGeneration, st.number(keyGeneration)+1)
			return
		}
		var u *user
		if u, known = st.userByToken(token); known {
			is := u.clone()
			is.Generation++
			st.changeUser(u, is)
		}
	})
	if err == nil && !known {
		err = failure.Newf(failure.NotFound, "there is no user %s", token)
	}
	return map[string]any{"Expired": true}, err
}

// amend makes a change that is none of the service's calls.
func (s *Sandbox) amend(ctx context.Context, fn func(state)) error {
	release, err := s.engine.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.engine.update(func(t tx) bool {
		fn(state{t})
		return true
	})
}

func (s *Sandbox) showCounters(r *http.Request, _ object) (any, error) {
	users := 0
	release, err := s.engine.acquire(r.Context())
	if err != nil {
		return nil, err
	}
	defer release()
	err = s.engine.view(func(t tx) {
		st := state{t}
		users = st.total(st.instances(func(instance) bool { return true }))
	})
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	counts := map[string]map[string]int64{}
	for call, by := range s.history.counts {
		counts[call] = map[string]int64{}
		for status, n := range by {
			counts[call][fmt.Sprint(status)] = n
		}
	}
	return map[string]any{"Requests": s.history.total, "Faults": s.faults.struck.Load(), "Users": users, "Calls": counts}, err
}

func (s *Sandbox) showRequests(*http.Request, object) (any, error) {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	return map[string]any{"Requests": append([]Exchange{}, s.history.last...)}, nil
}

func (s *Sandbox) resetByControl(r *http.Request, _ object) (any, error) {
	s.offset.Store(0)
	if err := s.beginAgain(context.WithoutCancel(r.Context())); err != nil { // a client that goes away must not leave a part of the users
		return nil, err
	}
	s.faults.set(s.options.Faults)
	s.faults.struck.Store(0)
	s.history.forget()
	return map[string]any{"Reset": true}, nil
}
