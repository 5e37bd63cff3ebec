package job_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// faultsOfOneLife are what a process may meet before it is killed.
var faultsOfOneLife = []fault{none, none, none, lostBefore, lostAfter, truncated, html, status503, status429, status401}

// life is one process: what becomes of its requests, and at which of them it ends.
type life struct {
	faults   []fault
	killed   int    // the request, from 1; 0: it is not killed
	after    bool   // the request was done, and its answer died with the process
	powerCut bool   // the machine goes down with it
	dice     uint64 // what the power cut leaves on the disk
	late     string // the file whose syncs do not end before it
}

func drawLife(t *rapid.T) life {
	return life{
		faults:   rapid.SliceOfN(rapid.SampledFrom(faultsOfOneLife), 0, 40).Draw(t, "faults"),
		killed:   rapid.IntRange(0, 30).Draw(t, "killed"),
		after:    rapid.Bool().Draw(t, "after"),
		powerCut: rapid.Bool().Draw(t, "power cut"),
		dice:     rapid.Uint64().Draw(t, "dice"),
		late:     rapid.SampledFrom([]string{"", "rows", "texts"}).Draw(t, "late"),
	}
}

// live runs the job as a process with such a life. What the disk holds when it ends is what the next one finds.
func (g *rig) live(disk *memory, l life) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := g.m.requests
	disk.late = l.late
	var image map[string][]byte
	g.m.fault = func(n int) fault {
		n -= first
		switch {
		case image != nil:
			return lostBefore // nobody is there any more to send it
		case n == l.killed:
			image = disk.image(l.powerCut, rand.New(rand.NewPCG(l.dice, 0)))
			cancel()
			if l.after {
				return lostAfter
			}
			return lostBefore
		case n <= len(l.faults):
			return l.faults[n-1]
		}
		return none
	}
	_, _ = g.run(ctx) // how it ends is no matter: what counts is what the next one makes of it
	if image != nil {
		disk.restore(image, l.powerCut)
	}
}

// The one promise: any sequence of crashes, power cuts and faults ends in the same state, each row a user, once. Those whom the service had before
// are existing, as an admin can look them up, and all others were made by this job.
func TestAnySequenceOfCrashesPowerCutsAndFaultsEndsInTheSameState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := make([]string, rapid.IntRange(1, 25).Draw(rt, "rows"))
		for i := range names {
			if rapid.Bool().Draw(rt, "has a ClientId") {
				names[i] = fmt.Sprintf("c-%d", i)
			}
		}
		g, disk := newRig(t, names...), newMemory()
		g.jobs.Disk = disk
		before := g.haveSome(rt)
		concurrency := rapid.IntRange(1, 6).Draw(rt, "concurrency")
		lags := rapid.Bool().Draw(rt, "the look-up lags")
		g.change = func(r *job.Run) {
			r.Concurrency = concurrency
			if len(before) > 0 || lags {
				r.Lookup = g.lookupOf(before, lags)
			}
		}
		for range rapid.IntRange(0, 4).Draw(rt, "lives") {
			g.live(disk, drawLife(rt))
		}
		g.m.fault = nil
		totals := g.mustRun()
		if totals.Existing != len(before) || totals.Created != len(names)-len(before) || !totals.Done() {
			rt.Fatalf("%d users were there before, and the last run says %+v", len(before), totals)
		}
		if len(g.m.users) != len(names) {
			rt.Fatalf("the service has %d users, not %d", len(g.m.users), len(names))
		}
		for _, row := range g.rows {
			r := g.results[row.N]
			if r.DeviceToken != row.Token.String() || g.m.users[r.DeviceToken] != row.ClientID || (r.Outcome == job.Existing) != before[r.DeviceToken] {
				rt.Fatalf("row %d is %+v", row.N, r)
			}
		}
	})
}

// haveSome lets the service have some of the users before the job begins.
func (g *rig) haveSome(t *rapid.T) (before map[string]bool) {
	before = map[string]bool{}
	if !rapid.Bool().Draw(t, "some are there before") {
		return before
	}
	for _, row := range g.rows {
		if row.ClientID != "" && rapid.Bool().Draw(t, "is there before") {
			g.m.users[row.Token.String()] = row.ClientID
			before[row.Token.String()] = true
		}
	}
	return before
}

// lookupOf is what an admin sees: those who were there before are older than the job, and those that it made are not to be seen yet where it lags.
func (g *rig) lookupOf(before map[string]bool, lags bool) func(context.Context, string) (*userservice.User, error) {
	return func(_ context.Context, token string) (*userservice.User, error) {
		if lags && !before[token] {
			return nil, nil
		}
		user := userservice.User{DateCreated: g.clock.Now()}
		if before[token] {
			user.DateCreated = g.m.made
		}
		return &user, nil
	}
}

func TestDerivedTokensAreUUIDsOfVersionEightAndNeverTheSame(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(1, 30, 60)
	rapid.Check(t, func(t *rapid.T) {
		a := text.Draw(t, "a")
		b := rapid.OneOf(rapid.Just(a), text).Draw(t, "b")
		ids := rapid.SampledFrom([]string{"11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555556"})
		idA, idB := ids.Draw(t, "instance of a"), ids.Draw(t, "instance of b")
		one := job.NewTokens(userservice.Instance{ID: idA, Key: instance.Key}, "").OfClient(a)
		two := job.NewTokens(userservice.Instance{ID: idB, Key: instance.Key}, "").OfClient(b)
		if one.Version() != 8 || one.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is not of version 8", one)
		}
		if (one == two) != (a == b && idA == idB) {
			t.Fatalf("%q of %s has %s, and %q of %s has %s", a, idA, one, b, idB, two)
		}
	})
}

// Every row falls to exactly one shard, whatever the order of the file.
func TestShardsPartition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.IntRange(1, 40).Draw(t, "shards")
		token := rapid.SampledFrom([]string{"", "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"}).Draw(t, "token")
		client := rapid.StringN(0, 10, 20).Draw(t, "client")
		row := rapid.IntRange(1, 1_000_000).Draw(t, "row")
		takers, other := 0, 0
		for shard := 1; shard <= shards; shard++ {
			if job.InShard(shard, shards, token, client, row) {
				takers++
			}
			if job.InShard(shard, shards, token, client, row+1) {
				other = shard
			}
		}
		if takers != 1 {
			t.Fatalf("the row falls to %d of %d shards", takers, shards)
		}
		if named := token != "" || strings.TrimSpace(client) != ""; named && !job.InShard(other, shards, token, client, row) {
			t.Fatal("the row's number counts although it has a name")
		}
		if job.ShardOf(shards, token, " "+client+"\t", row) != job.ShardOf(shards, token, client, row) {
			t.Fatal("blanks around a name count")
		}
	})
}

func TestNumberedRowsChooseTheSameTokensEachTime(t *testing.T) {
	t.Parallel()
	collect := func() (tokens []uuid.UUID) {
		q := job.NumberedRows{Quantity: 3, Tokens: job.NewTokens(instance, "00")}
		if err := q.Rows(context.Background(), func(r job.Row) error { tokens = append(tokens, r.Token); return nil }); err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	first, second := collect(), collect()
	for i := range first {
		if first[i] != second[i] || first[i] == uuid.Nil {
			t.Errorf("row %d has %s and then %s", i+1, first[i], second[i])
		}
	}
}
