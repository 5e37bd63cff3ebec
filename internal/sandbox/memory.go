package sandbox

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/tidwall/btree"
)

// memory is the engine that forgets everything with its process: a tree over what is in slabs.
type memory struct {
	mu      sync.RWMutex
	slabs   *slabs
	tree    *btree.BTreeG[entry]
	users   []ref // the users' records once more, by number: a find reads thousands, and the way down the tree is long
	probes  *probes
	changes uint64
}

func newMemory() *memory {
	m := &memory{probes: newProbes()}
	m.empty()
	return m
}

func (m *memory) empty() {
	m.slabs, m.users = newSlabs(), nil
	m.tree = btree.NewBTreeGOptions(m.before, btree.Options{NoLocks: true})
}

func (*memory) acquire(ctx context.Context) (func(), error) { return func() {}, ctx.Err() }

func (m *memory) view(fn func(tx)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := m.begin()
	defer t.end()
	fn(t)
	return t.err
}

func (m *memory) update(fn func(tx) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.begin()
	defer t.end()
	if !fn(t) || t.err != nil {
		t.undo()
		return t.err
	}
	t.keep()
	m.changes++
	return nil
}

func (m *memory) clear() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.empty()
	m.changes++
	return nil
}

func (*memory) close() error { return nil }

// memoryTx writes into the tree at once and remembers what was there before.
type memoryTx struct {
	m       *memory
	probe   uint32
	changes []memoryChange
	err     error
}

// memoryChange is one write: what came and what went; either may be none.
type memoryChange struct{ came, went entry }

func (m *memory) begin() *memoryTx { return &memoryTx{m: m, probe: <-m.probes.free} }

func (t *memoryTx) end() {
	t.m.probes.keys[t.probe] = nil
	t.m.probes.free <- t.probe
}

// lookFor makes a key one that the tree can compare with.
func (t *memoryTx) lookFor(key string) entry {
	t.m.probes.keys[t.probe] = append(t.m.probes.keys[t.probe][:0], key...)
	return newEntry(key, ref{probeChunk, t.probe})
}

// userOf is the number of the user whose record a key is, 0 where it is none.
func userOf[K string | []byte](key K) uint64 {
	if len(key) != len(prefixUser)+8 || string(key[:len(prefixUser)]) != prefixUser {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(key[len(prefixUser):]))
}

// setUser keeps users as the tree is; r is the zero ref where the user has gone.
func (m *memory) setUser(number uint64, r ref) {
	if number == 0 {
		return
	}
	for uint64(len(m.users)) <= number {
		m.users = append(m.users, ref{})
	}
	m.users[number] = r
}

func (t *memoryTx) get(key string) []byte {
	if n := userOf(key); n != 0 {
		if n >= uint64(len(t.m.users)) || t.m.users[n] == (ref{}) {
			return nil
		}
		_, value := t.m.slabs.read(t.m.users[n])
		return value
	}
	e, ok := t.m.tree.Get(t.lookFor(key))
	if !ok {
		return nil
	}
	_, value := t.m.slabs.read(e.ref)
	return value
}

func (t *memoryTx) put(key string, value []byte) {
	came := newEntry(key, t.m.slabs.add(key, value))
	went, _ := t.m.tree.Set(came)
	t.m.setUser(userOf(key), came.ref)
	t.changes = append(t.changes, memoryChange{came, went})
}

func (t *memoryTx) delete(key string) {
	if went, had := t.m.tree.Delete(t.lookFor(key)); had {
		t.changes = append(t.changes, memoryChange{went: went})
		t.m.setUser(userOf(key), ref{})
	}
}

func (t *memoryTx) undo() {
	for i := len(t.changes) - 1; i >= 0; i-- {
		c := t.changes[i]
		if c.went != (entry{}) {
			t.m.tree.Set(c.went)
			t.m.setUser(userOf(t.m.slabs.key(c.went.ref)), c.went.ref)
		} else {
			t.m.tree.Delete(c.came)
			t.m.setUser(userOf(t.m.slabs.key(c.came.ref)), ref{})
		}
		if c.came != (entry{}) {
			t.m.slabs.remove(c.came.ref)
		}
	}
}

// keep gives back the room of what went.
func (t *memoryTx) keep() {
	for _, c := range t.changes {
		if c.went != (entry{}) {
			t.m.slabs.remove(c.went.ref)
		}
	}
}

func (t *memoryTx) version() uint64 { return t.m.changes }

func (t *memoryTx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *memoryTx) cursor() cursor { return &memoryCursor{t: t, iter: t.m.tree.Iter()} }

type memoryCursor struct {
	t    *memoryTx
	iter btree.IterG[entry]
}

func (c *memoryCursor) seek(key string) bool { return c.iter.Seek(c.t.lookFor(key)) }

func (c *memoryCursor) seekBefore(key string) bool {
	if c.iter.Seek(c.t.lookFor(key)) {
		return c.iter.Prev()
	}
	return c.iter.Last()
}

func (c *memoryCursor) next() bool  { return c.iter.Next() }
func (c *memoryCursor) prev() bool  { return c.iter.Prev() }
func (c *memoryCursor) key() []byte { return c.t.m.slabs.key(c.iter.Item().ref) }
