package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// The kind and the version of the guard's file.
const (
	guardKind    = "sign-in-guard"
	guardVersion = 1
)

// guardState is what the guard remembers, across processes.
type guardState struct {
	Hosts map[string]hostState
	// LostAt is when the file was found damaged. Up to then any host may have been sent as many
	// sign-ins as it takes.
	LostAt time.Time `json:",omitzero"`
}

// hostState is what is remembered of one host.
type hostState struct {
	SignIns []time.Time `json:",omitempty"` // within the last minute
	Block   block       `json:",omitzero"`
}

// block is the service's own block of this machine's address.
type block struct {
	At    time.Time     // when the service said so
	Lasts time.Duration // from then on, in nanoseconds; at most longestBlock
}

// longestBlock is how long a block is remembered at most.
const longestBlock = 24 * time.Hour

// left returns how long the block still lasts. A clock that was set back does not make it longer.
func (b block) left(now time.Time) time.Duration {
	return min(b.At.Add(b.Lasts).Sub(now), b.Lasts, longestBlock)
}

// orStored returns this process's own block where the file has the same one, as the monotonic clock
// counts for it; else the one that lasts longer.
func (b block) orStored(stored block) block {
	if !b.At.IsZero() && (stored.At.Equal(b.At) || b.At.Add(b.Lasts).After(stored.At.Add(stored.Lasts))) {
		return b
	}
	return stored
}

// recent returns the sign-ins of the last minute, oldest first. One a little in the future is of a
// clock that was set back a little; one far from now says nothing.
func (h *hostState) recent(now time.Time) []time.Time {
	var recent []time.Time
	for _, at := range h.SignIns {
		if now.Sub(at).Abs() < signInWindow {
			recent = append(recent, at)
		}
	}
	slices.SortFunc(recent, time.Time.Compare)
	return recent
}

// forget drops what no longer counts.
func (h *hostState) forget(now time.Time) {
	h.SignIns = h.recent(now)
	switch {
	case h.Block.left(now) <= 0:
		h.Block = block{}
	case now.Before(h.Block.At):
		h.Block.At = now.UTC() // the clock was set back: the block is counted from now on
	}
}

// full returns how long the next sign-in must wait for a place within the minute; 0 if there is
// one.
func (h *hostState) full(now time.Time) time.Duration {
	recent := h.recent(now)
	if len(recent) < signInsAMinute {
		return 0
	}
	return recent[len(recent)-signInsAMinute].Add(signInWindow).Sub(now)
}

// lost returns how long any sign-in must wait after the file and its copy were found damaged: as
// long as a block of the service lasts, as they may have held one.
func (s guardState) lost(now time.Time) time.Duration {
	if since := now.Sub(s.LostAt); !s.LostAt.IsZero() && since.Abs() < blockLasts {
		return blockLasts - since
	}
	return 0
}

func (g *Guard) path() string { return filepath.Join(g.Dir, "sign-ins") }

// copyPath is where the same is written first, so that one damaged file loses nothing.
func (g *Guard) copyPath() string { return g.path() + ".copy" }

// load reads the file, or its copy if that is damaged. Where both are, they may have said anything:
// every host is taken for one that blocks this machine, and the next write replaces both. A file of
// a newer version is an error, and is left alone. Without the file the copy says nothing: whoever
// removed it wants to start over.
func (g *Guard) load() (guardState, error) {
	empty := guardState{Hosts: map[string]hostState{}}
	data, err := os.ReadFile(g.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return empty, nil
	case err != nil:
		return empty, g.unusable("the sign-in guard cannot be read", err)
	}
	s, err := g.decode(data)
	if errors.Is(err, atomicfile.ErrDamaged) {
		if data, readErr := os.ReadFile(g.copyPath()); readErr == nil {
			s, err = g.decode(data)
		}
	}
	if errors.Is(err, atomicfile.ErrDamaged) {
		empty.LostAt = g.Now().UTC()
		return empty, nil
	}
	return s, err
}

// decode reads the content of a file. The error is ErrDamaged, or that of a newer version.
func (g *Guard) decode(data []byte) (guardState, error) {
	content, err := atomicfile.Unframe(guardKind, guardVersion, data)
	if errors.Is(err, atomicfile.ErrNewer) {
		return guardState{}, failure.Wrap(failure.Unauthorized, "the sign-in guard cannot be read", err).
			Because(ReasonGuardNewer, g.path())
	}
	var s guardState
	if err != nil || json.Unmarshal(content, &s) != nil || s.Hosts == nil {
		return guardState{}, atomicfile.ErrDamaged
	}
	return s, nil
}

// guardLockLimit is how long the file's lock is waited for; a process holds it for some
// milliseconds.
const guardLockLimit = 10 * time.Second

// update reads the file, changes it and writes it, under the lock that all processes share.
func (g *Guard) update(ctx context.Context, change func(*guardState)) error {
	unlock, err := filelock.Acquire(ctx, g.path()+".lock", guardLockLimit)
	if err != nil {
		return g.unusable("the sign-in guard cannot be locked", err)
	}
	defer unlock()
	s, err := g.load()
	if err != nil {
		return err
	}
	change(&s)
	content, err := json.Marshal(s)
	if err != nil {
		return g.unusable("the sign-in guard cannot be written", err)
	}
	for _, path := range []string{g.copyPath(), g.path()} {
		if err := atomicfile.WriteFile(path, atomicfile.Frame(guardKind, guardVersion, content), 0o600); err != nil {
			return g.unusable("the sign-in guard cannot be written", err)
		}
	}
	return nil
}

// unusable returns the error for a state folder that cannot be used: no sign-in is sent that cannot
// be recorded.
func (g *Guard) unusable(what string, err error) error {
	return atomicfile.Failure(failure.Unauthorized, what, g.path(), err)
}
