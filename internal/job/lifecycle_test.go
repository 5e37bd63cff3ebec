package job_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// specPath is the job.json of the only job.
func (b *bench) specPath() string {
	b.t.Helper()
	return filepath.Join(b.store.Dir, b.only().ID, "job.json")
}

func (b *bench) only() job.Info {
	b.t.Helper()
	jobs, err := b.store.List(b.t.Context())
	if err != nil || len(jobs) != 1 {
		b.t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	return jobs[0]
}

// interrupted leaves a job of which some rows are done.
func (b *bench) interrupted(op job.Operation, source records) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	b.hook = atRequest(5, cancel)
	defer func() { b.hook = nil }()
	if _, err := b.run(ctx, op, source); !failure.Is(err, failure.Interrupted) {
		b.t.Fatalf("the run was not interrupted: %v", err)
	}
}

// atRequest is a hook that interrupts a run at its nth request. No later request overtakes the
// interrupt: a context is done before those that are derived from it.
func atRequest(n int32, interrupt func()) func(int) {
	var sent atomic.Int32
	done := make(chan struct{})
	return func(int) {
		switch came := sent.Add(1); {
		case came == n:
			interrupt()
			close(done)
		case came > n:
			<-done
		}
	}
}

// reason fails unless an error has the reason and its subject.
func reason(t *testing.T, err error, want failure.Reason) {
	t.Helper()
	if !failure.HasReason(err, want) {
		t.Errorf("the error is %v (%q), not %q", err, failure.From(err).Reason, want)
	}
}

func TestAFinishedJobOfAFileGivenAgainSendsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	op := &register{service: b.service}
	want(t, b.must(op, numbered(30)), "created 30")
	want(t, b.must(op, numbered(30)), "existing 30")
	if b.requests != 30 || len(b.rows) != 30 || !b.rows[3].Earlier || b.rows[3].DeviceToken != tokenOf(3) ||
		b.rows[3].Line != 4 {
		t.Errorf("%d requests; row 3 is %+v", b.requests, b.rows[3])
	}
	if b.only().Tally.Count(job.Created) != 30 {
		t.Error("the journal does not say that it created them")
	}
}

func TestAFinishedJobOfAnotherOperationGivenAgainIsNew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(&register{service: b.service}, numbered(5))
	want(t, b.must(remove{b.service}, numbered(5)), "deleted 5")
	want(t, b.must(remove{b.service}, numbered(5)), "unchanged 5")
	if jobs, err := b.store.List(t.Context()); err != nil || len(jobs) != 3 {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

func TestAFailedRowIsStillFailedWhenTheJobIsGivenAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault = func(n int) fault {
		if n == 3 {
			return rejected
		}
		return none
	}
	op := &register{service: b.service}
	for _, outcomes := range []string{"created 9, failed 1", "existing 9, failed 1"} {
		s := b.must(op, numbered(10))
		want(t, s, outcomes)
		if err := s.Err(); !failure.Is(err, failure.Partial) || failure.From(err).Subject != b.only().ID ||
			!strings.HasSuffix(err.Error(), " rows are failed, unknown or stale") {
			t.Errorf("the summary says %v", err)
		}
	}
}

func TestASingleRowThatFailsHasItsOwnCode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault = func(int) fault { return rejected }
	for range 2 {
		if s := b.must(&register{service: b.service}, numbered(1)); !failure.Is(s.Err(), failure.Rejected) {
			t.Errorf("the summary says %v", s.Err())
		}
	}
}

func TestRetrySendsTheRowsThatFailedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault = func(n int) fault {
		if n%5 == 0 {
			return rejected
		}
		return none
	}
	op := &register{service: b.service}
	want(t, b.must(op, numbered(20)), "created 16, failed 4")
	b.fault = nil
	id := b.only().ID
	j, n, err := b.store.Retry(t.Context(), job.ResumeRequest{ID: id[:6], Host: "https://service", Instance: "i-1",
		KeyCheck: "key-1"}, false)
	if err != nil || n != 4 {
		t.Fatalf("%d rows, %v", n, err)
	}
	if readFile(t, j.InputPath()) != "the content" {
		t.Error("the input is not kept for the retry")
	}
	s, err := j.Run(t.Context(), b.options(op, numbered(20)))
	if err != nil || s.Err() != nil {
		t.Fatal(err, s.Err())
	}
	want(t, s, "created 20")
	if path := j.InputPath(); path != "" {
		t.Errorf("the input is still at %s", path)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if len(b.users) != 20 || b.requests != 24 {
		t.Errorf("%d users by %d requests", len(b.users), b.requests)
	}
}

func TestUnknownRowsAreSentAgainOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault = func(n int) fault {
		if n == 2 {
			return lostBefore
		}
		return none
	}
	op := &register{service: b.service, group: 5}
	want(t, b.must(op, anonymous(20)), "created 15, unknown 5")
	req := job.ResumeRequest{ID: b.only().ID, Host: "https://service", Instance: "I-1", KeyCheck: "key-1"}
	for _, c := range []struct {
		include bool
		rows    int
		want    string
	}{{false, 0, "created 15, unknown 5"}, {true, 5, "created 20"}} {
		j, n, err := b.store.Retry(t.Context(), req, c.include)
		if err != nil || n != c.rows {
			t.Fatalf("%d rows, %v", n, err)
		}
		s, err := j.Run(t.Context(), b.options(op, anonymous(20)))
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, c.want)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What Begin makes of a job that is not finished.
func TestAnUnfinishedJobGivenAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op      string
		age     time.Duration
		restart bool
		reason  failure.Reason
		fresh   bool
	}{
		"is resumed":                           {op: "delete", age: 23 * time.Hour},
		"is refused when it is old":            {op: "delete", age: 25 * time.Hour, reason: job.ReasonAbandoned},
		"is replaced by a restart":             {op: "delete", age: 25 * time.Hour, restart: true, fresh: true},
		"is resumed however old its users are": {op: "register", age: 25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			op := map[string]job.Operation{"delete": remove{b.service}, "register": &register{service: b.service}}[c.op]
			b.interrupted(op, numbered(100))
			old := b.only().ID
			b.clock.advance(c.age)
			req := b.request(c.op)
			req.Restart = c.restart
			j, err := b.store.Begin(t.Context(), req)
			if c.reason != "" {
				reason(t, err, c.reason)
				return
			}
			if err != nil || j.Fresh() != c.fresh || (j.Spec.ID == old) == c.fresh {
				t.Fatalf("fresh %v, %v", j.Fresh(), err)
			}
			if !c.fresh {
				_ = j.Close()
				return
			}
			if err := errors.Join(j.Commit(t.Context(), job.Plan{Rows: 100, Requested: 100}), j.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = b.store.Resume(t.Context(), job.ResumeRequest{ID: old, Host: "https://service", Instance: "I-1",
				KeyCheck: "key-1"})
			reason(t, err, job.ReasonReplaced)
		})
	}
}

func TestAJobThatAnotherProcessRunsIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	j, err := b.begin(b.request("register"), 10)
	if err != nil {
		t.Fatal(err)
	}
	if state := b.only().State; state != job.Running {
		t.Errorf("it is %s", state)
	}
	_, err = b.store.Begin(t.Context(), b.request("register"))
	reason(t, err, job.ReasonRunning)
	if f := failure.From(err); f.Subject != j.Spec.ID || f.Code.Exit() != 1 {
		t.Errorf("the error is %#v", f)
	}
	_, err = b.store.Resume(t.Context(), job.ResumeRequest{ID: j.Spec.ID, Host: "https://service", Instance: "I-1",
		KeyCheck: "key-1"})
	reason(t, err, job.ReasonRunning)
	reason(t, b.store.Remove(t.Context(), j.Spec.ID), job.ReasonRunning)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Remove(t.Context(), j.Spec.ID); err != nil {
		t.Error(err)
	}
}

func TestAnotherIdentityKeyIsRefusedAlsoAfterTheJobWasRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(&register{service: b.service}, numbered(3))
	if err := b.store.Remove(t.Context(), b.only().ID); err != nil {
		t.Fatal(err)
	}
	req := b.request("register")
	req.KeyCheck, req.Instance = "key-2", "i-1"
	_, err := b.store.Begin(t.Context(), req)
	reason(t, err, job.ReasonIdentityKey)
	req.Instance = "I-2"
	if j, err := b.begin(req, 3); err != nil {
		t.Errorf("the key of another instance: %v", err)
	} else {
		_ = j.Close()
	}
}

func TestADryRunKeepsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	req := b.request("register")
	req.DryRun = true
	j, err := b.begin(req, 10)
	if err != nil {
		t.Fatal(err)
	}
	s, err := j.Run(t.Context(), b.options(&register{service: b.service}, numbered(10)))
	if err != nil || s.Count(job.Planned) != 10 || b.requests != 0 {
		t.Errorf("%v, %v, %d requests", s.Outcomes, err, b.requests)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if jobs, err := b.store.List(t.Context()); err != nil || len(jobs) != 0 {
		t.Errorf("%v, %v", jobs, err)
	}
	b.interrupted(&register{service: b.service}, numbered(100))
	done := b.only().Tally.Count(job.Created)
	req.Input = strings.NewReader("the content")
	if j, err = b.begin(req, 10); err != nil {
		t.Fatal(err)
	}
	s, err = j.Run(t.Context(), b.options(&register{service: b.service}, numbered(100)))
	if err != nil || s.Count(job.Created) != done || s.Count(job.Planned) != 100-done {
		t.Errorf("%v, %v", s.Outcomes, err)
	}
}

func TestAFolderThatIsRemovedDuringARunEndsIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gone := make(chan struct{})
	b.hook = func(n int) {
		if n == 10 {
			if err := os.Rename(b.store.Dir, b.store.Dir+".gone"); err != nil {
				t.Error(err)
			}
			close(gone)
		}
		if n >= 10 {
			<-gone // no later request overtakes the removal
		}
	}
	_, err := b.run(t.Context(), &register{service: b.service}, numbered(200))
	reason(t, err, job.ReasonFolderGone)
	if b.requests > 30 {
		t.Errorf("%d requests", b.requests)
	}
}

func TestAFolderThatCannotBeWrittenIsFoundOutFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.Dir = filepath.Join(filepath.Dir(b.store.Dir), "file", "jobs")
	writeFile(t, filepath.Dir(b.store.Dir), "")
	_, err := b.run(t.Context(), &register{service: b.service}, numbered(5))
	reason(t, err, atomicfile.ReasonNotAFile)
	if b.requests != 0 {
		t.Error("something was sent")
	}
}

// An ID says nothing of where the job belongs: it is resumed there, or not at all.
func TestAJobIsResumedAtItsOwnServiceAndInstanceOnly(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*job.ResumeRequest){
		"another instance": func(r *job.ResumeRequest) { r.Instance = "I-2" },
		"another service":  func(r *job.ResumeRequest) { r.Host = "https://staging" },
		"neither":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.interrupted(&register{service: b.service}, numbered(100))
			req := job.ResumeRequest{ID: b.only().ID, Host: "https://service", Instance: "I-1", KeyCheck: "key-1"}
			if change != nil {
				change(&req)
				_, err := b.store.Resume(t.Context(), req)
				reason(t, err, job.ReasonOtherJob)
				return
			}
			j, err := b.store.Resume(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			_ = j.Close()
		})
	}
}
