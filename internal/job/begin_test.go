package job_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// pipe is an input that can be read once, and breaks at its end.
type pipe struct {
	io.Reader
	end error
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if errors.Is(err, io.EOF) && p.end != nil {
		err = p.end
	}
	return n, err
}

// What becomes of an input that cannot be taken: an error, and nothing is left.
func TestInputsThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		input  io.Reader
		max    int64
		code   failure.Code
		reason failure.Reason
	}{
		"larger than allowed": {strings.NewReader("12345"), 4, failure.Invalid, job.ReasonInputLarge},
		"endless":             {neverEnding{}, 1 << 20, failure.Invalid, job.ReasonInputLarge},
		"broken": {&pipe{strings.NewReader("12"), errors.New("input/output error")}, 0, failure.Invalid,
			""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			req := b.request("register")
			req.Input, req.MaxInput = c.input, c.max
			_, err := b.store.Begin(t.Context(), req)
			if f := failure.From(err); f == nil || f.Code != c.code || f.Reason != c.reason {
				t.Errorf("the error is %v", err)
			}
			if left, err := filepath.Glob(filepath.Join(b.store.Dir, "*", "*", "*")); err != nil || len(left) > 0 {
				t.Errorf("%v are left, %v", left, err)
			}
		})
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

func TestAnInputThatBlocksIsInterrupted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	req := b.request("register")
	req.Input = in
	go func() {
		_, _ = out.Write([]byte("a part"))
		cancel()
	}()
	if _, err := b.store.Begin(ctx, req); !failure.Is(err, failure.Interrupted) {
		t.Errorf("it ends with %v", err)
	}
}

func TestTheCopyOfTheInputIsPrivateAndSwept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.interrupted(&register{service: b.service}, numbered(50))
	id := b.only().ID
	path := filepath.Join(b.store.Dir, id, "input")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || readFile(t, path) != "the content" {
		t.Fatalf("%v, %v", info, err)
	}
	// What a process that was killed while it copied has left.
	left := filepath.Join(b.store.Dir, "incoming", "0123456789ab")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(left, "input"), "a part")
	old := epoch.Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{left, path} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", gone)
		}
	}
	_, err = b.store.Resume(t.Context(), job.ResumeRequest{ID: id, Host: "https://service", Instance: "I-1",
		KeyCheck: "key-1"})
	reason(t, err, job.ReasonInputGone)
	want(t, b.must(&register{service: b.service}, numbered(50)), "created 50") // the command has the input
}
