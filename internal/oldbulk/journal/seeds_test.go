package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

func seedOf(digit string) string { return strings.Repeat(digit, 64) }

// fileJob is a job of a file with this content.
func fileJob(id, digest, seed string) journal.Spec {
	return journal.Spec{ID: id, Host: "https://service.example", Instance: "i-1", Rows: 1, Seed: seed, File: &journal.File{Digest: digest}}
}

func keepSeed(t *testing.T, jobs journal.Jobs, s journal.Spec) string {
	t.Helper()
	seed, err := jobs.KeepSeed(s)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// The first seed of a content stays its seed, for whatever job of it; another content, instance or service has its own.
func TestAllJobsOfAContentShareItsSeed(t *testing.T) {
	t.Parallel()
	jobs := journal.Jobs{Dir: t.TempDir()}
	first := fileJob("00000000000a", "d-1", seedOf("a"))
	if seed, err := jobs.Seed(first); err != nil || seed != "" {
		t.Fatalf("before any job: %q, %v", seed, err)
	}
	if left, err := os.ReadDir(jobs.Dir); err != nil || len(left) != 0 {
		t.Fatalf("looking writes %v, %v", left, err)
	}
	if got := keepSeed(t, jobs, first); got != first.Seed {
		t.Fatalf("the first job has the seed %q", got)
	}
	for name, c := range map[string]struct {
		change func(*journal.Spec)
		want   string
	}{
		"the same":         {func(*journal.Spec) {}, seedOf("a")},
		"other options":    {func(s *journal.Spec) { s.File.Limit, s.NoValidate, s.File.Format = 10, true, "csv" }, seedOf("a")},
		"another content":  {func(s *journal.Spec) { s.File.Digest = "d-2" }, seedOf("b")},
		"another instance": {func(s *journal.Spec) { s.Instance = "i-2" }, seedOf("b")},
		"another service":  {func(s *journal.Spec) { s.Host = "https://other.example" }, seedOf("b")},
	} {
		s := fileJob("00000000000b", "d-1", seedOf("b"))
		c.change(&s)
		if got := keepSeed(t, jobs, s); got != c.want {
			t.Errorf("%s: the seed is %q", name, got)
		}
	}
}

func TestASeedOutlivesItsJob(t *testing.T) {
	t.Parallel()
	jobs := journal.Jobs{Dir: t.TempDir()}
	s := fileJob("00000000000a", "d-1", seedOf("a"))
	keepSeed(t, jobs, s)
	job, err := jobs.Create(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	if list, err := jobs.List(); err != nil || len(list) != 1 {
		t.Errorf("the folder of the seeds is taken for a job: %v, %v", list, err)
	}
	if err := jobs.Remove(s.ID); err != nil {
		t.Fatal(err)
	}
	if seed, err := jobs.Seed(fileJob("00000000000b", "d-1", seedOf("b"))); err != nil || seed != s.Seed {
		t.Errorf("%q, %v", seed, err)
	}
}

// Of jobs that were begun before seeds had files, the oldest gives its own; from then on it is kept.
func TestAJobFromBeforeGivesItsSeed(t *testing.T) {
	t.Parallel()
	jobs := journal.Jobs{Dir: t.TempDir()}
	for i, digit := range []string{"c", "a", "b"} {
		s := fileJob("00000000000"+digit, "d-1", seedOf(digit))
		s.Begun = time.Unix(int64(3-i), 0)
		s.ServerTokens = digit == "b" // the oldest, and its rows have nothing of a seed
		job, err := jobs.Create(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := job.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := keepSeed(t, jobs, fileJob("00000000000d", "d-1", seedOf("d"))); got != seedOf("a") {
		t.Errorf("the seed is %q", got)
	}
	if err := jobs.Remove("00000000000a"); err != nil {
		t.Fatal(err)
	}
	if seed, err := jobs.Seed(fileJob("00000000000e", "d-1", "")); err != nil || seed != seedOf("a") {
		t.Errorf("after its job was removed: %q, %v", seed, err)
	}
}

// Shards that begin at one moment on one disk settle on one seed.
func TestOfManyAtOnceOneSeedStands(t *testing.T) {
	t.Parallel()
	jobs := journal.Jobs{Dir: t.TempDir()}
	got := make([]string, 8)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() {
			seed, err := jobs.KeepSeed(fileJob("00000000000a", "d-1", seedOf(string(rune('0'+i)))))
			if err != nil {
				t.Error(err)
			}
			got[i] = seed
		})
	}
	group.Wait()
	for _, seed := range got {
		if seed != got[0] || len(seed) != 64 {
			t.Fatalf("the seeds are %q", got)
		}
	}
}

func TestADamagedSeedIsNotReplacedByAnother(t *testing.T) {
	t.Parallel()
	jobs := journal.Jobs{Dir: t.TempDir()}
	s := fileJob("00000000000a", "d-1", seedOf("a"))
	keepSeed(t, jobs, s)
	files, err := filepath.Glob(filepath.Join(jobs.Dir, "seeds", "?*[0-9a-f]"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if err := os.WriteFile(path, []byte("aa"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if seed, err := jobs.KeepSeed(s); !failure.Is(err, failure.Failed) || seed != "" {
		t.Errorf("%q, %v", seed, err)
	}
}
