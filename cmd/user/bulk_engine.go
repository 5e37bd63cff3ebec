package user

import (
	"context"
	"math"
	"runtime/debug"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// frugal gives the heap of a run a size, and lets it be filled before garbage is collected: memory is then the same however long the run is, and less
// time goes into collecting. Connections and their goroutines have room of their own. A GOMEMLIMIT of the environment is left as it is.
func frugal(concurrency int) (restore func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(20<<20 + int64(concurrency)*(96<<10))
	percent := debug.SetGCPercent(400)
	return func() {
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(percent)
	}
}

// engine is the run in the engine's terms.
func (r *bulkRun) engine(ctx context.Context) (job.Run, error) {
	p, err := r.pace.settings(r.spec.Requested)
	if err != nil {
		return job.Run{}, err
	}
	first := r.k.Retry.First
	if first == 0 {
		first = time.Second
	}
	run := job.Run{
		API: r.session.API.Once(), Instance: r.in, Begun: r.spec.Begun, Rows: r.source.Rows, Requested: r.spec.Requested,
		CreateAccessToken: r.spec.CreateAccessToken, Theirs: r.spec.ServerTokens, Custom: r.custom, Concurrency: p.concurrency, Rate: p.rate,
		Retries: p.retries, First: first, Patience: p.patience, MaxFailures: p.maxFailures, Clock: pace.Clock{Now: r.k.Now, Wait: cmdutil.Wait}, Trusted: r.trusted, Repeat: r.done,
	}
	if r.spec.Quantity != nil {
		run.BatchSize = r.spec.Quantity.BatchSize
	}
	run.Plan = r.dryRun
	run.Table = r.table
	if src, ok := r.source.(job.FileRows); ok && r.resumed {
		src.Settled = r.settled()
		run.Rows = src.Rows
	}
	if r.dryRun {
		return run, nil
	}
	// Without an admin, what the service says of a taken token is believed.
	if has, err := r.session.Auth.HasAdmin(ctx); err == nil && has {
		run.Lookup = r.lookup
	}
	return run, nil
}

// settled tells which rows an earlier run has brought to their end. The rows are asked about in their order.
func (r *bulkRun) settled() func(n int) bool {
	known := r.table.Read(r.spec.ServerTokens)
	return func(n int) bool {
		settled, err := known.Settled(n)
		return err == nil && settled // a journal that cannot be read ends the run where it is read in earnest
	}
}

func (r *bulkRun) lookup(ctx context.Context, deviceToken string) (*userservice.User, error) {
	found, err := r.session.API.Find(ctx, userservice.AsAdmin(), userservice.FindQuery{DeviceToken: deviceToken})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}
