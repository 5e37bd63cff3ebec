package apply_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

var instance = userservice.Instance{ID: sandbox.InstanceID, Key: secret.New(sandbox.InstanceKey)}

// world is a sandbox whose requests are seen, and may be lost.
type world struct {
	box *sandbox.Sandbox
	api *userservice.Client

	mu     sync.Mutex
	next   http.RoundTripper
	writes []string // "PUT <DeviceToken> <body>", without the sign-in
	// answer, if not nil, stands in the way of each request but the sign-in; serve carries it out.
	answer func(r *http.Request, serve func() (*http.Response, error)) (*http.Response, error)
}

func newWorld(t fataler) *world {
	t.Helper()
	box, err := sandbox.Open(sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{box: box, next: sandbox.Transport(box)}
	client, err := userservice.New(userservice.Options{
		UserURL: "http://localhost", AccountsURL: "http://localhost", Transport: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := client.SignInAdmin(context.Background(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	if err != nil {
		t.Fatal(err)
	}
	w.api = client.Once().WithAuthorizer(userservice.StaticToken{JWT: pair.Access})
	w.writes = nil
	return w
}

func (w *world) close() { _ = w.box.Close() }

// clear deletes all users of the instance: a sandbox costs more than a user.
func (w *world) clear(t fataler) {
	t.Helper()
	for _, u := range w.users(t) {
		if err := w.api.Delete(context.Background(), w.admin(), u.DeviceToken); err != nil {
			t.Fatal(err)
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.ToLower(r.URL.Path)
	write := !strings.Contains(path, "/auth/") && !strings.HasSuffix(path, "/find") &&
		!strings.HasSuffix(path, "/getfilteredpage") &&
		(r.Method != http.MethodGet)
	if write {
		body := ""
		if r.Body != nil {
			text, _ := io.ReadAll(r.Body)
			body = string(text)
			r.Body = io.NopCloser(strings.NewReader(body))
		}
		w.mu.Lock()
		w.writes = append(w.writes, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("UserDeviceToken")+" "+body))
		w.mu.Unlock()
	}
	serve := func() (*http.Response, error) { return w.next.RoundTrip(r) }
	if w.answer != nil && !strings.Contains(path, "/auth/") {
		return w.answer(r, serve)
	}
	return serve()
}

func (w *world) admin() userservice.Caller { return userservice.AsAdmin() }

// register creates a user without the program under test.
func (w *world) register(t fataler, values map[string]any) uuid.UUID {
	t.Helper()
	var s field.Set
	s.Put(field.MustGet("CreateAccessToken"), false)
	for name, v := range values {
		s.Put(field.MustGet(name), v)
	}
	got, err := w.api.Register(context.Background(), instance, s)
	if err != nil {
		t.Fatal(err)
	}
	return uuid.MustParse(got.DeviceToken)
}

func (w *world) change(t fataler, user uuid.UUID, name string, value any) {
	t.Helper()
	var s field.Set
	s.Put(field.MustGet(name), value)
	if err := w.api.Update(context.Background(), w.admin(), user.String(), s); err != nil {
		t.Fatal(err)
	}
}

// users returns the users of the instance by their ClientIds; one whose ClientId comes twice fails.
func (w *world) users(t fataler) map[string]userservice.User {
	t.Helper()
	out := map[string]userservice.User{}
	fetch := fleet.FetchInstance(w.api, w.admin(), instance.ID)
	for page, err := range fleet.Pages(context.Background(), fetch, fleet.PageOptions{Complete: true}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			if _, twice := out[u.ClientID()]; twice {
				t.Fatalf("two users have ClientId %q", u.ClientID())
			}
			out[u.ClientID()] = u
		}
	}
	return out
}

// said returns all that a user says, for comparison.
func said(u userservice.User) string {
	text := u.ClientID() + ":"
	for _, f := range u.Fields.Fields() {
		v, _ := u.Fields.Value(f)
		text += fmt.Sprintf(" %s=%v", f.Name, v)
	}
	return text
}

// table is a file of rows.
type table struct {
	columns []string
	rows    []map[string]string
}

func (f table) csv() string {
	var b strings.Builder
	b.WriteString(strings.Join(f.columns, ",") + "\n")
	for _, r := range f.rows {
		for i, c := range f.columns {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(r[c])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// planner is how a file is planned in tests.
type planner struct {
	*world
	dir    string
	ledger *apply.Ledger
	now    time.Time
	absent apply.Absent
	moves  bool
	size   int // of a page; 0 for the usual
	grace  time.Duration
	keep   *apply.Keep
	doubt  string // the field of the last cell, if it may have been cut
}

func newPlanner(t fataler, w *world, dir string) *planner {
	t.Helper()
	l, err := apply.OpenLedger(filepath.Join(dir, "ledger"), "host", instance.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &planner{world: w, dir: dir, ledger: l, now: time.Now(), absent: apply.AbsentIgnore, grace: 30 * 24 * time.Hour}
}

// open opens and checks a file; errors are those that refuse it.
func (p *planner) open(text string) (*apply.File, apply.Input, error) {
	path := filepath.Join(p.dir, "input-"+uuid.NewString()+".csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, apply.Input{}, err
	}
	clientID := []*field.Field{field.MustGet("ClientId")}
	f, err := input.Open(context.Background(), input.Options{
		Name: path, Use: field.Update, Keys: clientID, Identify: true, Now: p.now,
	}, nil)
	if err != nil {
		return nil, apply.Input{}, err
	}
	var groups input.Groups
	file := &apply.File{In: f, Keys: clientID}
	rows, bad, err := file.Check(context.Background(), groups.AddRow)
	if err == nil && bad > 0 {
		err = groups.Err(fmt.Sprintf("%d of %d rows are invalid", bad, rows))
	}
	if err != nil {
		_ = f.Close()
		return nil, apply.Input{}, err
	}
	in := apply.Input{Name: "f.csv", Rows: rows, Ended: strings.HasSuffix(text, "\n")}
	if last := f.LastField(); last != nil {
		in.Last = last.Name
	}
	return file, in, nil
}

func (p *planner) make(text string) (*apply.Plan, error) {
	file, in, err := p.open(text)
	if err != nil {
		return nil, err
	}
	f := file.In
	defer func() { _ = f.Close() }()
	if err := apply.CheckRows(in, f.Truncated(), p.ledger, apply.RowLimits{}); err != nil {
		return nil, err
	}
	columns := f.Fields()
	slices.SortFunc(columns, func(a, b *field.Field) int {
		all := field.All(field.Update)
		return slices.Index(all, a) - slices.Index(all, b)
	})
	keys := []*field.Field{field.MustGet("ClientId")}
	o := apply.Options{
		Head:    apply.Head{Made: p.now, Instance: instance.ID, Input: &in},
		Columns: columns, Keys: keys, Absent: p.absent, Grace: p.grace, Keep: p.keep,
		Ledger: p.ledger, Deriver: identity.NewDeriver(instance.ID, instance.Key), Now: p.now,
	}
	if p.moves {
		o.Moves = fleet.FindIn(p.api, p.admin())
	}
	users := func(ctx context.Context, do func(*userservice.User) error) (total int, err error) {
		fetch := fleet.FetchInstanceOnly(p.api, p.admin(), instance.ID, o.Reads())
		for page, err := range fleet.Pages(ctx, fetch, fleet.PageOptions{Complete: true, Size: p.size}) {
			if err != nil {
				return 0, err
			}
			total = page.Total
			for i := range page.Users {
				if err := do(&page.Users[i]); err != nil {
					return 0, err
				}
			}
		}
		return total, nil
	}
	plan, err := apply.Make(context.Background(), file, users, o)
	if err != nil {
		return nil, err
	}
	if p.doubt, err = apply.CheckEnd(plan, p.ledger, apply.RowLimits{}); err != nil {
		return nil, err
	}
	return plan, nil
}

func (p *planner) mustMake(t fataler, text string) *apply.Plan {
	t.Helper()
	plan, err := p.make(text)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (p *planner) operation(plan *apply.Plan) *apply.Operation {
	return &apply.Operation{
		API: p.api, Instance: instance, Actions: plan.Actions, ServiceTime: p.api.ServiceTime,
		Users: &fleet.Membership{
			Find: fleet.FindIn(p.api, p.admin()), Instance: fleet.Instance{ID: instance.ID}, Now: time.Now,
		},
		Other: func(_ context.Context, id string) (userservice.Instance, error) {
			return userservice.Instance{ID: id, Key: secret.New(sandbox.SecondInstanceKey)}, nil
		},
	}
}

// send carries a plan out without the engine, and keeps the ledger.
func (p *planner) send(t fataler, plan *apply.Plan) []job.Row {
	t.Helper()
	out := p.carryOut(t, plan)
	err := p.ledger.Update(context.Background(), func(l *apply.Ledger) {
		l.Begin(plan, p.now)
		l.Settled(out, p.now)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// carryOut carries a plan out without the engine.
func (p *planner) carryOut(t fataler, plan *apply.Plan) []job.Row {
	t.Helper()
	op := p.operation(plan)
	var out []job.Row
	err := op.Records(context.Background(), func(r job.Record) error {
		results, err := op.Do(context.Background(), []job.Attempt{{Record: r, FirstSent: time.Now()}})
		if err != nil {
			return err
		}
		row := job.Row{N: r.N, ClientID: r.ClientID, Action: r.Action, Result: results[0]}
		if row.DeviceToken == uuid.Nil {
			row.DeviceToken = r.DeviceToken
		}
		out = append(out, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run carries a plan out by the engine, as the job of an ID, or resumes it. It returns the job's
// ID.
func (p *planner) run(ctx context.Context, t testing.TB, plan *apply.Plan) (id string, summary job.Summary, err error) {
	t.Helper()
	var text strings.Builder
	if err := plan.Encode(&text); err != nil {
		t.Fatal(err)
	}
	store := &job.Store{Dir: filepath.Join(p.dir, "jobs")}
	j, err := store.Begin(t.Context(), job.Request{
		Operation: apply.Name, Host: "host", Instance: instance.ID, Input: strings.NewReader(text.String()), Once: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if j.Fresh() {
		if err := j.Commit(t.Context(), job.Plan{Rows: len(plan.Actions), Requested: len(plan.Actions)}); err != nil {
			t.Fatal(err)
		}
	}
	op := p.operation(plan)
	wait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	summary, err = j.Run(ctx, job.RunOptions{
		Operation: op, Source: op, Concurrency: 3, Retries: 3, FirstWait: time.Second, Patience: time.Hour, MaxFailures: -1,
		Clock: pace.Clock{Now: time.Now, Wait: wait}, Check: apply.CheckStale,
	})
	return j.Spec.ID, summary, err
}

func mustToken(text string) uuid.UUID { return uuid.MustParse(text) }
