package job_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job"
)

func TestJobsAreFoundByTheBeginningOfTheirID(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	op := &register{service: b.service}
	b.must(op, numbered(3))
	info, err := b.store.Find(t.Context(), strings.ToUpper(b.only().ID[:5]))
	if err != nil || info.State != job.Finished || info.Tally.Count(job.Created) != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	_, err = b.store.Find(t.Context(), "nothing")
	reason(t, err, job.ReasonNoJob)
	_, err = b.store.Find(t.Context(), "")
	reason(t, err, job.ReasonNoJob)
	var rows []job.Row
	if err := b.store.Rows(t.Context(), info.ID, func(r job.Row) error {
		rows = append(rows,
			r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[1].ClientID != "c-2" || rows[1].DeviceToken != tokenOf(2) || rows[1].Outcome != job.Created {
		t.Errorf("the rows are %+v", rows)
	}
}

func TestPruneRemovesWhatIsOldAndNothingThatRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(&register{service: b.service}, numbered(3))
	old := b.only().ID
	b.clock.advance(91 * 24 * time.Hour)
	if _, err := b.begin(b.request("delete"), 3); err != nil {
		t.Fatal(err)
	}
	removed, err := b.store.Prune(t.Context(), 90*24*time.Hour)
	if err != nil || len(removed) != 1 || removed[0] != old {
		t.Errorf("%v, %v", removed, err)
	}
	b.only()
}

func TestWhatAnUpdateChangedIsInTheJournal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	op := &detailed{remove{b.service}}
	b.must(op, numbered(2))
	err := b.store.Rows(t.Context(), b.only().ID, func(r job.Row) error {
		if string(r.Detail) != "before" || len(r.Changes) != 1 || r.Changes[0] != (job.Change{Field: "Enabled",
			From: true, To: "off"}) {
			t.Errorf("row %d is %+v", r.N, r)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// detailed says what it changed.
type detailed struct{ remove }

func (o detailed) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	results, err := o.remove.Do(ctx, group)
	for i := range results {
		results[i].Detail, results[i].Changes = []byte("before"), []job.Change{{Field: "Enabled", From: true,
			To: "off"}}
	}
	return results, err
}
