package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// A test binary with these variables is a process that runs the job of a test.
const (
	childDir = "TEST_JOB_DIR"
	childURL = "TEST_JOB_URL"
	childRow = 120 // rows of each phase
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childURL)); err != nil {
			fmt.Fprintln(os.Stderr, failure.From(err).Reason, err)
			os.Exit(failure.CodeOf(err).Exit())
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// overHTTP is a job that registers and then deletes.
type overHTTP struct{ url string }

func (overHTTP) Name() string               { return "apply" }
func (overHTTP) Group() int                 { return 1 }
func (overHTTP) Resendable(job.Record) bool { return true }

func (o overHTTP) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	a := group[0]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+"/"+a.Action+"/"+a.DeviceToken.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, &failure.Error{Code: failure.Unavailable, Message: err.Error(), MayHaveApplied: true}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &failure.Error{Code: failure.Unavailable, Message: err.Error(), MayHaveApplied: true}
	}
	outcome := job.Outcome(text)
	if outcome == job.Existing && a.Lost {
		outcome = job.Created
	}
	if outcome == job.Unchanged && a.Lost {
		outcome = job.Deleted
	}
	return []job.Result{{Outcome: outcome}}, nil
}

func child(dir, url string) (err error) {
	ctx := context.Background()
	source := numbered(2 * childRow)
	for i := range source {
		source[i].Action, source[i].Random = "create", true
		if i >= childRow {
			source[i].Action, source[i].Phase = "delete", 1
		}
	}
	store := &job.Store{Dir: dir}
	j, err := store.Begin(ctx, job.Request{Operation: "apply", Instance: "i", Input: strings.NewReader("input"),
		InputName: "input", Once: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if j.Fresh() {
		if err := j.Commit(ctx, job.Plan{Rows: len(source), Requested: len(source)}); err != nil {
			return err
		}
	}
	s, err := j.Run(ctx, job.RunOptions{
		Operation: overHTTP{url}, Source: source, Concurrency: 8, Retries: 5, FirstWait: time.Millisecond,
		Patience: time.Minute, MaxFailures: -1,
		Clock: pace.Clock{Now: time.Now, Wait: wait},
	})
	if err != nil {
		return err
	}
	return s.Err()
}

// fleet is a service over HTTP that tells when a number of requests has come.
type fleet struct {
	mu       sync.Mutex
	there    map[string]bool
	created  map[string]int
	deleted  map[string]int
	requests int
	at       int    // after so many requests
	do       func() // this is done
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	action, token := parts[1], parts[2]
	f.mu.Lock()
	outcome := job.Existing
	switch {
	case action == "create" && !f.there[token]:
		f.there[token], outcome = true, job.Created
		f.created[token]++
	case action == "delete" && f.there[token]:
		f.there[token], outcome = false, job.Deleted
		f.deleted[token]++
	case action == "delete":
		outcome = job.Unchanged
	}
	f.requests++
	if f.requests == f.at && f.do != nil {
		f.do()
	}
	f.mu.Unlock()
	_, _ = io.WriteString(w, string(outcome))
}

// process starts a process that runs the job, and gives how it ends.
func process(t *testing.T, dir, url string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url)
	var out bytes.Buffer
	c.Stderr = &out
	return c, &out
}

// Processes that are killed at any moment, and one more that runs meanwhile: each
// user is created once and deleted once, and the job's outcomes are what was done.
func TestKilledProcessesAndTwoAtOnce(t *testing.T) {
	t.Parallel()
	f := &fleet{there: map[string]bool{}, created: map[string]int{}, deleted: map[string]int{}}
	for i := childRow; i < 2*childRow; i++ {
		f.there[tokenOf(i+1).String()] = true
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	dir := tempDir(t)
	for _, at := range []int{1, 30, 70, 119, 160, 230} {
		c, out := process(t, dir, server.URL)
		f.mu.Lock()
		err := c.Start()
		f.at, f.do = max(at, f.requests+1), func() { _ = c.Process.Kill() }
		f.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err == nil {
			t.Errorf("the process that is killed at request %d came to its end: %s", at, out)
		}
	}
	first, firstOut := process(t, dir, server.URL)
	second, secondOut := process(t, dir, server.URL)
	ready, release := make(chan struct{}), make(chan struct{})
	f.mu.Lock()
	f.at, f.do = f.requests+1, func() { close(ready); <-release }
	f.mu.Unlock()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-ready
	if err := second.Run(); second.ProcessState.ExitCode() != 1 || !strings.HasPrefix(secondOut.String(),
		string(job.ReasonRunning)) {
		t.Errorf("a second process ends with %v: %s", err, secondOut)
	}
	close(release)
	if err := first.Wait(); err != nil {
		t.Fatalf("%v: %s", err, firstOut)
	}
	store := &job.Store{Dir: dir}
	jobs, err := store.List(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].State != job.Finished {
		t.Fatalf("%+v, %v", jobs, err)
	}
	checkFleet(t, f, store, jobs[0].ID)
}

func checkFleet(t *testing.T, f *fleet, store *job.Store, id string) {
	t.Helper()
	rows := 0
	err := store.Rows(t.Context(), id, func(r job.Row) error {
		rows++
		want := map[bool]job.Outcome{true: job.Created, false: job.Deleted}[r.N <= childRow]
		if r.Outcome != want || r.DeviceToken == uuid.Nil {
			t.Errorf("row %d is %s: %v", r.N, r.Outcome, r.Err)
		}
		token := r.DeviceToken.String()
		if f.created[token]+f.deleted[token] != 1 {
			t.Errorf("the user of row %d was created %d times and deleted %d times", r.N, f.created[token],
				f.deleted[token])
		}
		return nil
	})
	if err != nil || rows != 2*childRow {
		t.Errorf("%d rows, %v", rows, err)
	}
}
