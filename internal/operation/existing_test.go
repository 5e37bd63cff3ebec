package operation_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// existing are the records of a file that names users.
func existing(t *testing.T, text string, use field.Use, admin bool, s job.Selection) *operation.ExistingUsers {
	t.Helper()
	file, err := input.Open(t.Context(),
		input.Options{Name: "-", Use: use, Identify: use != 0, Now: templateOptions.Now, SpoolDir: t.TempDir()},
		strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if _, _, err := file.Check(t.Context(),
		func(r *input.Row) error { t.Errorf("%+v", r.Mistakes); return nil }); err != nil {
		t.Fatal(err)
	}
	selector, err := operation.NewSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return &operation.ExistingUsers{File: file, Selector: selector, Admin: admin,
		Deriver: identity.NewDeriver(here, instance.Key)}
}

func gather(t *testing.T, source job.Source) []job.Record {
	t.Helper()
	var out []job.Record
	if err := source.Records(t.Context(), func(r job.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUsersWhomAListNames(t *testing.T) {
	t.Parallel()
	const list = ada + "\n# a comment\n\nclient:c-2\n" + ada + "\n"
	derived := identity.NewDeriver(here, instance.Key).Field(field.MustGet("ClientId"), "c-2")
	for _, admin := range []bool{true, false} {
		got := gather(t, existing(t, list, 0, admin, job.Selection{}))
		if len(got) != 2 || got[0].DeviceToken != uuid.MustParse(ada) {
			t.Fatalf("got %+v", got)
		}
		byKey := got[1].KeyField == "ClientId" && got[1].Key == "c-2" && got[1].DeviceToken == uuid.Nil
		if admin != byKey || !admin && got[1].DeviceToken != derived || got[1].ClientID != "c-2" {
			t.Errorf("admin is %t: got %+v", admin, got[1])
		}
	}
}

// A key says who is meant, and is not sent; beside a DeviceToken it is a value like any other.
func TestUsersWhomAFileUpdates(t *testing.T) {
	t.Parallel()
	got := gather(t, existing(t, "ClientId,City,Email\nc-1,Bonn,\nc-2,,\\N\n", field.Update, true, job.Selection{}))
	var bodies []string
	for _, r := range got {
		body, _ := r.Fields.Body(field.Update)
		bodies = append(bodies, r.Key+" "+string(body))
	}
	if want := `c-1 {"City":"Bonn"}; c-2 {"Email":null}`; strings.Join(bodies, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(bodies, "; "), want)
	}
	got = gather(t, existing(t, "DeviceToken,ClientId\n"+ada+",c-9\n", field.Update, true, job.Selection{}))
	if len(got) != 1 || got[0].Key != "" || got[0].Fields.Text("ClientId") != "c-9" {
		t.Errorf("got %+v", got)
	}
}

func TestSettledUsersAreNamedAlone(t *testing.T) {
	t.Parallel()
	u := existing(t, "ClientId,City\nc-1,Bonn\nc-2,Oslo\n", field.Update, true, job.Selection{})
	u.SkipSettled(func(n int) bool { return n == 1 })
	got := gather(t, u)
	if len(got) != 2 || got[0].N != 1 || got[0].Fields.Len() != 0 || got[1].Fields.Text("City") != "Oslo" {
		t.Errorf("got %+v", got)
	}
}

func TestShardsOfAListAreTheWhole(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for range 40 {
		list.WriteString(uuid.NewString() + "\n")
	}
	seen := map[int]bool{}
	for shard := 1; shard <= 3; shard++ {
		for _, r := range gather(t, existing(t, list.String(), 0, true, job.Selection{Shard: shard, Shards: 3})) {
			if seen[r.N] {
				t.Errorf("row %d is in two shards", r.N)
			}
			seen[r.N] = true
		}
	}
	if len(seen) != 40 {
		t.Errorf("the shards have %d of 40 rows", len(seen))
	}
}
