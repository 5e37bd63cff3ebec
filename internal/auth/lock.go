package auth

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// stripes is how many lock files the subjects share: enough that two seldom meet, and a million
// users do not leave a million files.
const stripes = 64

// quietWait is how long another process is waited for before OnLockWait is called.
const quietWait = time.Second

// lock takes the locks under which subjects are renewed, for at most Options.Timeout for all of
// them. Several are taken in one order everywhere, so that nobody waits in a circle. Pairs in
// memory are this process's alone, and need none.
func (s *Source) lock(ctx context.Context, subjects ...string) (unlock func(), err error) {
	if s.Store.Kind() == tokenstore.KindMemory {
		return func() {}, nil
	}
	paths := make([]string, len(subjects))
	for i, subject := range subjects {
		paths[i] = s.lockPath(subject)
	}
	slices.Sort(paths)
	if s.OnLockWait != nil {
		notice := time.AfterFunc(quietWait, s.OnLockWait)
		defer notice.Stop()
	}
	limit := cmp.Or(s.Timeout, userservice.DefaultTimeout)
	began := time.Now()
	var held []func()
	unlock = func() {
		for _, release := range held {
			release()
		}
	}
	for _, path := range slices.Compact(paths) {
		release, err := filelock.Acquire(ctx, path, max(0, limit-time.Since(began)))
		if err != nil {
			unlock()
			return nil, atomicfile.Failure(failure.Unauthorized,
				"waiting for another telematicsctl, which renews tokens", path, err)
		}
		held = append(held, release)
	}
	return unlock, nil
}

func (s *Source) lockPath(subject string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.Profile + "/" + subject))
	return filepath.Join(s.Dir, "locks", fmt.Sprintf("renew-%02d.lock", h.Sum32()%stripes))
}
