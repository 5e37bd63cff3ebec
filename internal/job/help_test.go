package job_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// fault is what goes wrong with one request.
type fault uint8

const (
	none       fault = iota
	lostBefore       // the connection breaks, and nothing was done
	lostAfter        // the connection breaks, and it was done
	limited          // 429
	retryAfter       // 429 with Retry-After: 7
	down             // 503
	rejected         // 400
	refused          // 401
	untrusted        // a certificate that is not trusted: no other attempt ends in another way
)

// service is the service as far as jobs go, and what may go wrong on the way to it
// and back.
type service struct {
	mu       sync.Mutex
	users    map[uuid.UUID]int // how often each was created
	created  map[uuid.UUID]time.Time
	deleted  map[uuid.UUID]int
	requests int
	largest  int               // the largest group
	fault    func(n int) fault // of the request of this number, from 1
	hook     func(n int)       // called before a request is carried out
	ignores  bool              // it assigns DeviceTokens of its own
	noGroups bool
	now      func() time.Time
}

func newService(c *clock) *service {
	return &service{users: map[uuid.UUID]int{}, created: map[uuid.UUID]time.Time{}, deleted: map[uuid.UUID]int{},
		now: c.now}
}

// call carries out a request, unless something goes wrong.
func (s *service) call(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.requests++
	n := s.requests
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		hook(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := none
	if s.fault != nil {
		f = s.fault(n)
	}
	switch f {
	case lostBefore:
		return &failure.Error{Code: failure.Unavailable, Message: "connection reset", MayHaveApplied: true}
	case down:
		return &failure.Error{Code: failure.Unavailable, Message: "503", Status: 503}
	case limited:
		return &failure.Error{Code: failure.RateLimited, Message: "429", Status: 429}
	case retryAfter:
		return &failure.Error{Code: failure.RateLimited, Message: "429", Status: 429, RetryAfter: 7 * time.Second}
	case rejected:
		return &failure.Error{Code: failure.Rejected, Message: "400", Status: 400, Enveloped: true}
	case untrusted:
		return &failure.Error{Code: failure.Unavailable, Message: "certificate", Reason: "certificate", Permanent: true}
	case refused:
		return &failure.Error{Code: failure.Unauthorized, Message: "401", Status: 401, Enveloped: true}
	}
	err := do()
	if f == lostAfter {
		return &failure.Error{Code: failure.Unavailable, Message: "connection reset", MayHaveApplied: true}
	}
	return err
}

var errTaken = &failure.Error{Code: failure.Rejected, Message: "taken", Status: 409, Enveloped: true}

// register is an operation that registers users.
type register struct {
	*service
	group int
}

func (o *register) Name() string                   { return "register" }
func (o *register) Group() int                     { return max(o.group, 1) }
func (o *register) Resendable(rec job.Record) bool { return rec.DeviceToken != uuid.Nil }

func (o *register) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	if len(group) > 1 && o.noGroups {
		return nil, fmt.Errorf("404: %w", job.ErrUngroup)
	}
	var results []job.Result
	err := o.call(ctx, func() error {
		o.largest = max(o.largest, len(group))
		for _, a := range group {
			token := a.DeviceToken
			if token == uuid.Nil || o.ignores {
				token = uuid.New()
			}
			if o.users[token] > 0 {
				return errTaken
			}
			o.users[token]++
			o.created[token] = o.now()
			results = append(results, job.Result{Outcome: job.Created, DeviceToken: token})
		}
		return nil
	})
	if errors.Is(err, errTaken) {
		return []job.Result{o.taken(group[0])}, nil
	}
	return results, err
}

// taken is the outcome of a record whose user exists.
func (o *register) taken(a job.Attempt) job.Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !a.Lost || o.created[a.DeviceToken].Before(a.FirstSent):
		return job.Result{Outcome: job.Existing}
	case a.Random:
		return job.Result{Outcome: job.Created}
	default:
		return job.Result{Outcome: job.Confirmed}
	}
}

// remove is an operation that deletes users.
type remove struct{ *service }

func (remove) Name() string               { return "delete" }
func (remove) Group() int                 { return 1 }
func (remove) Resendable(job.Record) bool { return true }

func (o remove) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	a := group[0]
	result := job.Result{Outcome: job.Deleted}
	err := o.call(ctx, func() error {
		if o.users[a.DeviceToken] > 0 {
			o.users[a.DeviceToken] = 0
			o.deleted[a.DeviceToken]++
			return nil
		}
		if !a.Lost {
			result.Outcome = job.Unchanged
		}
		return nil
	})
	return []job.Result{result}, err
}

// mixed is a job that registers, then deletes.
type mixed struct {
	register *register
	remove   remove
}

func (mixed) Name() string               { return "apply" }
func (mixed) Group() int                 { return 1 }
func (mixed) Resendable(job.Record) bool { return true }

func (o mixed) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	if group[0].Action == "delete" {
		return o.remove.Do(ctx, group)
	}
	return o.register.Do(ctx, group)
}

// clock is a time that passes only while somebody waits.
type clock struct{ passed atomic.Int64 }

var epoch = time.Unix(1_700_000_000, 0).UTC()

func (c *clock) now() time.Time          { return epoch.Add(time.Duration(c.passed.Load())) }
func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.advance(d)
	return ctx.Err()
}

func (c *clock) pace() pace.Clock { return pace.Clock{Now: c.now, Wait: c.wait} }

// records is a source.
type records []job.Record

func (r records) Records(ctx context.Context, yield func(job.Record) error) error {
	for _, rec := range r {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(rec); err != nil {
			return err
		}
	}
	return nil
}

// numbered makes records with DeviceTokens that follow from their numbers.
func numbered(n int) records {
	out := make(records, n)
	for i := range out {
		out[i] = job.Record{N: i + 1, Line: i + 2, DeviceToken: tokenOf(i + 1), ClientID: fmt.Sprintf("c-%d", i+1)}
	}
	return out
}

// anonymous makes records whose DeviceTokens the service chooses.
func anonymous(n int) records {
	out := make(records, n)
	for i := range out {
		out[i] = job.Record{N: i + 1}
	}
	return out
}

func tokenOf(n int) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "row %d", n)) }

// bench is a store with a service and a clock.
type bench struct {
	t     *testing.T
	store *job.Store
	clock *clock
	*service
	notices []job.Notice
	rows    map[int]job.Row // as the last run emitted them
}

// tempDir is a folder in memory, where there is such a place: these tests sync often.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "telematicsctl-test-*") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c := &clock{}
	return &bench{t: t, clock: c, service: newService(c), store: &job.Store{Dir: filepath.Join(tempDir(t), "jobs"),
		Now: c.now}}
}

func (b *bench) request(op string) job.Request {
	return job.Request{Operation: op, Profile: "test", Host: "https://service", Instance: "I-1", KeyCheck: "key-1",
		Input: strings.NewReader("the content"), InputName: "users.csv", Once: op != "delete"}
}

func (b *bench) options(op job.Operation, source job.Source) job.RunOptions {
	b.rows = map[int]job.Row{}
	return job.RunOptions{Operation: op, Source: source, Concurrency: 8, Retries: 3, FirstWait: time.Second,
		Patience: time.Hour, MaxFailures: -1, Clock: b.clock.pace(),
		Emit:   func(r job.Row) error { b.rows[r.N] = r; return nil },
		Notify: func(n job.Notice) { b.notices = append(b.notices, n) },
	}
}

// begin takes up a job, and commits one that is new.
func (b *bench) begin(req job.Request, rows int) (*job.Job, error) {
	b.t.Helper()
	j, err := b.store.Begin(b.t.Context(), req)
	if err != nil {
		return nil, err
	}
	b.t.Cleanup(func() { _ = j.Close() })
	if j.Fresh() {
		if err := j.Commit(b.t.Context(), job.Plan{Rows: rows, Requested: rows}); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// run begins a job and runs it.
func (b *bench) run(ctx context.Context, op job.Operation, source records) (job.Summary, error) {
	b.t.Helper()
	j, err := b.begin(b.request(op.Name()), len(source))
	if err != nil {
		return job.Summary{}, err
	}
	summary, err := j.Run(ctx, b.options(op, source))
	if closeErr := j.Close(); closeErr != nil {
		b.t.Error(closeErr)
	}
	return summary, err
}

// must is run for a job that comes to its end.
func (b *bench) must(op job.Operation, source records) job.Summary {
	b.t.Helper()
	summary, err := b.run(b.t.Context(), op, source)
	if err != nil {
		b.t.Fatal(err)
	}
	return summary
}

// want fails unless the outcomes are these, as in "created 3, failed 1".
func want(t *testing.T, s job.Summary, outcomes string) {
	t.Helper()
	var got []string
	for _, o := range []job.Outcome{job.Created, job.Updated, job.Deleted, job.Moved, job.Existing, job.Unchanged,
		job.Confirmed, job.Failed, job.Unknown, job.Stale} {
		if n := s.Count(o); n > 0 {
			got = append(got, fmt.Sprintf("%s %d", o, n))
		}
	}
	if text := strings.Join(got, ", "); text != outcomes {
		t.Errorf("the outcomes are %q, not %q", text, outcomes)
	}
}
