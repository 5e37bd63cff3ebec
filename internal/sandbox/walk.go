package sandbox

import (
	"fmt"
	"strings"
	"sync"
)

// pages answers the pages of lists. It remembers, for the state as it is, who matched a filter and where a page ended,
// so that walking a list page after page costs each page only itself. It is safe for use by many goroutines.
type pages struct {
	mu      sync.Mutex
	version uint64
	found   map[string]matches
	ends    map[string]place
}

// mostRemembered bounds each of the two memories. A set is a bit a user.
const mostRemembered = 1024

// place is where a walk goes on: behind an entry, or from the start of what has no value.
type place struct {
	behind string // an entry's key less the index's prefix; "" is the beginning
	rest   bool   // the values are through; what follows has none
}

// page is the users of one page (from 1) and the number of all.
func (p *pages) page(s state, l listing, number, size int) (users []*user, total int) {
	name := l.name()
	var m matches
	if !l.filter.empty() {
		m = p.matches(s, name, func() matches { return s.matching(l) })
	}
	total = m.only.count()
	if m.only == nil {
		total = s.total(l.within) - m.without.count()
	}
	skip := (number - 1) * size
	if skip >= total {
		return nil, total
	}
	if m.only != nil && total <= fewMatches {
		all := s.sorted(l, m.only)
		return all[min(skip, len(all)):min(skip+size, len(all))], total
	}
	w := walk{state: s, listing: l, matches: m}
	if from, ok := p.end(s, pageName(name, size, number-1)); ok {
		w.place, skip = from, 0
	}
	w.valued = func() numbers {
		return p.matches(s, name+" valued", func() matches { return matches{only: s.having(l, l.sort, "")} }).only
	}
	found := w.take(skip, size)
	p.remember(s, pageName(name, size, number), w.place)
	for _, n := range found {
		if u, ok := s.user(n); ok {
			users = append(users, u)
		}
	}
	return users, total
}

func (l listing) name() string {
	var b strings.Builder
	for _, i := range l.within {
		fmt.Fprintf(&b, "%d ", i.Number)
	}
	f := l.filter
	realtime := "any"
	if f.realtime != nil {
		realtime = fmt.Sprint(*f.realtime)
	}
	fmt.Fprintf(&b, "%d %t %q %q %q %q %d %d %t %s", l.sort, l.desc, f.search, f.country, f.city, f.activities,
		f.from.UnixMicro(), f.to.UnixMicro(), f.activeOnly, realtime)
	return b.String()
}

func pageName(listing string, size, number int) string {
	return fmt.Sprintf("%s %d %d", listing, size, number)
}

// fresh forgets everything of a state that is no more. The lock must be held.
func (p *pages) fresh(s state) {
	if v := s.version(); p.found == nil || v != p.version || len(p.found) > mostRemembered || len(p.ends) > mostRemembered {
		p.version, p.found, p.ends = v, map[string]matches{}, map[string]place{}
	}
}

// matches is what make comes to, remembered by a name.
func (p *pages) matches(s state, name string, make func() matches) matches {
	p.mu.Lock()
	p.fresh(s)
	m, ok := p.found[name]
	p.mu.Unlock()
	if ok {
		return m
	}
	m = make()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh(s)
	p.found[name] = m
	return m
}

func (p *pages) end(s state, name string) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh(s)
	e, ok := p.ends[name]
	return e, ok
}

func (p *pages) remember(s state, name string, end place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh(s)
	p.ends[name] = end
}

// walk goes along an index of several instances at once, as if it were one.
type walk struct {
	state
	listing
	place
	matches                // who is wanted
	valued  func() numbers // who has an entry in the sort's index, asked for when those are through
}

// take passes over some and returns the numbers of those that follow.
func (w *walk) take(skip, size int) []uint64 {
	var out []uint64
	add := func(number uint64) (more bool) {
		switch {
		case !w.has(number):
		case skip > 0:
			skip--
		default:
			out = append(out, number)
		}
		return len(out) < size
	}
	if !w.rest && w.along(w.sort, w.desc, add) {
		return out
	}
	if w.sort.all() {
		return out
	}
	if !w.rest {
		w.place = place{rest: true}
	}
	valued := w.valued()
	w.along(byCreated, false, func(number uint64) bool { return valued.has(number) || add(number) })
	return out
}

// along calls fn with one user after the other, beginning at the walk's place and leaving the place behind the last,
// until fn returns false (then along is true) or all are through.
func (w *walk) along(i index, desc bool, fn func(number uint64) bool) (stopped bool) {
	tracks := make([]*track, 0, len(w.within))
	for _, in := range w.within {
		t := &track{cursor: w.cursor(), prefix: indexPrefix(in.Number, i), desc: desc}
		if t.start(w.behind); t.ok {
			tracks = append(tracks, t)
		}
	}
	for len(tracks) > 0 {
		first := 0
		for j := 1; j < len(tracks); j++ {
			if (tracks[j].entry < tracks[first].entry) != desc {
				first = j
			}
		}
		t := tracks[first]
		w.behind = t.entry
		if !fn(numberOf(t.entry)) {
			return true
		}
		if t.step(); !t.ok {
			tracks = append(tracks[:first], tracks[first+1:]...)
		}
	}
	return false
}

// track is a cursor within one index of one instance.
type track struct {
	cursor
	prefix string
	desc   bool
	entry  string // the key less the prefix
	ok     bool
}

// start goes behind an entry of any instance, or to the beginning. Entries are ordered alike in every instance.
func (t *track) start(behind string) {
	switch {
	case t.desc && behind == "":
		t.ok = t.seekBefore(t.prefix + "\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	case t.desc:
		t.ok = t.seekBefore(t.prefix + behind)
	case behind == "":
		t.ok = t.seek(t.prefix)
	default:
		t.ok = t.seek(t.prefix + behind + "\x00")
	}
	t.read()
}

func (t *track) step() {
	if t.desc {
		t.ok = t.prev()
	} else {
		t.ok = t.next()
	}
	t.read()
}

func (t *track) read() {
	if t.ok {
		t.entry, t.ok = strings.CutPrefix(string(t.key()), t.prefix)
	}
}
