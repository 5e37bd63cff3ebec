package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// childWord as the first argument makes the test binary a process of its own that makes one call.
const childWord = "auth-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == childWord {
		if err := child(context.Background(), os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

// child waits at the service's gate until all are there, and makes a call as a subject. One that
// dies gets no further than between the service's answer to its renewal and the write of it; one
// that waits for the guard does so until the service answers.
func child(ctx context.Context, url, dir, subject, mode string) error {
	if err := get(ctx, url+"/gate"); err != nil {
		return err
	}
	s, api, err := realSource(url, dir, mode == "dies")
	if err != nil {
		return err
	}
	if mode == "waits" {
		s.Guard.MayWait = func(time.Duration) bool { return true }
		s.Guard.Wait = func(ctx context.Context, _ time.Duration) error { return get(ctx, url+"/wait") }
	}
	return callAs(ctx, s, api, subject)
}

// realSource is a source by the real clock, over a socket, which can sign in users and not the
// admin.
func realSource(url, dir string, dies bool) (*auth.Source, *userservice.Client, error) {
	api, err := userservice.New(userservice.Options{UserURL: url})
	if err != nil {
		return nil, nil, err
	}
	store, err := tokenstore.Open(tokenstore.Options{Kind: tokenstore.KindFile, Dir: dir, Plain: true})
	if err != nil {
		return nil, nil, err
	}
	if dies {
		store = dying{store, url}
	}
	return auth.New(auth.Options{
		API: api, Store: store, Profile: "test", Dir: dir, Now: time.Now, Guard: &auth.Guard{Dir: dir, Now: time.Now},
		Instance: theInstance,
	}), api, nil
}

func callAs(ctx context.Context, s *auth.Source, api *userservice.Client, subject string) error {
	as := userservice.AsAdmin()
	if subject != auth.Admin {
		in, _ := theInstance(ctx)
		as = userservice.AsUser(subject, in)
	}
	return api.WithAuthorizer(s).VerifyToken(ctx, as)
}

// dying is a store that tells the test that something is to be written, and never writes it.
type dying struct {
	tokenstore.Store
	url string
}

func (d dying) Put(context.Context, ...tokenstore.Item) error {
	return errors.Join(get(context.Background(), d.url+"/last-words"), errors.New("still alive"))
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// served is a service on a socket, with a gate that opens when so many processes stand before it.
type served struct {
	*seen
	*clock
	url, dir  string
	gate      sync.WaitGroup
	lastWords chan struct{}
	waiting   chan struct{} // a process has begun to wait for the guard
	waited    chan struct{} // and may end that
}

func newServed(t *testing.T, processes int) *served {
	t.Helper()
	// A pair that is stored now has expired when the clock is at the real time.
	s := &served{seen: &seen{}, clock: &clock{now: time.Now().Add(-25 * time.Hour)}, dir: t.TempDir(),
		lastWords: make(chan struct{}, processes)}
	s.waiting, s.waited = make(chan struct{}, processes), make(chan struct{})
	box, err := sandbox.Open(sandbox.Options{Now: s.Now, SignInLimit: -1})
	mustDo(t, err)
	s.gate.Add(processes)
	mux := http.NewServeMux()
	mux.HandleFunc("/gate", func(http.ResponseWriter, *http.Request) {
		s.gate.Done()
		s.gate.Wait()
	})
	mux.HandleFunc("/last-words", func(_ http.ResponseWriter, r *http.Request) {
		s.lastWords <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/wait", func(http.ResponseWriter, *http.Request) {
		s.waiting <- struct{}{}
		<-s.waited
	})
	both := contracttest.Hold{Requests: true, Answers: true} // the processes have wires of their own
	mux.Handle("/", s.counting(theContract().Handler(box, both, func(err error) { t.Error(err) })))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// storeExpired stores a pair of the admin and one of a user, which have expired, and gives the
// user's DeviceToken.
func (s *served) storeExpired(t *testing.T) (user string) {
	t.Helper()
	store := mustStore(t, s.dir)
	api := newAPI(t, s.url, http.DefaultTransport)
	source := auth.New(auth.Options{
		API: api, Store: store, Profile: "test", Dir: s.dir, Now: s.Now, Guard: &auth.Guard{Dir: s.dir, Now: s.Now},
		Instance: theInstance,
	})
	_, err := source.LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	mustDo(t, err)
	w := &world{api: api, seen: s.seen}
	user = w.register(t).DeviceToken
	_, err = source.LoginUser(t.Context(), user)
	mustDo(t, err)
	s.Move(25 * time.Hour)
	s.forget()
	return user
}

// start begins a process that makes a call as a subject; what it says comes with its end.
func (s *served) start(t *testing.T, subject, mode string) (*exec.Cmd, func() error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], childWord, s.url, s.dir, subject, mode)
	c.Env = append(c.Environ(), "GORACE=atexit_sleep_ms=0") // the race detector would hold each process up for a second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	mustDo(t, c.Start())
	return c, func() error {
		if err := c.Wait(); err != nil {
			return fmt.Errorf("%w\n%s", err, out.String())
		}
		return nil
	}
}

// Eight processes that start with the same expired pair all succeed, with one refresh and no spent
// token sent.
func TestEightProcessesRefreshOnce(t *testing.T) {
	t.Parallel()
	const processes = 8
	s := newServed(t, processes)
	s.storeExpired(t)
	var waits [processes]func() error
	for i := range waits {
		_, waits[i] = s.start(t, auth.Admin, "lives")
	}
	for i, wait := range waits {
		if err := wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	if got, want := s.counts(), (counts{Refreshes: 1, Calls: processes}); got != want {
		t.Errorf("the service saw %+v, want %+v", got, want)
	}
}

// Killed between the service's answer to a refresh and the write of the new pair: a user, who can
// be signed in by the InstanceKey, recovers by the next command; the admin, who needs a person
// here, gets an error that says what happened.
func TestKilledBetweenTheAnswerAndTheWrite(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"user", "admin"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			s := newServed(t, 1)
			subject := s.storeExpired(t)
			if who == "admin" {
				subject = auth.Admin
			}
			key := tokenstore.Key{Profile: "test", Subject: subject}
			before, err := mustStore(t, s.dir).Get(t.Context(), key)
			mustDo(t, err)
			process, wait := s.start(t, subject, "dies")
			<-s.lastWords
			mustDo(t, process.Process.Kill())
			if err := wait(); err == nil {
				t.Fatal("it was not killed")
			}
			if got, want := s.counts(), (counts{Refreshes: 1}); got != want {
				t.Fatalf("before it was killed the service saw %+v, want %+v", got, want)
			}
			after, err := mustStore(t, s.dir).Get(t.Context(), key)
			if err != nil || after != before {
				t.Errorf("what is stored has changed: %v", err)
			}
			s.forget()

			next, api, err := realSource(s.url, s.dir, false)
			mustDo(t, err)
			err = callAs(t.Context(), next, api, subject)
			want := counts{Spent: 1, SignIns: 1, Calls: 1}
			if who == "admin" {
				want = counts{Spent: 1}
				wantFailure(t, err, failure.Unauthorized,
					"a renewal was cut off before its pair could be stored), and signing in again needs a person\nsigned-out admin")
			} else {
				mustDo(t, err)
			}
			if got := s.counts(); got != want {
				t.Errorf("the next command: the service saw %+v, want %+v", got, want)
			}
		})
	}
}

// While one process waits for its place in the guard's minute, another that needs the same pair is
// told when to try again, and a pair that shares the lock is renewed at once.
func TestAProcessThatWaitsForTheGuardHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	s := newServed(t, 1)
	user := s.storeExpired(t)
	beside, api, err := realSource(s.url, s.dir, false)
	mustDo(t, err)
	neighbour := uuid.NewString()
	for stripe(neighbour) != stripe(user) {
		neighbour = uuid.NewString()
	}
	keepExpired(t, beside, api, neighbour)
	key := tokenstore.Key{Profile: "test", Subject: user}
	rec, err := beside.Store.Get(t.Context(), key)
	mustDo(t, err)
	rec.Refresh = secret.String{} // it can only be signed in again
	mustDo(t, beside.Store.Put(t.Context(), tokenstore.Item{Key: key, Record: rec}))
	for beside.Guard.Enter(t.Context(), s.url) == nil {
	}
	s.forget()

	_, wait := s.start(t, user, "waits")
	<-s.waiting
	beside.Timeout = 10 * time.Second
	wantFailure(t, callAs(t.Context(), beside, api, user), failure.RateLimited, "the next one may be sent at")
	mustDo(t, callAs(t.Context(), beside, api, neighbour))
	mustDo(t, os.Remove(filepath.Join(s.dir, "sign-ins"))) // the minute is over
	close(s.waited)
	mustDo(t, wait())
	if got, want := s.counts(), (counts{Refreshes: 1, SignIns: 1, Calls: 2}); got != want {
		t.Errorf("the service saw %+v, want %+v", got, want)
	}
}

// stripe is which of the 64 lock files a subject has.
func stripe(subject string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte("test/" + subject))
	return h.Sum32() % 64
}

// keepExpired registers a user by this DeviceToken, and stores its pair as one that has expired.
func keepExpired(t *testing.T, s *auth.Source, api *userservice.Client, deviceToken string) {
	t.Helper()
	in, _ := theInstance(t.Context())
	var user field.Set
	user.Put(field.MustGet("CreateAccessToken"), true)
	user.Put(field.MustGet("CustomToken"), deviceToken)
	made, err := api.Register(t.Context(), in, user)
	mustDo(t, err)
	rec := s.Record(*made.Pair)
	rec.ExpiresAt = rec.IssuedAt
	mustDo(t, s.Store.Put(t.Context(),
		tokenstore.Item{Key: tokenstore.Key{Profile: "test", Subject: deviceToken}, Record: rec}))
}
