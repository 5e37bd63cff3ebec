package job_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// instant is an operation that takes no time.
type instant struct{}

func (instant) Name() string               { return "register" }
func (instant) Group() int                 { return 1 }
func (instant) Resendable(job.Record) bool { return true }

func (instant) Do(_ context.Context, group []job.Attempt) ([]job.Result, error) {
	return []job.Result{{Outcome: job.Created, DeviceToken: group[0].DeviceToken}}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What the engine and its journal cost a row, the request aside.
func BenchmarkRow(b *testing.B) {
	store := &job.Store{Dir: b.TempDir()}
	source := numbered(b.N)
	j, err := store.Begin(b.Context(), job.Request{Operation: "register", Input: strings.NewReader("x"), Once: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if err := j.Commit(b.Context(), job.Plan{Rows: b.N, Requested: b.N}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	_, err = j.Run(b.Context(), job.RunOptions{
		Operation: instant{}, Source: source, Concurrency: 32, Patience: time.Minute, FirstWait: time.Second, MaxFailures: -1,
		Clock: pace.Clock{Now: time.Now, Wait: wait},
	})
	if err != nil {
		b.Fatal(err)
	}
}
