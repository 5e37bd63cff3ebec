package sandbox

import (
	"errors"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// errNotKept makes bbolt forget an update that decided against itself.
var errNotKept = errors.New("not kept")

func (b *bolt) view(fn func(tx)) error {
	return b.opened().View(func(t *bbolt.Tx) error {
		wrapped := boltTx{bucket: t.Bucket(boltBucket)}
		fn(&wrapped)
		return wrapped.err
	})
}

func (b *bolt) update(fn func(tx) bool) error {
	err := b.opened().Update(func(t *bbolt.Tx) error {
		wrapped := boltTx{bucket: t.Bucket(boltBucket)}
		keep := fn(&wrapped)
		if wrapped.err == nil && !keep {
			return errNotKept
		}
		return wrapped.err
	})
	if errors.Is(err, errNotKept) {
		return nil
	}
	return err
}

func (b *bolt) clear() error {
	err := b.opened().Update(func(t *bbolt.Tx) error {
		if err := t.DeleteBucket(boltBucket); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return fill(b.opened(), b.setUp)
}

type boltTx struct {
	bucket *bbolt.Bucket
	err    error
}

func (t *boltTx) get(key string) []byte { return t.bucket.Get([]byte(key)) }

func (t *boltTx) put(key string, value []byte) { t.fail(t.bucket.Put([]byte(key), value)) }

func (t *boltTx) delete(key string) { t.fail(t.bucket.Delete([]byte(key))) }

func (t *boltTx) version() uint64 { return uint64(t.bucket.Tx().ID()) } //nolint:gosec // bbolt counts up from 0

func (t *boltTx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *boltTx) cursor() cursor { return &boltCursor{c: t.bucket.Cursor()} }

type boltCursor struct {
	c *bbolt.Cursor
	k []byte
}

func (c *boltCursor) seek(key string) bool {
	c.k, _ = c.c.Seek([]byte(key))
	return c.k != nil
}

func (c *boltCursor) seekBefore(key string) bool {
	if c.seek(key) {
		return c.prev()
	}
	c.k, _ = c.c.Last()
	return c.k != nil
}

func (c *boltCursor) next() bool {
	c.k, _ = c.c.Next()
	return c.k != nil
}

func (c *boltCursor) prev() bool {
	c.k, _ = c.c.Prev()
	return c.k != nil
}

func (c *boltCursor) key() []byte { return c.k }
