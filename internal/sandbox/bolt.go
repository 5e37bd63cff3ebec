package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// dataFile is the state's one file inside Options.Dir.
	dataFile = "sandbox.db"
	// linger is how long the file stays open after the last request, for the next one of the same process.
	linger = 3 * time.Millisecond
	// longestHold is how long one process keeps the file under continuous load before others get their turn.
	longestHold = 200 * time.Millisecond
	// away is how long it then keeps off; several times lockPoll, so that a waiter gets in.
	away = 12 * time.Millisecond
	// lockPoll is how often a waiter tries again.
	lockPoll = 2 * time.Millisecond
)

var boltBucket = []byte("sandbox")

// errClosed is what a request gets after Close.
var errClosed = failure.New(failure.Failed, "the sandbox is closed")

// bolt is the engine that keeps its state in a folder. Many processes share the folder, and the file admits one at a
// time: it is opened when a request comes, and let go when none is under way.
type bolt struct {
	dir   string
	setUp func(tx)    // fills a new state
	any   atomic.Bool // open states of other versions too: they are about to be cleared

	mu        sync.Mutex
	db        *bbolt.DB
	leases    int           // requests under way
	since     time.Time     // when db was opened
	held      bool          // kept open for the engine's whole life
	opening   bool          // some request is waiting for the file
	closed    bool          // close was called
	awayUntil time.Time     // not to be opened before: others are to get in
	timer     *time.Timer   // closes db some time after the last lease
	changed   chan struct{} // closed, and made anew, when something of the above changes
}

func newBolt(dir string, setUp func(tx)) *bolt {
	return &bolt{dir: dir, setUp: setUp, changed: make(chan struct{})}
}

// acquire takes a lease of the open file, opening it first where need be. It fails with ErrServed when another process
// serves the folder, and with the context's error when that ends first.
func (b *bolt) acquire(ctx context.Context) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.closed:
			return nil, errClosed
		case b.db != nil && (b.held || time.Since(b.since) < longestHold):
			b.leases++
			return b.release, nil
		case b.db != nil && b.leases == 0:
			b.letGo(away)
		case b.db == nil && !b.opening:
			if err := b.openLocked(ctx); err != nil {
				return nil, err
			}
		default: // somebody opens it, or the last leases run out
			if err := b.waitLocked(ctx); err != nil {
				return nil, err
			}
		}
	}
}

func (b *bolt) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leases--
	switch {
	case b.leases > 0 || b.db == nil || (b.held && !b.closed):
	case b.closed:
		b.letGo(0)
	case time.Since(b.since) >= longestHold:
		b.letGo(away)
	case b.timer == nil:
		b.timer = time.AfterFunc(linger, b.lingered)
	default:
		b.timer.Reset(linger)
	}
}

func (b *bolt) lingered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leases == 0 && b.db != nil && !b.held {
		b.letGo(0)
	}
}

// hold keeps the file open until close.
func (b *bolt) hold(ctx context.Context) error {
	release, err := b.acquire(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.held = true
	b.mu.Unlock()
	release()
	return nil
}

// openLocked opens the file, with mu given up meanwhile.
func (b *bolt) openLocked(ctx context.Context) error {
	b.opening = true
	notBefore := b.awayUntil
	b.mu.Unlock()
	db, err := b.open(ctx, notBefore)
	b.mu.Lock()
	b.opening = false
	b.db, b.since = db, time.Now()
	b.signal()
	return err
}

func (b *bolt) waitLocked(ctx context.Context) error {
	changed := b.changed
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bolt) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// letGo closes the file and keeps off it for a while.
func (b *bolt) letGo(off time.Duration) {
	// With NoSync there is nothing left to write: closing cannot lose anything.
	_ = b.db.Close()
	b.db = nil
	b.awayUntil = time.Now().Add(off)
	b.signal()
}

// open waits for the file and opens it; a new one is filled.
func (b *bolt) open(ctx context.Context, notBefore time.Time) (*bbolt.DB, error) {
	if err := pause(ctx, time.Until(notBefore)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil { //nolint:gosec // the user names the folder
		return nil, unusable(b.dir, err)
	}
	path := filepath.Join(b.dir, dataFile)
	for {
		// A timeout this short makes Open try the lock once. NoSync: the state must survive a killed process, for
		// which the system's own cache is enough, not a power cut.
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: 1, NoSync: true, NoGrowSync: true, NoStatistics: true, FreelistType: bbolt.FreelistMapType,
		})
		if err == nil {
			return b.prepare(db)
		}
		if !errors.Is(err, bolterrors.ErrTimeout) {
			return nil, unusable(path, err)
		}
		if url, ok := Serving(ctx, b.dir); ok {
			return nil, &ErrServed{URL: url}
		}
		if err := pause(ctx, lockPoll); err != nil {
			return nil, err
		}
	}
}

// prepare checks what kind of state the file holds, and fills a new one.
func (b *bolt) prepare(db *bbolt.DB) (*bbolt.DB, error) {
	var format string
	err := db.View(func(t *bbolt.Tx) error {
		if bucket := t.Bucket(boltBucket); bucket != nil {
			format = string(bucket.Get([]byte(keyFormat)))
		}
		return nil
	})
	if err == nil && format == "" {
		err = fill(db, b.setUp)
	}
	if err != nil {
		return nil, errors.Join(unusable(b.dir, err), db.Close())
	}
	if format != "" && format != stateFormat && !b.any.Load() {
		return nil, errors.Join(failure.New(failure.Failed, "the sandbox's state in "+b.dir+" cannot be used: another version of the program wrote it").
			WithHint("telematicsctl sandbox reset empties it"), db.Close())
	}
	return db, nil
}

func fill(db *bbolt.DB, setUp func(tx)) error {
	return db.Update(func(t *bbolt.Tx) error {
		bucket, err := t.CreateBucketIfNotExists(boltBucket)
		if err != nil {
			return err
		}
		wrapped := boltTx{bucket: bucket}
		setUp(&wrapped)
		return wrapped.err
	})
}

func unusable(path string, err error) error {
	return failure.Wrap(failure.Failed, "the sandbox's state in "+path+" cannot be used", err).
		WithHint("remove the folder to begin with an empty sandbox")
}

// pause waits, or returns the context's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bolt) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.db != nil && b.leases == 0 {
		b.letGo(0)
	}
	return nil
}

// opened is the open file; the caller has a lease, so nobody closes it.
func (b *bolt) opened() *bbolt.DB {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.db
}
