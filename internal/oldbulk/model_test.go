package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

var instance = userservice.Instance{ID: "11111111-2222-4333-8444-555555555555", Key: secret.New("99999999-2222-4333-8444-555555555555")}

// model is the service as far as registrations go, and what may go wrong on the way to it and back.
type model struct {
	mu       sync.Mutex
	users    map[string]string // DeviceToken → ClientId
	made     time.Time         // when they were created
	requests int
	largest  int // the largest batch

	// fault says what becomes of the request of this number (from 1); nil is nothing.
	fault func(n int) fault
	taken func() *http.Response // how the service refuses a token that is taken
	deaf  bool                  // it makes its own DeviceTokens
	batch bool                  // it has the call for batches
	turns int                   // the request at which that changes; 0: it does not

	poison  string          // a DeviceToken that it answers with 500
	refuses map[string]bool // DeviceTokens that it answers with 403
}

// fault is what goes wrong with one request.
type fault uint8

const (
	none       fault = iota
	lostBefore       // the connection breaks, and nothing was done
	lostAfter        // the connection breaks, and it was done
	truncated        // it was done, and the answer is cut
	html             // a proxy's page instead of an answer, and it was done
	status503
	status429
	retryAfter // 429 with Retry-After: 7
	status401
	status400
)

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func conflict() *http.Response {
	return answer(http.StatusConflict, `{"Status":409,"Errors":[{"Key":"CustomToken","Message":"taken"}]}`)
}

func newModel() *model {
	return &model{users: map[string]string{}, taken: conflict, made: time.Unix(1_700_000_000, 0)}
}

// RoundTrip implements http.RoundTripper.
func (m *model) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	if m.requests == m.turns {
		m.batch = !m.batch
	}
	f := none
	if m.fault != nil {
		f = m.fault(m.requests)
	}
	switch f {
	case lostBefore:
		return nil, errors.New("connection reset")
	case status503:
		return answer(http.StatusServiceUnavailable, ""), nil
	case status429:
		return answer(http.StatusTooManyRequests, ""), nil
	case status401:
		return answer(http.StatusUnauthorized, ""), nil
	case status400:
		return answer(http.StatusBadRequest, `{"Status":400,"Title":"no"}`), nil
	case retryAfter:
		r := answer(http.StatusTooManyRequests, "")
		r.Header.Set("Retry-After", "7")
		return r, nil
	}
	resp := m.register(req, body)
	switch f {
	case lostAfter:
		return nil, wrote(req, errors.New("connection reset"))
	case truncated:
		return answer(http.StatusOK, `{"Result":{"Devi`), nil
	case html:
		return answer(http.StatusOK, "<html>"), nil
	default:
		return resp, nil
	}
}

func (m *model) register(req *http.Request, body []byte) *http.Response {
	var in struct {
		Quantity    int
		CustomToken string
		UserFields  struct{ ClientId string }
	}
	_ = json.Unmarshal(body, &in)
	if strings.HasSuffix(req.URL.Path, "CreateMultiple") {
		if !m.batch {
			return answer(http.StatusNotFound, "")
		}
		m.largest = max(m.largest, in.Quantity)
		var list []string
		for range in.Quantity {
			token := uuid.NewString()
			m.users[token] = ""
			list = append(list, fmt.Sprintf("%q", token))
		}
		return answer(http.StatusOK, `{"Result":[`+strings.Join(list, ",")+`],"Status":200}`)
	}
	token := in.CustomToken
	if m.poison != "" && token == m.poison {
		return answer(http.StatusInternalServerError, "")
	}
	if m.refuses[token] {
		return answer(http.StatusForbidden, "")
	}
	if token == "" || m.deaf {
		token = uuid.NewString()
	}
	if _, ok := m.users[token]; ok {
		return m.taken()
	}
	m.users[token] = in.UserFields.ClientId
	return made(token)
}

func made(token string) *http.Response {
	return answer(http.StatusOK, fmt.Sprintf(`{"Result":{"DeviceToken":%q},"Status":200}`, token))
}

// clock is a clock that a wait moves on.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

// rig is a heldJob against a model of the service. Each run of it is a process of its own, as far as the heldJob can tell.
type rig struct {
	t       testing.TB
	m       *model
	id      string // of the heldJob
	jobs    journal.Jobs
	clock   *clock
	rows    []job.Row
	change  func(*job.Run)
	notes   []string
	results map[int]job.Result // of the last run
}

const jobID = "0123456789ab"

func newRig(t testing.TB, clients ...string) *rig {
	t.Helper()
	g := &rig{t: t, m: newModel(), id: jobID, jobs: journal.Jobs{Dir: t.TempDir()}, clock: &clock{now: time.Unix(1_800_000_000, 0)}}
	tokens := job.NewTokens(instance, "00112233445566778899aabbccddeeff")
	for i, c := range clients {
		row := job.Row{N: i + 1, ClientID: c, Token: tokens.OfRow(i + 1), Nameless: c == "", Drawn: c == ""}
		if c != "" {
			row.User.Put(field.Get("ClientId"), c)
			row.Token = tokens.OfClient(c)
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func clients(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("c-%d", i+1)
	}
	return out
}

// run runs the heldJob, as a new process would: with nothing but the journal from before.
func (g *rig) run(ctx context.Context) (job.Totals, error) {
	g.t.Helper()
	heldJob, err := g.jobs.Open(g.id)
	if err != nil {
		heldJob, err = g.jobs.Create(journal.Spec{ID: g.id, Begun: g.clock.Now(), Rows: len(g.rows), Requested: len(g.rows)})
	}
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() {
		if err := heldJob.Close(); err != nil {
			g.t.Fatal(err)
		}
	}()
	api, err := userservice.New(userservice.Options{UserURL: "https://service.example", Transport: held(g.t, g.m)})
	if err != nil {
		g.t.Fatal(err)
	}
	count, err := heldJob.Table.Count()
	if err != nil {
		g.t.Fatal(err)
	}
	g.results, g.notes = map[int]job.Result{}, nil
	run := job.Run{
		API: api.Once(), Instance: instance, Table: heldJob.Table, Begun: heldJob.Spec.Begun, Requested: len(g.rows), Concurrency: 4, Retries: 5, First: time.Second,
		Patience: 5 * time.Minute, MaxFailures: -1, Trusted: count.States[journal.Created]+count.States[journal.Existing] > 0, Clock: pace.Clock{Now: g.clock.Now, Wait: g.clock.Wait},
		Rows: func(_ context.Context, do func(job.Row) error) error {
			for _, row := range g.rows {
				row.User = row.User.Clone()
				if err := do(row); err != nil {
					return err
				}
			}
			return nil
		},
		Emit: func(r job.Result) error { g.results[r.Row] = r; return nil },
		Note: func(s string) { g.notes = append(g.notes, s) },
	}
	if g.change != nil {
		g.change(&run)
	}
	return run.Run(ctx)
}

// mustRun is run where nothing may end it early.
func (g *rig) mustRun() job.Totals {
	g.t.Helper()
	t, err := g.run(context.Background())
	if err != nil {
		g.t.Fatalf("the run ended early: %v", err)
	}
	return t
}

// holds makes sure that the service has each row's user once, and nobody else.
func (g *rig) holds() {
	g.t.Helper()
	if len(g.m.users) != len(g.rows) {
		g.t.Errorf("the service has %d users, not %d", len(g.m.users), len(g.rows))
	}
	for _, row := range g.rows {
		if client, ok := g.m.users[row.Token.String()]; !ok || client != row.ClientID {
			g.t.Errorf("row %d: the service has %q, %v for its DeviceToken", row.N, client, ok)
		}
	}
}
