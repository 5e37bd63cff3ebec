package sandbox

import (
	"context"
	"sync"

	"github.com/tidwall/btree"
)

// memory is the engine that forgets everything with its process.
type memory struct {
	mu      sync.RWMutex
	tree    btree.Map[string, []byte]
	changes uint64
}

func newMemory() *memory { return &memory{} }

func (*memory) acquire(ctx context.Context) (func(), error) { return func() {}, ctx.Err() }

func (m *memory) view(fn func(tx)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := memoryTx{m: m}
	fn(&t)
	return t.err
}

func (m *memory) update(fn func(tx) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := memoryTx{m: m}
	if !fn(&t) || t.err != nil {
		t.undo()
		return t.err
	}
	m.changes++
	return nil
}

func (m *memory) clear() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tree.Clear()
	m.changes++
	return nil
}

func (*memory) close() error { return nil }

// memoryTx writes into the tree at once and remembers what was there before.
type memoryTx struct {
	m      *memory
	before []memoryChange
	err    error
}

type memoryChange struct {
	key   string
	value []byte
	had   bool
}

func (t *memoryTx) get(key string) []byte {
	v, _ := t.m.tree.Get(key)
	return v
}

func (t *memoryTx) put(key string, value []byte) {
	old, had := t.m.tree.Set(key, value)
	t.before = append(t.before, memoryChange{key, old, had})
}

func (t *memoryTx) delete(key string) {
	if old, had := t.m.tree.Delete(key); had {
		t.before = append(t.before, memoryChange{key, old, had})
	}
}

func (t *memoryTx) undo() {
	for i := len(t.before) - 1; i >= 0; i-- {
		if c := t.before[i]; c.had {
			t.m.tree.Set(c.key, c.value)
		} else {
			t.m.tree.Delete(c.key)
		}
	}
}

func (t *memoryTx) version() uint64 { return t.m.changes }

func (t *memoryTx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *memoryTx) cursor() cursor { return &memoryCursor{t.m.tree.Iter()} }

type memoryCursor struct {
	btree.MapIter[string, []byte]
}

func (c *memoryCursor) seek(key string) bool { return c.Seek(key) }

func (c *memoryCursor) seekBefore(key string) bool {
	if c.Seek(key) {
		return c.Prev()
	}
	return c.Last()
}

func (c *memoryCursor) next() bool  { return c.Next() }
func (c *memoryCursor) prev() bool  { return c.Prev() }
func (c *memoryCursor) key() string { return c.Key() }
