package sandbox

import "context"

// An engine is an ordered store of keys and values. There are two, memory and bolt; the model over them is one.
type engine interface {
	// acquire takes the store for the time of one request; release gives it back and is called once. It waits for
	// other processes as long as the context allows.
	acquire(ctx context.Context) (release func(), err error)
	// view runs fn over one unchanging state. The store must be acquired.
	view(fn func(tx)) error
	// update runs fn, alone, and keeps all that it wrote, or nothing where it returns false or a write failed. The
	// store must be acquired.
	update(fn func(tx) (keep bool)) error
	// clear removes everything. The store must be acquired.
	clear() error
	// close gives up what the engine holds.
	close() error
}

// A tx reads and writes within view or update. A write within view is a mistake of the program.
type tx interface {
	// get is the value of a key, nil where there is none. It is valid until the tx ends and must not be changed.
	get(key string) []byte
	// put sets a value. The caller must not change the slice before the tx ends.
	put(key string, value []byte)
	delete(key string)
	// cursor walks the keys in order. A write makes it void.
	cursor() cursor
	// version changes with each update that was kept.
	version() uint64
	// fail makes the tx fail, for records that cannot be read; the first call counts.
	fail(err error)
}

// A cursor stands at one key or beside all. It starts beside all.
type cursor interface {
	// seek goes to the first key that is not below the given one.
	seek(key string) bool
	// seekBefore goes to the last key below the given one.
	seekBefore(key string) bool
	next() bool
	prev() bool
	// key is where the cursor stands. It is valid until the cursor moves and must not be changed.
	key() []byte
}
