package store

import (
	"runtime"
	"slices"
	"sync"
)

// Collect calls fn with every user, on all cores, and returns what it keeps, in the order of
// registration. fn must be safe for use by many goroutines.
func Collect[T any](s *State, fn func(*User) (T, bool)) []T {
	parts := make([][]T, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range parts {
		users := s.users[i*len(s.users)/len(parts) : (i+1)*len(s.users)/len(parts)]
		wg.Go(func() {
			for _, u := range users {
				if u == nil {
					continue
				}
				if v, ok := fn(u); ok {
					parts[i] = append(parts[i], v)
				}
			}
		})
	}
	wg.Wait()
	return slices.Concat(parts...)
}

// Entry is a user in an Ordered list. Of two with one Key, the list's compare decides.
type Entry struct {
	User *User
	Key  uint64
}

// Ordered is a list that is sorted as far as it was asked for: the first page of many users
// costs no more than to look at each, and each next one little.
type Ordered struct {
	all     []Entry
	compare func(a, b Entry) int
	sorted  int   // the beginning that is in order
	ends    []int // of the parts behind it, the nearest last; all of a part is before all of the next
}

// NewOrdered makes a list of entries, no two of which may be equal.
func NewOrdered(all []Entry, compare func(a, b Entry) int) *Ordered {
	return &Ordered{all: all, compare: compare, ends: []int{len(all)}}
}

// smallPart is how many entries are sorted at once.
const smallPart = 2048

// slice returns the entries from one place to before another.
func (o *Ordered) slice(from, to int) []Entry {
	from, to = min(from, len(o.all)), min(to, len(o.all))
	for o.sorted < to {
		end := o.ends[len(o.ends)-1]
		part := o.all[o.sorted:end]
		if len(part) <= smallPart {
			slices.SortFunc(part, o.compare)
			o.sorted, o.ends = end, o.ends[:len(o.ends)-1]
		} else {
			o.ends = append(o.ends, o.sorted+o.partition(part))
		}
	}
	return o.all[from:to]
}

// partition moves those that are less than a middling one to the beginning, and returns how
// many they are: neither none nor all.
func (o *Ordered) partition(part []Entry) (less int) {
	middling := []Entry{part[0], part[len(part)/2], part[len(part)-1]}
	slices.SortFunc(middling, o.compare)
	for i, e := range part {
		if o.compare(e, middling[1]) < 0 {
			part[less], part[i] = e, part[less]
			less++
		}
	}
	return less
}

// Page returns part of a list that make computes, and its length. The list of a key is kept until
// the next change.
func (s *State) Page(key string, from, n int, compute func() *Ordered) (users []*User, total int) {
	s.pagesMu.Lock()
	defer s.pagesMu.Unlock()
	list, ok := s.pages[key]
	if !ok {
		if list = compute(); s.pages == nil || len(s.pages) >= 8 {
			s.pages = map[string]*Ordered{}
		}
		s.pages[key] = list
	}
	for _, e := range list.slice(from, from+n) {
		users = append(users, e.User)
	}
	return users, len(list.all)
}
