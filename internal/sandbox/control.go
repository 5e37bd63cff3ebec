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

// besides is the handler of a request that is none of the service; nil where it is the service's.
func (s *Sandbox) besides(r *http.Request) http.HandlerFunc {
	switch path := r.URL.Path; {
	case path == "/healthz":
		return func(w http.ResponseWriter, _ *http.Request) {
			plain(w, http.StatusOK, map[string]bool{"Healthy": true})
		}
	case path == "/openapi.yaml" && s.options.Contract != nil:
		return func(w http.ResponseWriter, _ *http.Request) {
			write(w, answer{status: http.StatusOK, bare: true, raw: s.options.Contract, header: map[string]string{"Content-Type": "application/yaml"}})
		}
	case s.options.Control && strings.HasPrefix(path, controlPrefix):
		return s.control
	default:
		return nil
	}
}

// plain writes JSON without an envelope.
func plain(w http.ResponseWriter, status int, v any) {
	a := with(v)
	write(w, answer{status: status, bare: true, raw: a.result, header: map[string]string{"Content-Type": "application/json"}})
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

func (s *Sandbox) control(w http.ResponseWriter, r *http.Request) {
	name := r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPrefix)
	handle, ok := controls[name]
	if !ok {
		plain(w, http.StatusNotFound, map[string]any{"Error": "there is no " + name, "Calls": calls()})
		return
	}
	body, refused := read(r)
	if refused != nil {
		write(w, *refused)
		return
	}
	o, mistakes := parseObject(body)
	if mistakes != nil && len(body) > 0 {
		plain(w, http.StatusBadRequest, map[string]any{"Error": "the body is not a JSON object"})
		return
	}
	result, err := handle(s, r, o)
	if err != nil {
		plain(w, controlStatus(err), map[string]any{"Error": err.Error()})
		return
	}
	plain(w, http.StatusOK, result)
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
		return nil, failure.Because(failure.Invalid, "the field Faults must be a list of texts", err)
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

// moveClock sets the clock by Advance, a duration, or To, a moment.
func (s *Sandbox) moveClock(r *http.Request, body object) (any, error) {
	in := &reading{object: body}
	if text, ok := in.text("Advance"); ok {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, failure.Because(failure.Invalid, "the field Advance must be a duration such as 25h", err)
		}
		s.offset.Add(int64(d))
		return s.showClock(r, nil)
	}
	to, ok := in.moment("To")
	if !ok {
		return nil, failure.New(failure.Invalid, "the body needs Advance, a duration, or To, a moment in ISO 8601")
	}
	s.offset.Store(int64(to.Sub(s.options.Now())))
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
	if err := s.Reset(r.Context()); err != nil {
		return nil, err
	}
	s.faults.set(s.options.Faults)
	s.offset.Store(0)
	s.faults.struck.Store(0)
	s.history.forget()
	return map[string]any{"Reset": true}, nil
}
