package browse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// service answers searches late, and keeps what it was asked.
type service struct {
	Port
	late map[string]time.Duration // how long a search takes
	err  map[string]error

	mu       sync.Mutex
	asked    []string
	canceled []string
}

func (s *service) Search(ctx context.Context, q Query) (Hits, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q.Value)
	s.mu.Unlock()
	select {
	case <-time.After(s.late[q.Value]):
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.err[q.Value]
		delete(s.err, q.Value)
		return Hits{Total: 1, Users: []Hit{{ID: q.Value, Name: "who is " + q.Value}}}, err
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.canceled = append(s.canceled, q.Value)
		return Hits{}, ctx.Err()
	}
}

// typist runs a model with its runner, in a bubble of its own time.
type typist struct {
	model  Model
	runner *runner
	msgs   chan Msg
}

func newTypist(t *testing.T, port Port) *typist {
	p := &typist{msgs: make(chan Msg, 100)}
	p.runner = newRunner(t.Context(), port, func(m Msg) { p.msgs <- m })
	p.model, _ = New(Options{Profile: "prod"}, time.Now())
	return p
}

// tell gives the model a message and everything that has come until now.
func (p *typist) tell(m Msg) {
	next, cmds := p.model.Update(time.Now(), m)
	p.model = next
	for _, c := range cmds {
		p.runner.do(c)
	}
	p.catchUp()
}

func (p *typist) catchUp() {
	for {
		synctest.Wait()
		select {
		case m := <-p.msgs:
			next, cmds := p.model.Update(time.Now(), m)
			p.model = next
			for _, c := range cmds {
				p.runner.do(c)
			}
		default:
			return
		}
	}
}

// pass lets time go by, message after message.
func (p *typist) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); p.catchUp() {
		<-time.After(50 * time.Millisecond)
	}
}

func (p *typist) types(text string, every time.Duration) {
	for _, r := range text {
		p.tell(Key{Name: string(r), Text: string(r)})
		p.pass(every)
	}
}

func (p *typist) shows() string { return p.model.Frame().Text() }

func TestTypingAtASlowService(t *testing.T) {
	t.Parallel()
	limited := &failure.Error{Code: failure.RateLimited, Status: 429, RetryAfter: 3 * time.Second,
		Message: "too many requests"}
	down := &failure.Error{Code: failure.Unavailable, Status: 503, RequestID: "4f1e", Message: "the service answered 503"}
	for _, c := range []struct {
		name            string
		service         *service
		work            func(*typist)
		shows           string
		asked, canceled []string
	}{
		{"fast typing is one search", &service{},
			func(p *typist) { p.types("ada", 100*time.Millisecond); p.pass(time.Second) },
			"who is ada", []string{"ada"}, nil},
		{"two seconds of latency: older searches are canceled, the newest is shown",
			&service{late: map[string]time.Duration{"a": 2 * time.Second, "ad": 2 * time.Second, "ada": 2 * time.Second}},
			func(p *typist) { p.types("ada", 300*time.Millisecond); p.pass(3 * time.Second) },
			"who is ada", []string{"a", "ad", "ada"}, []string{"a", "ad"}},
		{"an older answer that comes later is not shown",
			&service{late: map[string]time.Duration{"a": 5 * time.Second}},
			func(p *typist) { p.types("ad", 400*time.Millisecond); p.pass(6 * time.Second) },
			"who is ad", []string{"a", "ad"}, []string{"a"}},
		{"clearing cancels", &service{late: map[string]time.Duration{"a": time.Minute}},
			func(p *typist) { p.types("a", time.Second); p.tell(Key{Name: "esc"}); p.pass(time.Second) },
			"Type to search.", []string{"a"}, []string{"a"}},
		{"503, and then a further key", &service{err: map[string]error{"a": down}},
			func(p *typist) { p.types("ad", 400*time.Millisecond) }, "who is ad", []string{"a", "ad"}, nil},
		{"429 is tried again when the service allows", &service{err: map[string]error{"a": limited}},
			func(p *typist) { p.types("a", 5*time.Second) }, "who is a", []string{"a", "a"}, nil},
		{"429 counts down meanwhile", &service{err: map[string]error{"a": limited}},
			func(p *typist) { p.types("a", 1400*time.Millisecond) }, "trying again in 2s", []string{"a"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTypist(t, c.service)
				c.work(p)
				if err := p.runner.stop(); err != nil {
					t.Error(err)
				}
				if shows := p.shows(); !strings.Contains(shows, c.shows) {
					t.Errorf("it does not show %q:\n%s", c.shows, shows)
				}
				if !slices.Equal(c.service.asked, c.asked) || !slices.Equal(c.service.canceled, c.canceled) {
					t.Errorf("asked %q, canceled %q", c.service.asked, c.service.canceled)
				}
			})
		})
	}
}

// slowChange takes a change and answers after the program was told to end.
type slowChange struct {
	Port
	err error
}

func (s slowChange) Change(ctx context.Context, _ Change, sent func()) (Changed, error) {
	<-ctx.Done()
	<-time.After(time.Second) // the grace of an answer that is in flight
	sent()
	return Changed{}, s.err
}

// A change that is in flight when the screen is ended from outside is awaited, and its error is
// not lost.
func TestAChangeInFlightIsAwaited(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{"it was made": nil, "it may have been": fmt.Errorf("no answer")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t.Context(), slowChange{err: want}, func(Msg) {})
				r.do(Write{1, Change{}})
				synctest.Wait()
				begun := time.Now()
				if err := r.stop(); err != want { //nolint:errorlint // the very error
					t.Errorf("it ends with %v, not %v", err, want)
				}
				if time.Since(begun) != time.Second {
					t.Errorf("it was awaited for %s", time.Since(begun))
				}
			})
		})
	}
}

// brokenPort panics.
type brokenPort struct{ Port }

func TestAPanicBehindThePortIsAnError(t *testing.T) {
	t.Parallel()
	for _, cmd := range []Cmd{Search{Seq: 1}, LoadCard{Seq: 1}, LoadChain{Seq: 1}, Write{Seq: 1}} {
		synctest.Test(t, func(t *testing.T) {
			msgs := make(chan Msg, 1)
			r := newRunner(t.Context(), brokenPort{}, func(m Msg) { msgs <- m })
			r.do(cmd)
			synctest.Wait()
			if said := fmt.Sprint(<-msgs); !strings.Contains(said, "this is a bug") {
				t.Errorf("%T: %s", cmd, said)
			}
			_ = r.stop()
		})
	}
}
