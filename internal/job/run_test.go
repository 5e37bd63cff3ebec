package job_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

func TestEveryRowIsSentOnceAndReportedWithItsOutcome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want(t, b.must(&register{service: b.service}, numbered(500)), "created 500")
	if len(b.users) != 500 || b.requests != 500 || len(b.rows) != 500 {
		t.Errorf("%d users by %d requests, %d rows reported", len(b.users), b.requests, len(b.rows))
	}
	if r := b.rows[7]; r.ClientID != "c-7" || r.Line != 8 || r.DeviceToken != tokenOf(7) {
		t.Errorf("row 7 is %+v", r)
	}
}

// What the service answers now and then, and what becomes of 200 rows.
func TestTroublesThatPassCostNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   fault
		every   int
		want    string
		notices int
	}{
		"nothing":                   {none, 7, "created 200", 0},
		"429":                       {limited, 7, "created 200", 1},
		"429 with Retry-After":      {retryAfter, 50, "created 200", 1},
		"503":                       {down, 7, "created 200", 1},
		"an answer that was lost":   {lostAfter, 7, "", 1},
		"a request that never came": {lostBefore, 7, "created 200", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.fault = func(n int) fault {
				if n%c.every == 0 {
					return c.fault
				}
				return none
			}
			s := b.must(&register{service: b.service}, numbered(200))
			if c.want != "" {
				want(t, s, c.want)
			}
			if s.Err() != nil || s.Count(job.Created, job.Confirmed) != 200 || len(b.users) != 200 {
				t.Errorf("%d users; %v; %v", len(b.users), s.Outcomes, s.Err())
			}
			if len(b.notices) != c.notices {
				t.Errorf("%d notices: %v", len(b.notices), b.notices)
			}
		})
	}
}

func TestAnInterruptEndsTheRunAndTheJobIsResumed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.hook = atRequest(50, cancel)
	s, err := b.run(ctx, &register{service: b.service}, numbered(200))
	if failure.CodeOf(err) != failure.Interrupted || !failure.HasReason(err,
		job.ReasonUnfinished) || s.NotSent() == 0 || s.Count(job.Unknown) > 0 {
		t.Fatalf("%v; %v, %d not sent", err, s.Outcomes, s.NotSent())
	}
	done := s.Count(job.Created)
	requests := b.requests
	want(t, b.must(&register{service: b.service}, numbered(200)), "created 200")
	if b.requests-requests != 200-done || len(b.users) != 200 {
		t.Errorf("%d requests for the %d rows that were left", b.requests-requests, 200-done)
	}
}

func TestAGroupIsSentOnceAndItsLostAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault = func(n int) fault {
		if n == 3 {
			return lostAfter
		}
		return none
	}
	s := b.must(&register{service: b.service, group: 10}, anonymous(100))
	want(t, s, "created 90, unknown 10")
	if b.largest != 10 || len(b.users) != 100 || s.Retryable != 0 || failure.CodeOf(s.Err()) != failure.Partial {
		t.Errorf("groups of %d, %d users, %d retryable, %v", b.largest, len(b.users), s.Retryable, s.Err())
	}
}

func TestAServiceThatTakesNoGroupsGetsRowsOneByOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.noGroups = true
	want(t, b.must(&register{service: b.service, group: 10}, anonymous(25)), "created 25")
	if b.largest != 1 || len(b.notices) != 1 || b.notices[0].Kind != job.NoticeUngrouped {
		t.Errorf("groups of %d; %v", b.largest, b.notices)
	}
}

func TestNothingIsSentAgainToAServiceThatIgnoresCustomToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ignores = true
	b.fault = func(n int) fault {
		if n > 20 && n%10 == 0 {
			return lostAfter
		}
		return none
	}
	s := b.must(&register{service: b.service}, numbered(100))
	want(t, s, "created 92, unknown 8")
	if len(b.users) != 100 || b.requests != 100 {
		t.Errorf("%d users by %d requests", len(b.users), b.requests)
	}
	b.rows = nil
	want(t, b.must(&register{service: b.service}, numbered(100)), "existing 92, unknown 8")
	if b.requests != 100 {
		t.Error("rows were sent again")
	}
}

func TestRowsOfAPhaseWaitForThoseBefore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	source := numbered(60)
	for i := range source {
		source[i].Phase, source[i].Action = i/30, "create"
		if i >= 30 {
			source[i].Action, source[i].DeviceToken = "delete", source[i-30].DeviceToken
		}
	}
	b.fault = func(n int) fault {
		if n%9 == 0 {
			return down
		}
		return none
	}
	want(t, b.must(mixed{&register{service: b.service}, remove{b.service}}, source), "created 30, deleted 30")
	if len(b.deleted) != 30 {
		t.Errorf("%d deleted", len(b.deleted))
	}
}

// With one request in flight, rows come out in the order of the input, those too that are not sent
// or were settled by an earlier run.
func TestOneAtATimeIsInTheOrderOfTheInput(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	source := numbered(60)
	for i := range source {
		if i%3 == 1 {
			source[i].Invalid = "not a date"
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.hook = atRequest(20, cancel)
	if _, err := b.run(ctx, &register{service: b.service}, source); failure.CodeOf(err) != failure.Interrupted {
		t.Fatal(err)
	}
	b.hook = nil
	j, err := b.begin(b.request("register"), len(source))
	if err != nil {
		t.Fatal(err)
	}
	options := b.options(&register{service: b.service}, source)
	options.Concurrency = 1
	var order []int
	options.Emit = func(r job.Row) error {
		order = append(order, r.N)
		return nil
	}
	if _, err := j.Run(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if len(order) != len(source) || !slices.IsSorted(order) {
		t.Errorf("the rows came as %v", order)
	}
}

// What ends a run, with the code and reason of its error.
func TestWhatEndsARunEarly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   fault
		options func(*job.RunOptions)
		code    failure.Code
		reason  failure.Reason
	}{
		"a service that is down for longer than patience": {down, nil, failure.Unavailable, job.ReasonDown},
		"credentials that are refused":                    {refused, nil, failure.Unauthorized, ""},
		"a certificate that is not trusted":               {untrusted, nil, failure.Unavailable, "certificate"},
		"more failures than allowed": {rejected, func(o *job.RunOptions) { o.MaxFailures = 3 },
			failure.Partial, job.ReasonFailures},
		"a wait that is longer than patience": {retryAfter,
			func(o *job.RunOptions) { o.Patience = 5 * time.Second }, failure.RateLimited, job.ReasonWaitTooLong},
		"an output that cannot be written": {none,
			func(o *job.RunOptions) { o.Emit = func(job.Row) error { return errors.New("no room") } }, failure.Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.fault = func(int) fault { return c.fault }
			j, err := b.begin(b.request("register"), 100)
			if err != nil {
				t.Fatal(err)
			}
			o := b.options(&register{service: b.service}, numbered(100))
			if c.options != nil {
				c.options(&o)
			}
			s, err := j.Run(t.Context(), o)
			f := failure.From(err)
			if f == nil || f.Code != c.code || f.Reason != c.reason {
				t.Errorf("the run ended with %#v", f)
			}
			if s.NotSent() == 0 || s.Finished() {
				t.Errorf("%d rows not sent", s.NotSent())
			}
			if c.fault == retryAfter && (s.NotSent() != 100 || s.Count(job.Failed) > 0) {
				t.Errorf("nothing was done, and %d rows are not sent, %d failed", s.NotSent(), s.Count(job.Failed))
			}
			if c.fault == untrusted && (s.NotSent() != 100 || b.requests > o.Concurrency) {
				t.Errorf("%d requests, %d rows not sent", b.requests, s.NotSent())
			}
		})
	}
}
