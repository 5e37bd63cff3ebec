package apply_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// lines is a plan, a line an action.
func lines(p *apply.Plan) string {
	var b strings.Builder
	for _, a := range p.Actions {
		fmt.Fprintf(&b, "%s %s", a.Action, a.Key)
		for _, c := range a.Changes {
			fmt.Fprintf(&b, " %s=%v→%v", c.Field, c.From, c.To)
		}
		b.WriteByte('\n')
	}
	b.WriteString(p.Summary.Text() + "\n")
	if p.SharedKeys > 0 {
		fmt.Fprintf(&b, "%d keys of several users each\n", p.SharedKeys)
	}
	return b.String()
}

// outcome returns what shows a plan, or why there is none. limit is the limit of updates; "" is the
// usual.
func outcome(limit string) func(p *apply.Plan, err error) string {
	return func(p *apply.Plan, err error) string {
		var limits apply.Limits
		if err == nil && limit != "" {
			var given apply.Limit
			given, err = apply.ParseLimit(limit, false)
			limits.Update = &given
		}
		if err == nil {
			err = limits.Check(p)
		}
		return planOrError(p, err)
	}
}

func planOrError(p *apply.Plan, err error) string {
	if err != nil {
		f := failure.From(err)
		text := fmt.Sprintf("%s (%s): %s\n", f.Code, f.Reason, f.Message)
		for _, x := range f.Fields {
			text += fmt.Sprintf("  %s: %s\n", x.Key, deviceToken.ReplaceAllString(x.Message, "TOKEN"))
		}
		return text
	}
	return lines(p)
}

// Each wound that a sync of this kind has dealt somebody, and the plan, or the refusal, that is the
// answer: the golden file has its name.
func TestWounds(t *testing.T) {
	t.Parallel()
	const head = "ClientId,FirstName,City\n"
	rows := func(from, to int) string {
		var b strings.Builder
		for n := from; n < to; n++ {
			fmt.Fprintf(&b, "c-%d,Ada,Bonn\n", n)
		}
		return b.String()
	}
	for _, c := range []struct {
		name   string
		first  bool // the file was never applied
		ignore bool // nobody is removed
		limit  string
		change func(t *testing.T, p *planner)
		file   string
	}{
		{name: "an export that came back empty", file: head},
		{name: "an export that came back with a third", file: head + rows(0, 10)},
		{name: "an export that lacks a few", file: head + rows(2, 30)},
		{name: "an export that lacks more than the limit", file: head + rows(0, 30),
			change: func(t *testing.T, p *planner) {
				for n := 30; n < 41; n++ {
					p.adopt(t, p.register(t, map[string]any{"ClientId": fmt.Sprintf("c-%d", n), "FirstName": "Ada", "City": "Bonn"}))
				}
			}},
		{name: "an export that was cut inside a row", file: head + rows(0, 29) + "c-29,A"},
		{name: "a column that came blank", file: head + strings.ReplaceAll(rows(0, 30), "Bonn", "")},
		{name: "a column that is gone", file: "ClientId,FirstName\n" + strings.ReplaceAll(rows(0, 30), ",Bonn", "")},
		{name: "a column that was filled with one value", file: head + strings.ReplaceAll(rows(0, 30), "Bonn", "Kiel")},
		{name: "a value that is cleared on purpose", file: head + strings.Replace(rows(0, 30), "Bonn", `\N`, 1)},
		{name: "a limit that is to be switched off",
			file: head + strings.ReplaceAll(rows(0, 30), "Bonn", "Kiel"), limit: "100%"},
		{name: "a limit that lets exactly this through",
			file: head + strings.ReplaceAll(rows(0, 30), "Bonn", "Kiel"), limit: "30"},
		{name: "a key that comes twice in the file", file: head + rows(0, 30) + rows(4, 5)},
		{name: "a key that two users have", file: head + rows(0, 30), change: func(t *testing.T, p *planner) {
			p.register(t, map[string]any{"ClientId": "c-4"})
		}},
		{name: "a key that two users have whom the file does not name", file: head + rows(0, 29),
			change: func(t *testing.T, p *planner) {
				p.register(t, map[string]any{"ClientId": "c-29"})
			}},
		{name: "a key that two users have who are not managed", file: head + rows(0, 30),
			change: func(t *testing.T, p *planner) {
				p.register(t, map[string]any{"ClientId": "theirs"})
				p.register(t, map[string]any{"ClientId": " theirs"})
			}},
		{name: "an export that was cut inside the last cell", file: head + rows(0, 29) + "c-29,Ada,Bo"},
		{name: "a first export that was cut inside the last cell", first: true, ignore: true,
			file: head + rows(0, 29) + "c-29,Ada,Bo"},
		{name: "a first export that was cut at the last cell", first: true, ignore: true,
			file: head + rows(0, 29) + "c-29,Ada,"},
		{name: "a first export whose last line was never ended", first: true, ignore: true,
			file: head + rows(0, 29) + "c-29,Ada,Kiel"},
		{name: "keys in another form", file: head + strings.Replace(rows(0, 30), "c-7", " c-7\u200b", 1)},
		{name: "another key in every row", file: head + strings.ReplaceAll(rows(0, 30), "c-", "d-")},
		{name: "users whom nobody has put in a file", file: head + rows(0, 30), change: func(t *testing.T, p *planner) {
			p.register(t, map[string]any{"ClientId": "theirs"})
		}},
		{name: "removal before the first apply", first: true, file: head + rows(0, 30)},
		{name: "a user who was deactivated and returns", file: head + rows(0, 30), change: func(t *testing.T, p *planner) {
			absent, grace := p.absent, p.grace
			p.send(t, p.mustMake(t, head+rows(1, 30)))
			p.absent, p.grace = absent, grace
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			defer w.close()
			p := newPlanner(t, w, t.TempDir())
			for n := range 30 {
				p.register(t, map[string]any{"ClientId": fmt.Sprintf("c-%d", n), "FirstName": "Ada", "City": "Bonn"})
			}
			if !c.first {
				p.send(t, p.mustMake(t, head+rows(0, 30)))
			}
			if !c.ignore {
				p.absent = apply.AbsentDeactivate
			}
			if c.change != nil {
				c.change(t, p)
			}
			w.writes = nil
			got := strings.ReplaceAll(outcome(c.limit)(p.make(c.file)), p.dir, "DIR")
			if p.doubt != "" {
				got += "the last " + p.doubt + " may have been cut\n"
			}
			got = inputName.ReplaceAllString(got, "f.csv")
			if len(w.writes) > 0 {
				t.Errorf("a plan sends %q", w.writes)
			}
			golden(t, c.name, got)
		})
	}
}

// notManaged is how many users of others are there by the time that a moving list ends.
var notManaged = regexp.MustCompile(`[0-9]+ not managed`)

var deviceToken = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// inputName is what a test's file is called.
var inputName = regexp.MustCompile(`DIR/input-[0-9a-f-]*\.csv`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "wounds", strings.ReplaceAll(name, " ", "-")+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("got\n%s\nwant\n%s\n(UPDATE_GOLDEN=1 writes it) %v", got, want, err)
	}
}

func (p *planner) adopt(t fataler, user uuid.UUID) {
	t.Helper()
	head := apply.Head{}
	err := p.ledger.Update(context.Background(), func(l *apply.Ledger) {
		l.Begin(&apply.Plan{Head: head, Adopt: []uuid.UUID{user}}, p.now)
	})
	if err != nil {
		t.Fatal(err)
	}
}

const twoUsers = "ClientId,City\nc-1,Bonn\nc-2,Bonn\n"

// Deleting takes two steps: an absent user is deactivated, and deleted after the grace.
func TestDeletingTakesTwoSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	p := newPlanner(t, w, t.TempDir())
	p.send(t, p.mustMake(t, "ClientId,City\nc-1,Bonn\nc-2,Bonn\nc-3,Bonn\n"))
	w.change(t, mustToken(w.users(t)["c-3"].DeviceToken), "Status", "Deactivated") // by somebody else
	p.absent = apply.AbsentDelete
	for _, c := range []struct {
		day  int
		file string
		want apply.Summary
	}{
		// c-2; since when c-3 is so was not known
		{0, "ClientId,City\nc-1,Bonn\n", apply.Summary{Deactivate: 1, Unchanged: 2}},
		{29, "ClientId,City\nc-1,Bonn\n", apply.Summary{Unchanged: 3}},
		{31, "ClientId,City\nc-1,Bonn\n", apply.Summary{Delete: 2, Unchanged: 1}},
		{32, "ClientId,City\nc-1,Bonn\n", apply.Summary{Unchanged: 1}},
	} {
		p.now = time.Now().Add(time.Duration(c.day) * 24 * time.Hour)
		p.ledger.Rows = 1
		plan := p.mustMake(t, c.file)
		if plan.Summary != c.want {
			t.Fatalf("day %d: got %+v, want %+v", c.day, plan.Summary, c.want)
		}
		p.send(t, plan)
	}
}

// A value that the service changes each time it is written is left alone after the second time; one
// that somebody edits is not.
func TestValueThatTheServiceNormalizesIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	p := newPlanner(t, w, t.TempDir())
	p.send(t, p.mustMake(t, twoUsers))
	user := mustToken(w.users(t)["c-1"].DeviceToken)
	for round := 1; round <= 4; round++ {
		w.change(t, user, "City", "BONN")
		plan := p.mustMake(t, twoUsers)
		wantUpdates := 1
		if round > 2 {
			wantUpdates = 0
		}
		if plan.Summary.Update != wantUpdates || len(plan.Normalized) != 1-wantUpdates {
			t.Fatalf("round %d: got %s%+v", round, lines(plan), plan.Normalized)
		}
		p.send(t, plan)
	}
	w.change(t, user, "City", "Kiel")
	if plan := p.mustMake(t, twoUsers); plan.Summary.Update != 1 {
		t.Errorf("an edit is left alone: %s", lines(plan))
	}
}

// A user who has changed since the plan was made is stale, and nothing is sent for it.
func TestUserWhoChangedIsStale(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, p *planner, user uuid.UUID){
		"edited": func(t *testing.T, p *planner, user uuid.UUID) { p.change(t, user, "City", "Oslo") },
		"deleted": func(t *testing.T, p *planner, user uuid.UUID) {
			if err := p.api.Delete(t.Context(), p.admin(), user.String()); err != nil {
				t.Fatal(err)
			}
		},
		"moved": func(t *testing.T, p *planner, user uuid.UUID) { p.moveAway(t, user) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			defer w.close()
			p := newPlanner(t, w, t.TempDir())
			user := p.register(t, map[string]any{"ClientId": "c-1", "City": "Rome"})
			plan := p.mustMake(t, "ClientId,City\nc-1,Bonn\n")
			change(t, p, user)
			w.writes = nil
			rows := p.send(t, plan)
			if rows[0].Outcome != job.Stale || len(w.writes) > 0 {
				t.Errorf("got %+v, and sent %q", rows[0], w.writes)
			}
			golden(t, "a plan that is stale, the user was "+name,
				fmt.Sprintf("%s%s %s: %v\n", lines(plan), rows[0].Outcome, rows[0].ClientID, rows[0].Err))
		})
	}
}

func (w *world) moveAway(t fataler, user uuid.UUID) {
	t.Helper()
	to := userservice.Instance{ID: sandbox.SecondInstanceID, Key: secret.New(sandbox.SecondInstanceKey)}
	if err := w.api.Move(context.Background(), w.admin(), user.String(), to); err != nil {
		t.Fatal(err)
	}
}

// A key that exists in another instance is a move, only where moves are allowed; else it is refused
// when its turn comes.
func TestKeyOfAnotherInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	p := newPlanner(t, w, t.TempDir())
	user := p.register(t, map[string]any{"ClientId": "c-1", "City": "Rome"})
	p.moveAway(t, user)
	rows := p.send(t, p.mustMake(t, twoUsers))
	if rows[0].Outcome != job.Failed || !failure.HasReason(rows[0].Err, apply.ReasonOtherInstance) ||
		rows[1].Outcome != job.Created {
		t.Errorf("got %+v", rows)
	}
	p.moves = true
	plan := p.mustMake(t, twoUsers)
	if plan.Summary.Move != 1 || plan.Summary.Update != 1 || plan.Summary.Create != 0 {
		t.Fatalf("got %s", lines(plan))
	}
	p.send(t, plan)
	if got := w.users(t)["c-1"]; got.DeviceToken != user.String() || got.Fields.Text("City") != "Bonn" {
		t.Errorf("got %+v", got)
	}
	if rest := p.mustMake(t, twoUsers); len(rest.Actions) != 0 {
		t.Errorf("then the plan is %s", lines(rest))
	}
}

// The list of a fleet moves while it is read: nobody is created twice, and nobody is removed who is
// in the file.
func TestListThatMovesWhileItIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	p := newPlanner(t, w, t.TempDir())
	f := table{columns: []string{"ClientId", "City"}}
	for n := range 60 {
		f.rows = append(f.rows, map[string]string{"ClientId": fmt.Sprintf("c-%d", n), "City": "Bonn"})
	}
	p.send(t, p.mustMake(t, f.csv()))
	var others []uuid.UUID
	for n := range 12 {
		others = append(others, p.register(t, map[string]any{"ClientId": fmt.Sprintf("o-%d", n)}))
	}
	p.absent, p.size = apply.AbsentDeactivate, 20
	pages := 0
	w.answer = func(r *http.Request, serve func() (*http.Response, error)) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/GetFilteredPage") {
			if pages++; pages%2 == 0 && len(others) > 0 {
				inner := w.answer
				w.answer = nil
				_ = w.api.Delete(context.Background(), w.admin(), others[0].String())
				p.register(t, map[string]any{"ClientId": "new-" + others[0].String()})
				others = others[1:]
				w.answer = inner
			}
		}
		return serve()
	}
	plan, err := p.make(f.csv())
	w.answer = nil
	if err != nil && !failure.HasReason(err, fleet.ReasonListMoves) {
		t.Fatal(err)
	}
	got := ""
	if err == nil {
		got = notManaged.ReplaceAllString(lines(plan), "N not managed")
	}
	golden(t, "a list that moves while it is read", got)
	// A user whom the list has missed altogether is found before it is created.
	missed := &apply.Plan{Actions: []apply.Action{{Action: apply.Create, Key: "c-7", KeyField: "ClientId", Row: 1,
		DeviceToken: uuid.New(), Changes: []job.Change{{Field: "ClientId", To: "c-7"}}}}}
	w.writes = nil
	if rows := p.send(t, missed); rows[0].Outcome != job.Existing || len(w.writes) > 0 {
		t.Errorf("got %+v, and sent %q", rows[0], w.writes)
	}
}
