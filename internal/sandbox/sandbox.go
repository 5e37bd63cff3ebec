// Package sandbox is a local sandbox of the user service: an http.Handler that answers every call
// by the rules that are known of the real one, with users that are kept in a folder or in memory.
//
// Its rooms: server has the calls, store keeps the data, seed has what it begins with, fault makes
// it fail on purpose. Sandbox puts them together, with the access log and the control API around
// them.
package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// The credentials of a sandbox without a layout of its own.
const (
	InstanceID    = seed.InstanceID
	InstanceKey   = seed.InstanceKey
	InviteCode    = seed.InviteCode
	AdminEmail    = seed.AdminEmail
	AdminPassword = seed.AdminPassword

	SecondInstanceID  = seed.SecondInstanceID // for moving users to
	SecondInstanceKey = seed.SecondInstanceKey
)

// The reasons of errors that a command can explain.
const (
	ReasonLayout      failure.Reason = "sandbox-layout"       // the folder has another layout; the subject is the folder
	ReasonLayoutFile  failure.Reason = "sandbox-layout-file"  // the folder's layout file is damaged
	ReasonNotLoopback failure.Reason = "sandbox-not-loopback" // the address can be reached by others
	ReasonAddress     failure.Reason = "sandbox-address"      // the address is not host:port
	ReasonServed                     = store.ReasonServed     // another process serves the folder
	ReasonDamaged                    = store.ReasonDamaged    // the data file cannot be used
	ReasonNewer                      = store.ReasonNewer      // the data file is a newer version's
)

// Options say what a sandbox is like. The zero value is one in memory with the presets, which
// behaves as the service is known to.
type Options struct {
	Dir    string           // the folder that keeps its data; "" keeps it in memory
	Now    func() time.Time // its clock; nil is the system's
	Random io.Reader        // where ids, keys and tokens are drawn from; nil is the system's source
	Layout *seed.Layout     // what an empty store begins with; nil is LayoutOf(Dir)

	NoMultiple  bool // the service has no call to register many users at once
	SignInLimit int  // sign-ins a minute from one address; 0 is 5, a negative number any number

	JWTForm     string        // server.JWT2026 or server.JWT2019; "" is 2026
	TokenLife   time.Duration // of a JWT from a sign-in or a refresh; 0 is a day
	RefreshLife time.Duration // of a user's refresh token; 0 is seven days
	Strict      bool          // refuse what the service is not known to take

	Faults    []fault.Fault // how it fails on purpose
	FaultSeed uint64        // the same seed fails the same requests
	Control   bool          // the control API under /_sandbox/
	Log       *slog.Logger  // a line a request, without secrets; nil is none
	Warn      func(string)  // gets what Serve could not do well; nil: nobody does
	Origins   []string      // of the pages that may call it over CORS, such as http://localhost:3000; * is any
	TLS       *tls.Config   // what Serve serves with; nil is plain HTTP
	Advertise string        // the URL that others know it by, for the control API; "" is its address
	Contract  []byte        // what /openapi.yaml answers; nil is 404
}

// Sandbox is a sandbox of the service. It is safe for use by many goroutines.
type Sandbox struct {
	options Options
	store   *store.Store
	server  *server.Server
	faults  *fault.Set
	offset  atomic.Int64 // nanoseconds that the control API has moved the clock by
	history history
	began   []*store.User            // whom a reset of the control API brings back
	hosts   atomic.Pointer[[]string] // under which it serves, for the control API; nil is any

	randomMu sync.Mutex // over options.Random
}

// Open makes a sandbox. It takes no lock and touches no file: that happens when a request comes.
// Its error is of code invalid where the options ask for what cannot be.
func Open(o Options) (*Sandbox, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Sandbox{options: o}
	s.server = server.New(server.Options{
		Now: s.now, Random: s.random,
		NoMultiple: o.NoMultiple, SignInLimit: o.SignInLimit,
		JWTForm: o.JWTForm, SignInLife: o.TokenLife, RefreshLife: o.RefreshLife,
		Strict: o.Strict,
	})
	s.store = store.Open(store.Options{Dir: o.Dir, Init: s.initial})
	s.server.Store = s.store
	if err := fault.Bind(o.Faults, s.server.Calls()); err != nil {
		return nil, err
	}
	s.faults = fault.NewSet(o.Faults, o.FaultSeed)
	return s, nil
}

// complete sets what was left out, and checks the rest.
func (o *Options) complete() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Random = cmp.Or(o.Random, rand.Reader)
	o.SignInLimit = cmp.Or(o.SignInLimit, 5)
	o.JWTForm = cmp.Or(o.JWTForm, server.JWT2026)
	o.TokenLife, o.RefreshLife = cmp.Or(o.TokenLife, server.SignInLife), cmp.Or(o.RefreshLife, server.RefreshLife)
	if o.TLS != nil && o.Dir != "" {
		return errTLSFolder
	}
	if err := checkOrigins(o.Origins); err != nil {
		return err
	}
	if o.JWTForm != server.JWT2026 && o.JWTForm != server.JWT2019 {
		return failure.Newf(failure.Invalid, "invalid form of a JWT %q: must be 2026 or 2019", o.JWTForm)
	}
	if least := min(o.TokenLife, o.RefreshLife); least < time.Second {
		return failure.Newf(failure.Invalid, "invalid lifetime %s: must be at least a second", least)
	}
	if o.Layout == nil {
		l, err := LayoutOf(o.Dir)
		if err != nil {
			return err
		}
		o.Layout = &l
	}
	if mistakes := o.Layout.Check(); mistakes != nil {
		return failure.InvalidFields("invalid layout", mistakes)
	}
	o.Faults = slices.Clone(o.Faults)
	return nil
}

// initial is what an empty store begins with.
func (s *Sandbox) initial() []store.Change {
	return []store.Change{{Secret: s.random(32)}, {Layout: s.options.Layout}}
}

// random draws bytes. A source that fails leaves zeros, which the system's does not.
func (s *Sandbox) random(n int) []byte {
	b := make([]byte, n)
	s.randomMu.Lock()
	defer s.randomMu.Unlock()
	_, _ = io.ReadFull(s.options.Random, b)
	return b
}

// now is the sandbox's time.
func (s *Sandbox) now() time.Time { return s.options.Now().Add(time.Duration(s.offset.Load())) }

// Close gives up the folder. Requests after it fail.
func (s *Sandbox) Close() error { return s.store.Close() }

// Reset empties the sandbox, whatever is in its file: no users, no tokens, new keys, the layout as
// it was. It fails, of code failed, while another process serves the folder.
func (s *Sandbox) Reset(ctx context.Context) error { return s.reset(ctx, nil) }

func (s *Sandbox) reset(ctx context.Context, users []*store.User) error {
	changes := s.initial()
	for _, u := range users {
		changes = append(changes, store.Change{User: u})
	}
	err := s.store.Reset(ctx, changes)
	var served *store.ErrServed
	if errors.As(err, &served) {
		return failure.Wrap(failure.Failed, "cannot empty the sandbox", err).Because(ReasonServed, served.URL)
	}
	return err
}

// Layout returns the layout that the sandbox has now, which for a folder need not be that of
// Options: it counts for an empty one only.
func (s *Sandbox) Layout(ctx context.Context) (l seed.Layout, err error) {
	err = s.store.View(ctx, func(st *store.State) { l = st.Layout })
	return l, err
}

// layoutFile is where a folder keeps a layout of its own, for whoever needs its credentials before
// a request. A folder with the presets has none.
const layoutFile = "layout.yaml"

// LayoutOf returns the layout of a folder, or what it will be when the folder is first used. The
// folder need not exist; "" is none. Its error is of code invalid.
func LayoutOf(dir string) (seed.Layout, error) {
	if dir == "" {
		return seed.DefaultLayout(), nil
	}
	path := filepath.Join(dir, layoutFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // the store names its path
		return seed.DefaultLayout(), nil
	}
	var l seed.Layout
	if err == nil {
		l, err = seed.ReadLayout(bytes.NewReader(data))
	}
	if err != nil {
		return l, failure.Wrap(failure.Invalid, path, err).Because(ReasonLayoutFile, path)
	}
	return l, nil
}

// Settle makes the layout in Options that of the folder, for every process that opens it later. An
// empty folder begins with it; it fails, of code invalid, where the folder has another.
func (s *Sandbox) Settle(ctx context.Context) error {
	is, err := s.Layout(ctx)
	if err != nil {
		return err
	}
	if !is.Same(*s.options.Layout) {
		began, err := LayoutOf(s.options.Dir)
		if err == nil && began.Same(*s.options.Layout) {
			return nil // the service's own calls have changed it since
		}
		return failure.Newf(failure.Invalid, "the sandbox in %s has another layout", s.options.Dir).
			Because(ReasonLayout, s.options.Dir)
	}
	path := filepath.Join(s.options.Dir, layoutFile)
	if is.Same(seed.DefaultLayout()) {
		if err = os.Remove(path); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	} else {
		var data []byte
		if data, err = yaml.Marshal(is); err == nil {
			err = atomicfile.WriteFile(path, data, 0o600)
		}
	}
	if err != nil {
		return failure.Wrap(failure.Failed, "cannot write the sandbox's layout", err)
	}
	return nil
}

// Start is what Begin fills a sandbox with.
type Start struct {
	Import io.Reader // JSON Lines as Import reads them; nil is none
	Fleet  seed.Fleet
}

// Begin imports users and then adds a fleet, and returns how many were imported. A reset of the
// control API brings back the users that are there then.
func (s *Sandbox) Begin(ctx context.Context, b Start) (imported int, err error) {
	if b.Import != nil {
		if imported, err = s.Import(ctx, b.Import); err != nil {
			return imported, err
		}
	}
	if err = s.Fill(ctx, b.Fleet); err != nil || !s.options.Control {
		return imported, err
	}
	return imported, s.store.View(ctx, func(st *store.State) { s.began, _ = st.UsersFrom(0, st.Total()) })
}

// Fill adds a fleet of plausible users. Those who are there already stay as they are.
func (s *Sandbox) Fill(ctx context.Context, f seed.Fleet) error { return s.server.Fill(ctx, f) }

// Import adds the users of JSON Lines as Export writes them, and returns how many.
func (s *Sandbox) Import(ctx context.Context, r io.Reader) (int, error) {
	return s.server.Import(ctx, r)
}

// Export writes every user as JSON Lines, in the order of registration, and returns how many.
func (s *Sandbox) Export(ctx context.Context, w io.Writer) (int, error) {
	return s.server.Export(ctx, w)
}

// ServeHTTP answers any call of the service. Where the data cannot be had, it answers 503.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.TryServeHTTP(w, r); err != nil {
		s.server.Refuse(r, http.StatusServiceUnavailable, err.Error()).Write(w)
	}
}

// TryServeHTTP is ServeHTTP for callers in the same process, as Transport is: where the data cannot
// be had, nothing was done nor written, and the error says why. It is a store.ErrServed where
// another process serves the folder.
func (s *Sandbox) TryServeHTTP(w http.ResponseWriter, r *http.Request) error {
	id := r.Header.Get("X-Request-Id") // comes back (assumed: request-id)
	if id == "" {
		id = s.server.NewUUID()
	}
	w.Header().Set("X-Request-Id", id)
	e := s.begin(r, id)
	if a, ok := s.besides(r); ok {
		e.entry.Status = a.Status
		e.log(r.Context())
		a.Write(w)
		return nil
	}
	e.plan = s.faults.Draw(r.Method, r.URL.Path)
	return e.run(r.Context(), w)
}
