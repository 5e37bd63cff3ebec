package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Start is what Begin fills a sandbox with.
type Start struct {
	Import io.Reader // JSON Lines as Import reads them; nil is none
	Fleet  Fleet
}

// start is what the sandbox was begun with, for the resets of the control API. One reset takes place at a time.
type start struct {
	mu    sync.Mutex
	lines []byte // the imported users as they were taken: a DeviceToken that was drawn for a line stays the same
	fleet Fleet
}

// Begin imports users and then makes up a fleet, as Import and Fill do, and returns how many were imported. With the control API it remembers both: a
// reset brings them back.
func (s *Sandbox) Begin(ctx context.Context, b Start) (int, error) {
	s.start.mu.Lock()
	defer s.start.mu.Unlock()
	imported := 0
	if b.Import != nil {
		var keep func([]byte)
		if s.options.Control {
			keep = func(line []byte) { s.start.lines = append(s.start.lines, line...) }
		}
		n, err := s.takeAll(ctx, b.Import, keep)
		if err != nil {
			return n, err
		}
		imported = n
	}
	s.start.fleet = b.Fleet
	return imported, s.Fill(ctx, b.Fleet)
}

// beginAgain empties the sandbox and fills it as Begin did. Requests meanwhile see it half filled. Its error is of code failed.
func (s *Sandbox) beginAgain(ctx context.Context) error {
	s.start.mu.Lock()
	defer s.start.mu.Unlock()
	if err := s.Reset(ctx); err != nil {
		return err
	}
	_, err := s.Import(ctx, bytes.NewReader(s.start.lines))
	if err = errors.Join(err, s.Fill(ctx, s.start.fleet)); err != nil {
		return failure.Wrap(failure.Failed, "the sandbox was emptied, but not filled again", err)
	}
	return nil
}
