package job_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// Jobs of one content share the seed of its nameless rows. Whatever rows each of them is about, in whatever order they run and however they are cut
// short: each row is a user once, and a job that meets another's user says that it exists.
func TestJobsOfOneContentMakeEachRowOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := make([]string, rapid.IntRange(1, 20).Draw(rt, "rows"))
		for i := range names {
			if rapid.Bool().Draw(rt, "has a ClientId") {
				names[i] = fmt.Sprintf("c-%d", i)
			}
		}
		g, disk := newRig(t, names...), newMemory()
		g.jobs.Disk = disk
		for i := range g.rows {
			g.rows[i].Nameless, g.rows[i].Drawn = g.rows[i].Drawn, false
		}
		for range rapid.IntRange(1, 3).Draw(rt, "runs") {
			which := rapid.IntRange(0, 2).Draw(rt, "job")
			from := which * len(names) / 4
			g.only(which, func(row job.Row) bool { return row.N > from && row.N <= from+len(names)/2 })
			g.live(disk, drawLife(rt))
		}
		g.m.fault = nil
		before := len(g.m.users)
		g.only(3, func(job.Row) bool { return true })
		whole := g.mustRun()
		if whole.Existing != before || whole.Created != len(names)-before {
			rt.Fatalf("%d users were there before, and the job of the whole says %+v", before, whole)
		}
		if len(g.m.users) != len(names) {
			rt.Fatalf("the service has %d users, not %d", len(g.m.users), len(names))
		}
	})
}

// only lets the rig run another job, of the rows that are chosen.
func (g *rig) only(which int, chosen func(job.Row) bool) {
	g.id = fmt.Sprintf("%012x", which)
	rows := slices.DeleteFunc(slices.Clone(g.rows), func(row job.Row) bool { return !chosen(row) })
	g.change = func(r *job.Run) {
		r.Requested = len(rows)
		r.Rows = func(_ context.Context, do func(job.Row) error) error {
			for _, row := range rows {
				row.User = row.User.Clone()
				if err := do(row); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// Only what changes the rows and what is sent of them makes another job; which is a matter of what the content was found to be, and not of whether
// --format said so.
func TestTheIdentityOfAJob(t *testing.T) {
	t.Parallel()
	spec := func(change func(*journal.Spec)) string {
		s := journal.Spec{Host: "https://service.example", Instance: instance.ID, File: &journal.File{Path: "/a.csv", Digest: "d", Format: "csv"}}
		change(&s)
		id, err := job.Identity(s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	want := spec(func(*journal.Spec) {})
	for name, c := range map[string]struct {
		change func(*journal.Spec)
		same   bool
	}{
		"another path":        {func(s *journal.Spec) { s.File.Path = "/b.csv" }, true},
		"standard input":      {func(s *journal.Spec) { s.File.Path, s.File.Stdin = "", true }, true},
		"another seed":        {func(s *journal.Spec) { s.Seed = "00" }, true},
		"another content":     {func(s *journal.Spec) { s.File.Digest = "e" }, false},
		"another format":      {func(s *journal.Spec) { s.File.Format = "tsv" }, false},
		"other rows":          {func(s *journal.Spec) { s.File.Limit = 10 }, false},
		"a field of them all": {func(s *journal.Spec) { s.Given = map[string]string{field.Get("Email").Name: "a@example.com"} }, false},
		"another instance":    {func(s *journal.Spec) { s.Instance = "i" }, false},
	} {
		if got := spec(c.change); (got == want) != c.same {
			t.Errorf("%s: the jobs are %s and %s", name, want, got)
		}
	}
}
