package operation_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// run carries a job out, or takes it up again, over so many rows.
func run(ctx context.Context, t *testing.T, dir string, op job.Operation, source job.Source, rows int) (job.Summary,
	map[int]job.Row) {
	t.Helper()
	store := &job.Store{Dir: dir}
	j, err := store.Begin(t.Context(), job.Request{
		Operation: op.Name(), Profile: "test", Host: "https://service", Instance: here, KeyCheck: "k",
		Input: strings.NewReader("rows"), Once: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if j.Fresh() {
		if err := j.Commit(t.Context(), job.Plan{Rows: rows, Requested: rows}); err != nil {
			t.Fatal(err)
		}
	}
	out := map[int]job.Row{}
	wait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	summary, err := j.Run(ctx, job.RunOptions{
		Operation: op, Source: source, Concurrency: 4, Retries: 3, FirstWait: time.Second, Patience: time.Hour,
		MaxFailures: -1,
		Clock:       pace.Clock{Now: time.Now, Wait: wait},
		Emit:        func(r job.Row) error { out[r.N] = r; return nil },
		Notify:      func(job.Notice) {},
	})
	if closeErr := j.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return summary, out
}

// once answers one request in a way of its own, and all others as the service does.
func once(answer func(http.ResponseWriter, *http.Request, func()) bool) func(http.ResponseWriter, *http.Request,
	func()) bool {
	done := false
	return func(w http.ResponseWriter, r *http.Request, serve func()) bool {
		if done {
			return false
		}
		done = true
		return answer(w, r, serve)
	}
}

// Whatever happens to one answer, each row is one user.
func TestJobRegistersEachUserOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, func()) bool
		admin  bool
		want   job.Outcome // of the row whose answer it was
	}{
		"a lost answer":               {once(lost), false, job.Confirmed},
		"a lost answer, with a read":  {once(lost), true, job.Confirmed},
		"a gateway's 409":             {once(gateway(409)), false, job.Created},
		"a gateway's 422":             {once(gateway(422)), false, job.Created},
		"a refusal of the service's":  {once(refuse(422, "Email", "no")), false, job.Failed},
		"nothing out of the ordinary": {nil, false, job.Created},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, api := newService(t)
			s.answer, s.created = c.answer, time.Now().UTC().Format("2006-01-02T15:04:05")
			op := &operation.Register{API: api, Instance: instance}
			if c.admin {
				op.Users = admin(api)
			}
			source := newUsers(t, nil, "client-id", job.Selection{}, "ClientId=c-{{.N}}")
			dir := t.TempDir()
			summary, _ := run(t.Context(), t, dir, op, source, 20)
			users := 20
			if c.want == job.Failed {
				users--
			}
			if summary.Count(c.want) == 0 || summary.Done() != 20 || len(s.users) != users {
				t.Errorf("got %v, and %d users", summary.Outcomes, len(s.users))
			}
			s.settle()
			before := len(s.sent)
			again, _ := run(t.Context(), t, dir, op, source, 20)
			s.settle()
			if len(s.sent) != before || again.Count(job.Created) != 0 || again.Count(job.Failed) != summary.Count(job.Failed) {
				t.Errorf("given again it sends %d requests, and is %v", len(s.sent)-before, again.Outcomes)
			}
		})
	}
}

// Where the service has no batches, single registrations carry the DeviceTokens, and a lost answer
// is not a second user.
func TestJobWithoutBatches(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	losing := once(lost)
	s.answer = func(w http.ResponseWriter, r *http.Request, done func()) bool {
		if strings.HasSuffix(r.URL.Path, "Multiple") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return losing(w, r, done)
	}
	source := newUsers(t, nil, "random", job.Selection{})
	summary, _ := run(t.Context(), t, t.TempDir(), &operation.Register{API: api, Instance: instance, GroupSize: 8},
		source, 20)
	if summary.Count(job.Created, job.Confirmed) != 20 || len(s.users) != 20 {
		t.Errorf("got %v, and %d users", summary.Outcomes, len(s.users))
	}
}

// A batch whose answer was lost is not sent again, and its rows name no DeviceToken.
func TestJobWithALostBatch(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	s.answer = func() func(http.ResponseWriter, *http.Request, func()) bool {
		n := 0
		return func(w http.ResponseWriter, r *http.Request, done func()) bool {
			n++
			return n == 2 && lost(w, r, done)
		}
	}()
	dir := t.TempDir()
	op := &operation.Register{API: api, Instance: instance, GroupSize: 5}
	for range 2 {
		summary, rows := run(t.Context(), t, dir, op, newUsers(t, nil, "random", job.Selection{}), 20)
		if summary.Count(job.Unknown) != 5 || summary.Count(job.Created, job.Existing) != 15 || len(s.users) != 20 {
			t.Errorf("got %v, and %d users", summary.Outcomes, len(s.users))
		}
		for n, r := range rows {
			if unknown := r.Outcome == job.Unknown; unknown != (r.DeviceToken == uuid.Nil) {
				t.Errorf("row %d is %s and names %s", n, r.Outcome, r.DeviceToken)
			}
		}
	}
}

// targets are records of users who are there already.
type targets []uuid.UUID

func (t targets) Records(_ context.Context, yield func(job.Record) error) error {
	for i, token := range t {
		if err := yield(job.Record{N: i + 1, DeviceToken: token}); err != nil {
			return err
		}
	}
	return nil
}

// A deletion whose answer was lost, or that a run left behind, is this job's; who was not there
// before is unchanged; and a user of another instance is left alone.
func TestJobDeletesWithTrueOutcomes(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	var source targets
	for range 12 {
		source = append(source, uuid.MustParse(s.add(uuid.NewString(), nil)))
	}
	s.users[source[3].String()].instance = there
	delete(s.users, source[7].String())
	s.answer = once(lost)
	m := admin(api)
	summary, rows := run(t.Context(), t, t.TempDir(), &operation.Delete{API: api, Users: m, Instance: m.Instance},
		source, len(source))
	if summary.Count(job.Deleted) != 10 || rows[4].Outcome != job.Failed || rows[4].Retryable ||
		rows[8].Outcome != job.Unchanged || len(s.users) != 1 {
		t.Errorf("got %v, %+v, %+v, and %d users", summary.Outcomes, rows[4], rows[8], len(s.users))
	}
}

// With a list, as many users as fit on a page are changed without reading any by itself.
func TestJobUpdatesByAList(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	var source targets
	for i := range 50 {
		source = append(source, uuid.MustParse(s.add(uuid.NewString(), map[string]any{"EnableLogging": i%5 == 0})))
	}
	m := admin(api)
	m.Fetch = fleet.FetchInstance(api, operation.Actor{Admin: true}.Caller(uuid.Nil), here)
	change := set("EnableLogging", false)
	stop, err := operation.PrepareUpdate(t.Context(), m, change.Fields(), false, len(source))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s.sent = nil
	op := &operation.Update{API: api, Actor: operation.Actor{Admin: true}, Users: m, Instance: m.Instance, Change: change}
	summary, rows := run(t.Context(), t, t.TempDir(), op, source, len(source))
	s.settle()
	if summary.Count(job.Updated) != 10 || summary.Count(job.Unchanged) != 40 || s.reads != 0 || len(s.sent) != 10 {
		t.Errorf("got %v, by %d reads and %d requests", summary.Outcomes, s.reads, len(s.sent))
	}
	if c := rows[1].Changes; len(c) != 1 ||
		c[0] != (job.Change{Field: field.MustGet("EnableLogging").Name, From: true, To: false}) {
		t.Errorf("the changes of row 1 are %v", c)
	}
}
