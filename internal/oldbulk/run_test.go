package job_test

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

// wrote tells the client, as a real transport does, that the request had left before the connection broke.
func wrote(req *http.Request, err error) error {
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	return err
}

// script gives the first requests their faults; the rest go well.
func script(faults ...fault) func(int) fault {
	return func(n int) fault {
		if n <= len(faults) {
			return faults[n-1]
		}
		return none
	}
}

// Whatever happens to an answer, the row is sent again and its user is made once.
func TestALostAnswerIsAskedForAgainWithoutFear(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fault{
		"the connection breaks before": {lostBefore},
		"the connection breaks after":  {lostAfter, lostAfter},
		"the body is cut":              {truncated},
		"a proxy answers":              {html, status503},
		"too many requests":            {status429, status429, status429, status429, status429, status429, status429, status429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, "c-1")
			g.m.fault = script(faults...)
			if got := g.mustRun(); got.Created != 1 {
				t.Errorf("the totals are %+v", got)
			}
			g.holds()
		})
	}
}

// What the service answers to a token that is taken is unpublished: each of these must end well.
func TestATokenThatIsTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		taken func() *http.Response
		first job.Outcome // where the user was there before
	}{
		"409":      {conflict, job.Existing},
		"409 bare": {func() *http.Response { return answer(409, "") }, job.Existing},
		"422": {func() *http.Response {
			return answer(422, `{"Status":422,"Errors":[{"Key":"CustomToken","Message":"It already exists."}]}`)
		}, job.Existing},
		"422 in a 200": {func() *http.Response {
			return answer(200, `{"Status":422,"Errors":[{"Key":"CustomToken","Message":"is in use"}]}`)
		}, job.Existing},
		"another 422": {func() *http.Response {
			return answer(422, `{"Status":422,"Errors":[{"Key":"Email","Message":"It already exists."}]}`)
		}, job.Failed},
		"another 409": {func() *http.Response {
			return answer(409, `{"Status":409,"Errors":[{"Key":"Phone","Message":"taken"}]}`)
		}, job.Failed},
		"422 of the token": {func() *http.Response {
			return answer(422, `{"Status":422,"Errors":[{"Key":"CustomToken","Message":"is not a UUID"}]}`)
		}, job.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, "c-1")
			g.m.taken = c.taken
			g.m.users[g.rows[0].Token.String()] = "c-1"
			g.mustRun()
			if got := g.results[1].Outcome; got != c.first {
				t.Errorf("a user who was there before is %s, not %s", got, c.first)
			}
			if c.first == job.Failed {
				return
			}
			g = newRig(t, "c-1")
			g.m.taken = c.taken
			g.m.fault = script(lostAfter)
			g.mustRun()
			if got := g.results[1].Outcome; got != job.Created {
				t.Errorf("a user whom our own first try made is %s, not created", got)
			}
		})
	}
}

func TestATokenThatIsTakenAnsweredByPlainSuccess(t *testing.T) {
	t.Parallel()
	g := newRig(t, "c-1")
	g.m.taken = func() *http.Response { return made(g.rows[0].Token.String()) }
	g.m.fault = script(lostAfter)
	if got := g.mustRun(); got.Created != 1 {
		t.Errorf("the totals are %+v", got)
	}
	g.holds()
}

// A row that is refused fails at once, and the run goes on.
func TestARefusedRowFailsAtOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(20)...)
	g.m.fault = script(none, status400)
	got := g.mustRun()
	if got.Created != 19 || got.Failed != 1 || g.m.requests != 20 || got.Again != 0 {
		t.Errorf("%+v after %d requests", got, g.m.requests)
	}
	if again := g.mustRun(); again.Failed != 1 || g.m.requests != 20 {
		t.Errorf("the second run sends it again: %+v after %d requests", again, g.m.requests)
	}
}

// A row that fails for a reason that passes is tried again by the same command.
func TestTheNextRunTriesAgainWhatMayPass(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(40)...)
	down := true
	g.m.fault = func(n int) fault {
		if down && n%2 == 0 {
			return lostAfter
		}
		return none
	}
	g.change = func(r *job.Run) { r.Retries = 0 }
	first := g.mustRun()
	if first.Unknown == 0 || first.Again != first.Unknown || first.Done() {
		t.Fatalf("the first run: %+v", first)
	}
	down = false
	if second := g.mustRun(); second.Created != 40 || !second.Done() {
		t.Errorf("the second run: %+v", second)
	}
	g.holds()
}

func TestTooManyFailuresEndTheRun(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(200)...)
	g.m.fault = func(int) fault { return status400 }
	g.change = func(r *job.Run) { r.MaxFailures = 10 }
	got, err := g.run(context.Background())
	if failure.CodeOf(err) != failure.Partial || got.Failed < 11 || got.Failed > 20 {
		t.Errorf("%+v, %v", got, err)
	}
}

// inTime runs a test in a time of its own, that passes when everybody waits.
func inTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// timely lets a run wait in the test's own time.
func timely(r *job.Run) {
	r.Clock = pace.Clock{Now: time.Now, Wait: func(ctx context.Context, d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

// A service that is down pauses the run instead of failing every row, and says so once.
func TestAServiceThatIsDownPausesTheRun(t *testing.T) {
	inTime(t, func(t *testing.T) {
		g := newRig(t, clients(100)...)
		g.change = timely
		back := time.Now().Add(2 * time.Minute)
		g.m.fault = func(n int) fault {
			if n > 20 && time.Now().Before(back) {
				return status503
			}
			return none
		}
		if got := g.mustRun(); got.Created != 100 {
			t.Errorf("%+v", got)
		}
		if late := time.Since(back); late > time.Minute {
			t.Errorf("the run ends %s after the service is back", late)
		}
		text := strings.Join(g.notes, "\n")
		if strings.Count(text, "the service is down") != 1 || strings.Count(text, "the service is back") != 1 {
			t.Errorf("the notes are %q", g.notes)
		}
		if g.m.requests > 100+100 {
			t.Errorf("%d requests were sent, most of them to a service that was down", g.m.requests)
		}
		g.holds()
	})
}

func TestPatienceEnds(t *testing.T) {
	inTime(t, func(t *testing.T) {
		g := newRig(t, clients(100)...)
		g.change = timely
		g.m.fault = func(n int) fault {
			if n > 20 {
				return lostBefore
			}
			return none
		}
		began := time.Now()
		got, err := g.run(context.Background())
		if failure.CodeOf(err) != failure.Unavailable || got.Failed != 0 || got.Created != 20 {
			t.Errorf("%+v, %v", got, err)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("patience of 5m ends after %s", took)
		}
		g.m.fault = nil
		if again := g.mustRun(); again.Created != 100 {
			t.Errorf("when it is back: %+v", again)
		}
		g.holds()
	})
}

// A row that the service cannot digest fails alone, be it the only one under way: it is not taken for a service that is down.
func TestARowThatBreaksTheServiceFailsAlone(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 10, 20} {
		g := newRig(t, clients(20)...)
		poison := g.rows[at-1].Token.String()
		g.m.poison = poison
		g.change = func(r *job.Run) { r.Concurrency = 1 }
		if got := g.mustRun(); got.Created != 19 || got.Failed+got.Unknown != 1 {
			t.Errorf("row %d: %+v, %q", at, got, g.notes)
		}
	}
}

func TestRetryAfterStopsEveryone(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(50)...)
	g.m.fault = script(none, none, retryAfter)
	began := g.clock.Now()
	if got := g.mustRun(); got.Created != 50 {
		t.Errorf("%+v", got)
	}
	if took := g.clock.Now().Sub(began); took < 7*time.Second {
		t.Errorf("the run took %s, and the service had asked for 7s", took)
	}
	g = newRig(t, clients(50)...)
	g.m.fault = script(none, none, retryAfter)
	g.change = func(r *job.Run) { r.Patience = 5 * time.Second }
	if _, err := g.run(context.Background()); failure.CodeOf(err) != failure.RateLimited {
		t.Errorf("a wait that is longer than patience gives %v", err)
	}
}

// Where the service makes DeviceTokens of its own in spite of CustomToken, a repeat could make a second user: so there is none.
func TestAServiceThatDoesNotHeedCustomTokenIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(30)...)
	g.m.deaf = true
	g.m.fault = script(none, none, none, none, none, none, none, none, none, none, lostAfter, truncated)
	g.change = func(r *job.Run) { r.Concurrency = 1 }
	got := g.mustRun()
	if got.Created != 28 || got.Unknown != 2 || len(g.m.users) != 30 || len(g.notes) != 1 {
		t.Errorf("%+v, %d users, %q", got, len(g.m.users), g.notes)
	}
}

// That the service makes DeviceTokens of its own is known to the next run too, and what was sent before it was found out is not repeated either.
func TestAServiceThatDoesNotHeedCustomTokenIsNotAskedTwiceByTheNextRun(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(40)...)
	g.m.deaf = true
	g.change = func(r *job.Run) { r.Concurrency, r.Retries = 1, 0 }
	g.m.fault = func(n int) fault {
		if n == 1 || n%7 == 0 {
			return lostAfter
		}
		return none
	}
	if got := g.mustRun(); got.Created != 34 || got.Unknown != 6 {
		t.Fatalf("the first run: %+v", got)
	}
	g.m.fault = nil
	if got := g.mustRun(); got.Created != 34 || got.Unknown != 6 || !got.Done() || g.m.requests != 40 || len(g.m.users) != 40 {
		t.Errorf("the second run: %+v after %d requests, %d users", got, g.m.requests, len(g.m.users))
	}
	if r := g.results[7]; r.DeviceToken != "" || !strings.Contains(r.Why, "connection reset") {
		t.Errorf("the row whose answer was lost is %+v", r)
	}
}

// Once it is known that the service does not heed CustomToken, no crash, power cut or fault makes more users than rows.
func TestNoCrashOrPowerCutMakesAUserTwiceWhereTheServiceDoesNotHeedCustomToken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g, disk := newRig(t, clients(rapid.IntRange(1, 25).Draw(rt, "rows"))...), newMemory()
		g.jobs.Disk, g.m.deaf = disk, true
		g.change = func(r *job.Run) { r.Concurrency = 1 } // the first answer tells
		for i := range rapid.IntRange(0, 4).Draw(rt, "lives") {
			l := drawLife(rt)
			if i == 0 {
				l.faults = append([]fault{none}, l.faults...)
				if l.killed == 1 {
					l.killed = 2
				}
			}
			g.live(disk, l)
			g.change = func(r *job.Run) { r.Concurrency = 4 }
		}
		g.m.fault = nil
		totals := g.mustRun()
		if users := len(g.m.users); users > len(g.rows) || users < totals.Created || users > totals.Created+totals.Unknown || !totals.Done() {
			rt.Fatalf("the service has %d users for %d rows, and the last run says %+v", users, len(g.rows), totals)
		}
	})
}

// The service chooses: what was sent once is never sent again, not even by the next run.
func TestWhereTheServiceChoosesNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(10)...)
	for i := range g.rows {
		g.rows[i].Token = [16]byte{}
	}
	g.change = func(r *job.Run) { r.Theirs = true }
	g.m.fault = script(none, lostAfter, lostBefore)
	got := g.mustRun()
	if got.Created != 9 || got.Unknown != 1 || len(g.m.users) != 10 {
		t.Errorf("%+v, %d users", got, len(g.m.users))
	}
	if again := g.mustRun(); again.Unknown != 1 || len(g.m.users) != 10 {
		t.Errorf("the second run: %+v, %d users", again, len(g.m.users))
	}
}

func TestAnInterruptLeavesWhatIsNotSentForTheNextRun(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(300)...)
	ctx, cancel := context.WithCancel(context.Background())
	g.m.fault = func(n int) fault {
		if n == 50 {
			cancel()
		}
		return none
	}
	got, err := g.run(ctx)
	if failure.CodeOf(err) != failure.Interrupted || got.Created < 49 || got.NotSent() < 200 {
		t.Errorf("%+v, %v", got, err)
	}
	g.m.fault = nil
	if again := g.mustRun(); again.Created != 300 || g.m.requests != 300 {
		t.Errorf("the next run: %+v after %d requests in all", again, g.m.requests)
	}
	g.holds()
}

func TestAFinishedJobGivenAgainReportsItsUsersAsExisting(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(5)...)
	g.mustRun()
	g.change = func(r *job.Run) { r.Repeat = true }
	if got := g.mustRun(); got.Existing != 5 || g.m.requests != 5 {
		t.Errorf("%+v after %d requests", got, g.m.requests)
	}
}
