package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

var cities = []string{"", "Bonn", "Kiel", "Zoë", "Köln"}

// drawFile draws a file over the users c-0 … c-N: some are new, some are missing.
func drawFile(t *rapid.T, users int) table {
	f := table{columns: []string{"ClientId", "FirstName", "City", "EnableLogging", "ChildrenCount", "Birthday", "Status"}}
	for n := range users + 4 {
		if !rapid.Bool().Draw(t, "present") {
			continue
		}
		f.rows = append(f.rows, map[string]string{
			"ClientId": fmt.Sprintf("c-%d", n), "FirstName": rapid.SampledFrom([]string{"", "Ada", "Bo"}).Draw(t, "first"),
			"City":          rapid.SampledFrom(append(cities, `\N`)).Draw(t, "city"),
			"EnableLogging": rapid.SampledFrom([]string{"", "on", "off", "false"}).Draw(t, "logging"),
			"ChildrenCount": rapid.SampledFrom([]string{"", "0", "2", `\N`}).Draw(t, "children"),
			"Birthday":      rapid.SampledFrom([]string{"", "1990-05-31", "1991-01-01T00:00:00Z", `\N`}).Draw(t, "birthday"),
			"Status":        rapid.SampledFrom([]string{"", "Active", "deactivated", "Inactive"}).Draw(t, "status"),
		})
	}
	return f
}

func drawFleet(t *rapid.T, w *world) (users int) {
	users = rapid.IntRange(1, 8).Draw(t, "users")
	for n := range users {
		values := map[string]any{"ClientId": fmt.Sprintf("c-%d", n)}
		if city := rapid.SampledFrom(cities).Draw(t, "has city"); city != "" {
			values["City"] = city
		}
		if rapid.Bool().Draw(t, "has birthday") {
			values["Birthday"] = "1990-05-31T00:00:00Z"
		}
		user := w.register(t, values)
		if rapid.IntRange(0, 3).Draw(t, "is deactivated") == 0 {
			w.change(t, user, "Status", "Deactivated")
		}
	}
	return users
}

// What apply sends is what the plan says, action by action; a plan after it is empty;
// columns in any order are the same plan.
func TestApplySendsWhatThePlanSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	p := newPlanner(t, w, t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		w.clear(t)
		f := drawFile(t, drawFleet(t, w))
		if len(f.rows) == 0 {
			return
		}
		plan := p.mustMake(t, f.csv())
		shuffled := table{columns: rapid.Permutation(f.columns).Draw(t, "columns"), rows: f.rows}
		if again := p.mustMake(t, shuffled.csv()); encoded(t, again) != encoded(t, plan) {
			t.Fatalf("columns in another order are another plan:\n%s\n%s", encoded(t, plan), encoded(t, again))
		}
		w.writes = nil
		rows := p.carryOut(t, plan)
		if want := requests(plan); !slices.Equal(w.writes, want) {
			t.Fatalf("sent\n%s\nplanned\n%s", strings.Join(w.writes, "\n"), strings.Join(want, "\n"))
		}
		for _, row := range rows {
			if row.Err != nil {
				t.Fatalf("%+v", row)
			}
		}
		if rest := p.mustMake(t, f.csv()); len(rest.Actions) != 0 {
			t.Fatalf("after it was applied, the plan is %s", encoded(t, rest))
		}
	})
}

func encoded(t fataler, p *apply.Plan) string {
	t.Helper()
	text, err := json.Marshal(p.Actions)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// requests are those that carry a plan out.
func requests(p *apply.Plan) []string {
	var out []string
	for _, a := range p.Actions {
		fields := a.Fields()
		switch a.Action {
		case apply.Create:
			fields.Put(field.MustGet("CreateAccessToken"), false)
			fields.Put(field.MustGet("CustomToken"), a.DeviceToken.String())
			body, _ := fields.Body(field.Create)
			out = append(out, "POST /v1/Registration/create  "+string(body))
		case apply.Update, apply.Deactivate:
			body, _ := fields.Body(field.Update)
			out = append(out, "PUT /v1/Management/users "+a.DeviceToken.String()+" "+string(body))
		case apply.Delete:
			out = append(out, "DELETE /v1/Management/users/"+a.DeviceToken.String())
		}
	}
	return out
}

// A saved plan is read back as it was; a byte that differs is noticed.
func TestSavedPlanIsWhatWasPlanned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := drawPlan(t)
		var text strings.Builder
		if err := plan.Encode(&text); err != nil {
			t.Fatal(err)
		}
		read, err := apply.Decode(strings.NewReader(text.String()), "p.plan")
		if err != nil || encoded(t, read) != encoded(t, plan) || read.Summary != plan.Summary ||
			!slices.Equal(read.Adopt, plan.Adopt) {
			t.Fatalf("read %+v, %v", read, err)
		}
		damaged := []byte(text.String())
		damaged[rapid.IntRange(0, len(damaged)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 6).Draw(t, "bit")
		if _, err := apply.Decode(strings.NewReader(string(damaged)), "p.plan"); err == nil {
			t.Fatalf("a damaged plan is read: %s", damaged)
		}
	})
}

func drawPlan(t *rapid.T) *apply.Plan {
	plan := &apply.Plan{Head: apply.Head{Instance: instance.ID, Input: &apply.Input{Name: "f.csv"}}}
	for n := range rapid.IntRange(0, 5).Draw(t, "actions") {
		plan.Actions = append(plan.Actions, apply.Action{
			Action: rapid.SampledFrom(apply.Kinds()).Draw(t, "kind"), DeviceToken: uuid.New(), KeyField: "ClientId",
			Key: rapid.String().Draw(t, "key"), Row: n, Changes: []job.Change{
				{Field: "City", From: rapid.SampledFrom([]any{nil, "Bonn", "Zoë <&>"}).Draw(t, "from"), To: rapid.String().
					Draw(t, "to")},
				{Field: "EnableLogging", To: rapid.Bool().Draw(t, "flag")},
			},
		})
		plan.Summary.Update++
	}
	for range rapid.IntRange(0, 3).Draw(t, "adopted") * 300 {
		plan.Adopt = append(plan.Adopt, uuid.New())
	}
	return plan
}

// A file that is cut inside a row is refused once the whole one was applied; one that is cut at a
// line end is stopped by the limits on rows and removals.
func TestCutFileIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	f := table{columns: []string{"ClientId", "FirstName", "City"}}
	for n := range 60 {
		f.rows = append(f.rows, map[string]string{"ClientId": fmt.Sprintf("c-%d", n), "FirstName": "Ada", "City": "Bonn"})
	}
	p := newPlanner(t, w, t.TempDir())
	text := f.csv()
	p.send(t, p.mustMake(t, text))
	p.absent = apply.AbsentDeactivate
	for at := 1; at < len(text)-1; at += 7 {
		cut := text[:at]
		plan, err := p.make(cut)
		if err == nil {
			err = apply.Limits{}.Check(plan)
		}
		if missing := 60 - strings.Count(cut, "\n") + 1; err == nil && (!strings.HasSuffix(cut, "\n") || missing > 10) {
			t.Errorf("cut at byte %d (%q): not refused", at, cut[max(0, len(cut)-12):])
		}
	}
}

// plan, apply and undo lead back to the beginning, as far as it can be undone: users who were
// created stay.
func TestUndoIsTheInverse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	p := newPlanner(t, w, t.TempDir())
	p.absent = apply.AbsentDeactivate
	rapid.Check(t, func(t *rapid.T) {
		w.clear(t)
		f := drawFile(t, drawFleet(t, w))
		if len(f.rows) == 0 {
			return
		}
		begin := allOf(t, p)
		begin.Head.Input.Rows = len(f.rows)
		if err := p.ledger.Update(context.Background(), func(l *apply.Ledger) { l.Begin(begin, p.now) }); err != nil {
			t.Fatal(err)
		}
		before := w.users(t)
		undo := apply.NewUndo(apply.Head{Instance: instance.ID, Undoes: "job"})
		for _, row := range p.carryOut(t, p.mustMake(t, f.csv())) {
			undo.Add(row)
		}
		plan := undo.Plan()
		if err := (apply.Limits{}).Check(plan); err != nil {
			t.Fatal(err)
		}
		for _, row := range p.carryOut(t, plan) {
			if row.Outcome != job.Updated {
				t.Fatalf("%+v", row)
			}
		}
		after := w.users(t)
		for id, u := range before {
			if said(u) != said(after[id]) {
				t.Fatalf("before\n%s\nafter\n%s", said(u), said(after[id]))
			}
		}
	})
}

// allOf is a plan that adopts every user.
func allOf(t fataler, p *planner) *apply.Plan {
	t.Helper()
	plan := &apply.Plan{Head: apply.Head{Input: &apply.Input{Name: "f.csv", Rows: 1, Ended: true}}}
	for _, u := range p.users(t) {
		plan.Adopt = append(plan.Adopt, mustToken(u.DeviceToken))
	}
	return plan
}
