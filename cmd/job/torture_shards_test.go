package job_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The shards of one file are jobs on state folders of their own, as on machines of their own,
// side by side: two processes run each of them at once, and both are ended in every way. What is
// merged in the end has every row, and the service each user once.
func TestShardsWithRivalsMakeEveryUserOnce(t *testing.T) {
	t.Parallel()
	if os.PathSeparator == '\\' {
		t.Skip("signals are required")
	}
	const shards = 3
	s, home := serve(t, trouble), t.TempDir()
	in := filepath.Join(home, "drivers.csv")
	if err := os.WriteFile(in, []byte(strings.Join(tortured(600), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	merge := []string{"job", "merge", "--file", in, "--results", filepath.Join(home, "results.csv")}
	var all sync.WaitGroup
	for n := range shards {
		own := filepath.Join(home, fmt.Sprintf("machine-%d", n+1))
		results := filepath.Join(home, fmt.Sprintf("results-%d.csv", n+1))
		merge = append(merge, results)
		shard := &shard{home: own, env: s.env, args: []string{"user", "bulk", "--file", in,
			"--shard", fmt.Sprintf("%d/%d", n+1, shards), "--results", results, "--concurrency", "4", "--retries", "20",
			"-o", "jsonl"}}
		all.Go(func() { shard.torture(t, n) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	if out, err := program(t, home, s.env, merge...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	compare(t, s.users(t), filepath.Join(home, "results.csv"), 600)
}

// shard is one shard of a file on one machine.
type shard struct {
	home      string
	env, args []string
}

// torture runs the shard until it is done. In each turn two processes want the job, and the one
// that has it is ended.
func (s *shard) torture(t *testing.T, seed int) {
	refused := 0
	for turn := range 4 {
		e := endings[(seed+turn)%len(endings)]
		first := program(t, s.home, s.env, s.args...)
		out, err := first.StdoutPipe()
		if err == nil {
			err = first.Start()
		}
		if err != nil {
			t.Error(err)
			return
		}
		// Once it has printed a row, the job is its.
		_, _ = out.Read(make([]byte, 1))
		if status, says := s.run(t, slices.Concat(s.args, []string{"--progress", "none"})); status == 1 {
			refused++
		} else if status != 0 {
			t.Errorf("the rival exits with %d: %s", status, says)
		}
		_ = e.do(first.Process, out)
		_ = out.Close()
		_ = first.Wait()
	}
	if status, says := s.run(t, s.args); status != 0 {
		t.Errorf("the last run exits with %d: %s", status, says)
	}
	if refused == 0 {
		t.Error("no rival was refused")
	}
}

func (s *shard) run(t *testing.T, args []string) (status int, says string) {
	c := program(t, s.home, s.env, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil {
		status = 1
		if c.ProcessState != nil {
			status = c.ProcessState.ExitCode()
		}
	}
	return status, stderr.String()
}
