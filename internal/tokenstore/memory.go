package tokenstore

import (
	"context"
	"sync"
)

// memory keeps records for as long as the process lives.
type memory struct {
	mu  sync.Mutex
	all records
}

func newMemory() *memory { return &memory{all: records{}} }

func (m *memory) Kind() string { return KindMemory }

func (m *memory) Check(context.Context) error { return nil }

func (m *memory) Reserve(context.Context, Key, int) (release func(), err error) {
	return func() {}, nil
}

func (m *memory) Get(_ context.Context, key Key) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.all[key]
	if !found {
		return Record{}, notFound(key)
	}
	return r, nil
}

func (m *memory) Fresh(ctx context.Context, key Key) (Record, error) { return m.Get(ctx, key) }

func (m *memory) Put(_ context.Context, items ...Item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, item := range items {
		m.all[item.Key] = toJSON(item.Record).record()
	}
	return nil
}

func (m *memory) Delete(_ context.Context, keys ...Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.all, key)
	}
	return nil
}

func (m *memory) List(_ context.Context, profile string) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.list(profile), nil
}
