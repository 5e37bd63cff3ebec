package job_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/job"
)

// faultsOfOneLife are what a process may meet before it is killed.
var faultsOfOneLife = []fault{none, none, none, lostBefore, lostAfter, down, limited, refused}

// life is one process: what becomes of its requests, and at which of them it ends.
type life struct {
	faults   []fault
	killed   int    // the request, from 1; 0: it is not killed
	after    bool   // the request was done, and its answer died with the process
	powerCut bool   // the machine goes down with it
	dice     uint64 // what the power cut leaves on the disk
	late     string // the file whose syncs do not end before it
}

func drawLife(t *rapid.T, late []string) life {
	return life{
		faults:   rapid.SliceOfN(rapid.SampledFrom(faultsOfOneLife), 0, 40).Draw(t, "faults"),
		killed:   rapid.IntRange(0, 30).Draw(t, "killed"),
		after:    rapid.Bool().Draw(t, "after"),
		powerCut: rapid.Bool().Draw(t, "power cut"),
		dice:     rapid.Uint64().Draw(t, "dice"),
		late:     rapid.SampledFrom(append(late, "")).Draw(t, "late"),
	}
}

// live runs the job as a process with such a life. What the disk holds when it
// ends is what the next one finds.
func (b *bench) live(disk *memory, l life, op job.Operation, source records) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := b.requests
	disk.late = l.late
	var image map[string][]byte
	b.fault = func(n int) fault {
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
	_, _ = b.run(ctx, op, source) // what counts is what the next one does with it
	if image != nil {
		disk.restore(image, l.powerCut)
	}
}

func (b *bench) lives(rt *rapid.T, op job.Operation, source records, late ...string) job.Summary {
	disk := newMemory()
	b.store.FS = disk
	for range rapid.IntRange(0, 4).Draw(rt, "lives") {
		b.live(disk, drawLife(rt, late), op, source)
	}
	b.fault, disk.late = nil, ""
	s, err := b.run(context.Background(), op, source)
	if err != nil {
		rt.Fatal(err)
	}
	return s
}

// Any sequence of crashes, power cuts and faults ends in the same state: each row
// a user, once. Those who were there before are existing; all others were created
// by this job, which it knows for those whose DeviceToken it drew.
func TestAnySequenceOfCrashesPowerCutsAndFaultsRegistersEachUserOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		source := numbered(rapid.IntRange(1, 25).Draw(rt, "rows"))
		before := map[uuid.UUID]bool{}
		for i := range source {
			token := source[i].DeviceToken
			switch rapid.IntRange(0, 2).Draw(rt, "row") {
			case 0:
				source[i].Random = true
			case 1:
				before[token] = true
				b.users[token], b.created[token] = 1, epoch.Add(-time.Hour)
			}
		}
		s := b.lives(rt, &register{service: b.service}, source, "rows", "texts")
		if !s.Finished() || s.Err() != nil || len(b.users) != len(source) {
			rt.Fatalf("%d users of %d rows: %v, %v", len(b.users), len(source), s.Outcomes, s.Err())
		}
		for _, rec := range source {
			got := b.rows[rec.N].Outcome
			ok := (got == job.Existing) == before[rec.DeviceToken] || b.rows[rec.N].Earlier // a finished job's are all existing
			if rec.Random {
				ok = ok && (got == job.Created || b.rows[rec.N].Earlier)
			}
			if !ok || b.users[rec.DeviceToken] != 1 {
				rt.Fatalf("row %d is %s; its user was created %d times", rec.N, got, b.users[rec.DeviceToken])
			}
		}
	})
}

// Rows whose DeviceTokens the service chooses are sent once, whatever happens: each
// of them has its own user or is unknown.
func TestWhatMustNotBeSentTwiceIsNot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		source := anonymous(rapid.IntRange(1, 25).Draw(rt, "rows"))
		b.noGroups = rapid.Bool().Draw(rt, "no groups")
		op := &register{service: b.service, group: rapid.IntRange(1, 6).Draw(rt, "group")}
		s := b.lives(rt, op, source)
		if !s.Finished() || s.Count(job.Created, job.Existing,
			job.Unknown) != len(source) || len(b.users) > len(source) {
			rt.Fatalf("%d users of %d rows: %v", len(b.users), len(source), s.Outcomes)
		}
		seen := map[uuid.UUID]bool{}
		for n, r := range b.rows {
			if r.Outcome == job.Unknown {
				continue
			}
			if seen[r.DeviceToken] || b.users[r.DeviceToken] != 1 {
				rt.Fatalf("row %d has the DeviceToken of another, or of nobody", n)
			}
			seen[r.DeviceToken] = true
		}
	})
}

// A job of several operations ends where it would without a fault.
func TestMixedOperationsConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		n := rapid.IntRange(1, 12).Draw(rt, "rows of a phase")
		source := numbered(2 * n)
		for i := range source {
			source[i].Action, source[i].Random = "create", true
			if i >= n {
				source[i].Action, source[i].Phase = "delete", 1
				b.users[source[i].DeviceToken] = 1
			}
		}
		s := b.lives(rt, mixed{&register{service: b.service}, remove{b.service}}, source, "rows", "texts")
		if !s.Finished() || s.Err() != nil {
			rt.Fatalf("%v: %v", s.Outcomes, s.Err())
		}
		for i, rec := range source {
			created, deleted := b.users[rec.DeviceToken], b.deleted[rec.DeviceToken]
			if (i < n && (created != 1 || deleted != 0)) || (i >= n && (created != 0 || deleted != 1)) {
				rt.Fatalf("the user of row %d is there %d times, and was deleted %d times", rec.N, created, deleted)
			}
		}
	})
}

// A file of journal may be damaged in any way: the job is refused, or ends as it
// would have.
func TestAnyByteOfTheSpecIsProtected(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.hook = atRequest(5, cancel)
	if _, err := b.run(ctx, &register{service: b.service}, numbered(20)); err == nil {
		t.Fatal("the run was not interrupted")
	}
	b.hook = nil
	requests := b.requests
	path := b.specPath()
	text := readFile(t, path)
	for i := range text {
		for _, bit := range []byte{1, 0x20} {
			damaged := []byte(text)
			damaged[i] ^= bit
			writeFile(t, path, string(damaged))
			if _, err := b.begin(b.request("register"), 20); err == nil || !strings.Contains(err.Error(), "job") {
				t.Fatalf("byte %d (%q) was flipped, and the job was taken up: %v", i, text[i], err)
			}
		}
	}
	if b.requests != requests {
		t.Error("something was sent")
	}
	writeFile(t, path, text)
	want(t, b.must(&register{service: b.service}, numbered(20)), "created 20")
}
