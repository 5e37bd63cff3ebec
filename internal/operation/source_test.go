package operation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// table is an input: its first row is the header.
type table [][]string

func (f table) Header() []string { return f[0] }

func (f table) EachOf(_ context.Context, look func(int) bool, do func(*input.Row) error) error {
	for i, cells := range f[1:] {
		row := &input.Row{N: i + 1, Line: i + 2, Cells: cells}
		for c, cell := range cells {
			if name := f[0][c]; cell != "" && look(row.N) {
				row.Set.Put(field.MustGet(name), cell)
			}
		}
		if err := do(row); err != nil {
			return err
		}
	}
	return nil
}

// newUsers are the records of a table, or of a quantity.
func newUsers(t *testing.T, file operation.Rows, keys string, s job.Selection,
	templates ...string) *operation.NewUsers {
	t.Helper()
	preference, err := identity.ParsePreference(keys)
	if err != nil {
		t.Fatal(err)
	}
	selector, err := operation.NewSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	made, err := operation.ParseTemplates(templates, templateOptions)
	if err != nil {
		t.Fatal(err)
	}
	deriver := identity.NewDeriver(here, instance.Key)
	rule := &identity.Rule{Deriver: deriver, Preference: preference, Seed: deriver.Run("monday")}
	return &operation.NewUsers{File: file, Quantity: 20, Selector: selector, Templates: made, Rule: rule}
}

func records(t *testing.T, u *operation.NewUsers) []job.Record {
	t.Helper()
	var out []job.Record
	if err := u.Records(t.Context(), func(r job.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func rows(all []job.Record) string {
	var out []string
	for _, r := range all {
		out = append(out, fmt.Sprint(r.N))
	}
	return strings.Join(out, " ")
}

var staff = table{
	{"ClientId", "FirstName", "City"},
	{"c-1", "Ada", "Bonn"}, {"c-2", "Bo", "Oslo"}, {"c-3", "Cy", "Bonn"}, {"", "Di", "Bonn"}, {"c-5", "Ed", "Bonn"},
}

func TestSelections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		selection job.Selection
		want      string
	}{
		{job.Selection{}, "1 2 3 4 5"},
		{job.Selection{Match: "City=^Bo"}, "1 3 4 5"},
		{job.Selection{Match: "city=^Bo", Offset: 1}, "3 4 5"},
		{job.Selection{Match: "City=^Bo", Offset: 1, Limit: 2}, "3 4"},
		{job.Selection{Limit: 2}, "1 2"},
	} {
		if got := rows(records(t, newUsers(t, staff, "client-id", c.selection))); got != c.want {
			t.Errorf("%+v: got rows %s, want %s", c.selection, got, c.want)
		}
	}
	for match, reason := range map[string]failure.Reason{"City": operation.ReasonMatch, "=x": operation.ReasonMatch,
		"City=(": operation.ReasonMatch} {
		if _, err := operation.NewSelector(job.Selection{Match: match}); !failure.HasReason(err, reason) {
			t.Errorf("%q: got %v", match, err)
		}
	}
	u := newUsers(t, staff, "client-id", job.Selection{Match: "Hat=x"})
	if err := u.Records(t.Context(), nil); !failure.HasReason(err, operation.ReasonNoColumn) {
		t.Errorf("got %v", err)
	}
}

func TestRowWithoutItsKeyIsInvalid(t *testing.T) {
	t.Parallel()
	for _, r := range records(t, newUsers(t, staff, "client-id", job.Selection{})) {
		if missing := r.N == 4; missing != (r.Invalid != "") || missing != (r.DeviceToken == uuid.Nil) {
			t.Errorf("row %d: %q, %s", r.N, r.Invalid, r.DeviceToken)
		}
		if r.N == 1 && (r.ClientID != "c-1" || r.Line != 2 || r.DeviceToken != identity.NewDeriver(here, instance.Key).
			Field(field.MustGet("ClientId"), "c-1")) {
			t.Errorf("row 1 is %+v", r)
		}
	}
}

// The shards of an input are the whole of it, also where equal rows differ only in their number.
func TestShardsOfAnInputAreTheWhole(t *testing.T) {
	t.Parallel()
	twins := table{{"FirstName", "City"}}
	for i := range 60 {
		twins = append(twins, []string{"Ada", []string{"Bonn", "Oslo", ""}[i%3]})
	}
	for name, build := range map[string]func(job.Selection) *operation.NewUsers{
		"content":  func(s job.Selection) *operation.NewUsers { return newUsers(t, twins, "content", s) },
		"keys":     func(s job.Selection) *operation.NewUsers { return newUsers(t, staff, "client-id,content", s) },
		"numbered": func(s job.Selection) *operation.NewUsers { return newUsers(t, nil, "random", s) },
		"by templates": func(s job.Selection) *operation.NewUsers {
			return newUsers(t, nil, "client-id", s, "ClientId=c-{{.N}}")
		},
	} {
		whole := map[string]bool{}
		for _, r := range records(t, build(job.Selection{})) {
			whole[fmt.Sprint(r.N, r.DeviceToken)] = true
		}
		parts := 0
		for shard := 1; shard <= 4; shard++ {
			for _, r := range records(t, build(job.Selection{Shard: shard, Shards: 4})) {
				if parts++; !whole[fmt.Sprint(r.N, r.DeviceToken)] {
					t.Errorf("%s: row %d of shard %d is another user", name, r.N, shard)
				}
			}
		}
		if parts != len(whole) || parts == 0 {
			t.Errorf("%s: the shards have %d rows, the whole has %d", name, parts, len(whole))
		}
	}
}

// A resumed job has the same users, and reads no more than names of what is settled.
func TestSettledRowsAreNotReadAgain(t *testing.T) {
	t.Parallel()
	u := newUsers(t, staff, "client-id", job.Selection{})
	first := records(t, u)
	u.SkipSettled(func(n int) bool { return n != 3 })
	again := records(t, u)
	if len(again) != len(first) || again[2].DeviceToken != first[2].DeviceToken || again[0].Fields.Len() != 0 {
		t.Errorf("got %+v", again)
	}
}

func TestCellsWinOverTemplates(t *testing.T) {
	t.Parallel()
	all := records(t, newUsers(t, staff, "client-id", job.Selection{}, "ClientId=x-{{.N}}", "City=Rome"))
	if all[0].ClientID != "c-1" || all[3].ClientID != "x-4" || all[3].Fields.Text("City") != "Bonn" ||
		all[3].Invalid != "" {
		t.Errorf("got %+v", all)
	}
}

// Rows that templates give the same key would be one user.
func TestTemplatesThatGiveTwoRowsTheSameKey(t *testing.T) {
	t.Parallel()
	const lastDigit = `ClientId=ci-{{slice (printf "%02d" .N) 1}}`
	for name, c := range map[string]struct {
		file           operation.Rows
		keys, template string
		says           string
	}{
		"the last digit of the number": {nil, "client-id,random", lastDigit,
			`rows 1 and 11 have the same ClientId "ci-1"`},
		"a key for each": {nil, "client-id,random", "ClientId=ci-{{.N}}", ""},
		"not the key":    {nil, "random", lastDigit, ""},
		"the key of a cell": {staff, "client-id", "ClientId=c-{{if eq .N 4}}1{{else}}x{{.N}}{{end}}",
			`rows 1 and 4 have the same ClientId "c-1"`},
		"cells and a key for the blank": {staff, "client-id", "ClientId=x-{{.N}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newUsers(t, c.file, c.keys, job.Selection{}, c.template).CheckKeys(t.Context())
			if (c.says == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.says) ||
				!failure.HasReason(err, operation.ReasonSameKey)) {
				t.Errorf("%v, not %q", err, c.says)
			}
		})
	}
}
