package sandbox

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Options say what a sandbox is like. The zero value is one in memory with the presets, that behaves as the service is
// known to.
type Options struct {
	Dir    string           // the folder that keeps its state; "" keeps it in memory
	Now    func() time.Time // its clock; nil is the system's
	Random io.Reader        // where ids, keys and tokens are drawn from; nil is the system's source
	Layout *Layout          // what a new state is furnished with; nil is LayoutOf(Dir)

	MultiplePath string // where many users are registered at once; "" is DefaultMultiplePath
	NoMultiple   bool   // there is no such path
	MaxQuantity  int    // the most users of one such call; 0 is 100
	SignInLimit  int    // sign-ins a minute from one address; 0 is 5, a negative number no limit

	Faults    []Fault      // how it misbehaves
	FaultSeed uint64       // the same seed, the same requests that are struck
	Control   bool         // the control API under /_sandbox/
	Log       *slog.Logger // a line per request, without secrets; nil is none
	Warn      func(string) // is told what Serve could not do well; nil is nobody
	Contract  []byte       // what /openapi.yaml answers; nil is 404
}

// Sandbox is the service in miniature. It is safe for use by many goroutines.
type Sandbox struct {
	options Options
	engine  engine
	routes  []route
	pages   pages
	faults  *faults
	offset  atomic.Int64 // nanoseconds that the control API has moved the clock by
	history history
	start   start

	asked func(call, where, name string) // in tests: is told of all that a call looks for in its request

	randomMu sync.Mutex
	source   io.Reader
}

// largestBody is the most bytes of a request's body (assumed: body-size).
const largestBody = 4 << 20

// Open makes a sandbox. It takes no lock and changes no file: that happens when a request comes. Its error is of code
// invalid where the options ask for what cannot be.
func Open(o Options) (*Sandbox, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MultiplePath == "" {
		o.MultiplePath = DefaultMultiplePath
	}
	if !strings.HasPrefix(o.MultiplePath, "/") {
		return nil, failure.Newf(failure.Invalid, "the path of «register many users» must begin with /: %q", o.MultiplePath)
	}
	if o.MaxQuantity == 0 {
		o.MaxQuantity = 100
	}
	if o.SignInLimit == 0 {
		o.SignInLimit = 5
	}
	if o.Layout == nil {
		l, err := LayoutOf(o.Dir)
		if err != nil {
			return nil, err
		}
		o.Layout = &l
	}
	if mistakes := o.Layout.check(); mistakes != nil {
		return nil, failure.InvalidFields("the layout cannot be used", mistakes)
	}
	o.Faults = slices.Clone(o.Faults)
	s := &Sandbox{options: o, routes: routes(o), source: o.Random}
	if err := bind(o.Faults, s.routes); err != nil {
		return nil, err
	}
	s.faults = newFaults(o.Faults, o.FaultSeed)
	if s.source == nil {
		s.source = bufio.NewReader(rand.Reader)
	}
	if o.Dir != "" {
		s.engine = newBolt(o.Dir, s.setUp)
		return s, nil
	}
	s.engine = newMemory()
	return s, s.fillMemory()
}

func (s *Sandbox) fillMemory() error {
	return s.engine.update(func(t tx) bool {
		s.setUp(t)
		return true
	})
}

// setUp fills an empty state.
func (s *Sandbox) setUp(t tx) {
	st := state{t}
	st.put(keyFormat, []byte(stateFormat))
	st.put(keySigning, s.random(signingKeyLength))
	st.furnish(*s.options.Layout, s.newUUID)
}

// random draws bytes. A source that fails leaves zeros, which Open's own source does not.
func (s *Sandbox) random(n int) []byte {
	b := make([]byte, n)
	s.randomMu.Lock()
	defer s.randomMu.Unlock()
	_, _ = io.ReadFull(s.source, b)
	return b
}

// newUUID draws a UUID of version 4.
func (s *Sandbox) newUUID() uuid.UUID {
	id := uuid.UUID(s.random(16))
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// now is the sandbox's time.
func (s *Sandbox) now() time.Time { return s.options.Now().Add(time.Duration(s.offset.Load())) }

// Close gives up the files. Requests after it fail.
func (s *Sandbox) Close() error { return s.engine.close() }

// Reset empties the sandbox, whatever version of the program filled it: no users, no tokens, a new signing key, the
// layout as it was. It fails, of code failed, while another process serves the folder.
func (s *Sandbox) Reset(ctx context.Context) error {
	if b, ok := s.engine.(*bolt); ok {
		b.any.Store(true)
		defer b.any.Store(false)
	}
	release, err := s.engine.acquire(ctx)
	var served *ErrServed
	if errors.As(err, &served) {
		return &failure.Error{
			Code: failure.Failed, Message: "the sandbox cannot be emptied: it is served at " + served.URL, Hint: "stop the server first", Cause: err,
		}
	}
	if err != nil {
		return err
	}
	defer release()
	if err := s.engine.clear(); err != nil {
		return unusable(s.options.Dir, err)
	}
	if s.options.Dir == "" {
		return s.fillMemory()
	}
	return nil
}

// Layout is what the sandbox's state was furnished with, which for a folder need not be what Options say: those count for
// a new state only.
func (s *Sandbox) Layout(ctx context.Context) (Layout, error) {
	var l Layout
	release, err := s.engine.acquire(ctx)
	if err != nil {
		return l, err
	}
	defer release()
	err = s.engine.view(func(t tx) { l = state{t}.layout() })
	return l, err
}

// ServeHTTP answers any call of the service. Where the state cannot be had, it answers 503.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.TryServeHTTP(w, r); err != nil {
		a := refuse(http.StatusServiceUnavailable)
		a.camel = s.isCamel(r)
		a.errors = append(a.errors, mistake("", err.Error()))
		write(w, a)
	}
}

// TryServeHTTP is ServeHTTP for callers in the same process, as Transport is: where the state cannot be had, nothing
// was done nor written, and the error says why. It is an ErrServed where another process serves the folder.
func (s *Sandbox) TryServeHTTP(w http.ResponseWriter, r *http.Request) error {
	id := r.Header.Get("X-Request-Id") // comes back (assumed: request-id)
	if id == "" {
		id = s.newUUID().String()
	}
	w.Header().Set("X-Request-Id", id)
	e := s.begin(r, id)
	if a, ok := s.besides(r); ok {
		e.entry.Status = a.code()
		e.log(r.Context())
		write(w, a)
		return nil
	}
	e.fate = s.faults.draw(r.Method, r.URL.Path)
	return e.run(r.Context(), w)
}

// read is the request's body, for the methods that have one; a refusal where it cannot be had.
func read(r *http.Request) ([]byte, refused) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, largestBody+1))
	switch {
	case err != nil:
		return nil, no(invalid(mistake("", "The body cannot be read.")))
	case len(body) > largestBody:
		return nil, no(refuse(http.StatusRequestEntityTooLarge))
	}
	return body, nil
}

// answer carries out a request (what one gets that there is not is assumed: other-calls), with the state taken for as long as that lasts and no longer.
func (s *Sandbox) answer(r *http.Request, body []byte) answer {
	found, params, allowed := match(s.routes, r.Method, r.URL.Path)
	if found == nil {
		if allowed == nil {
			return refuse(http.StatusNotFound)
		}
		a := refuse(http.StatusMethodNotAllowed)
		a.header = map[string]string{"Allow": strings.Join(allowed, ", ")}
		return a
	}
	release, err := s.engine.acquire(r.Context())
	if err != nil {
		return answer{err: err}
	}
	defer release()
	c := call{Sandbox: s, r: r, route: found, body: body, params: params, now: s.now()}
	a := found.handle(&c)
	a.camel = found.camel
	return a
}
