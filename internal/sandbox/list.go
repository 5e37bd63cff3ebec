package sandbox

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sort"
	"time"
)

// listing is what a page of a list is taken from.
type listing struct {
	within []instance
	sort   index
	desc   bool
	filter filter
}

// filter is what the users of a list must be; the zero value lets all pass. Text is compared without regard to case.
type filter struct {
	search     string   // any of searched begins with it (assumed: search)
	country    string   //
	city       string   //
	activities []string // as they are read; none is all
	from, to   time.Time
	activeOnly bool
	realtime   *bool
}

// searched are the indexes that a search term is looked up in (assumed: search).
var searched = []index{
	byToken, byClientID, byFullName, profileIndex("LastName"), profileIndex("Nickname"), profileIndex("Email"), profileIndex("Phone"),
}

func (f filter) empty() bool {
	return f.search == "" && f.country == "" && f.city == "" && len(f.activities) == 0 && f.from.IsZero() && f.to.IsZero() &&
		!f.activeOnly && f.realtime == nil
}

// numbers is a set of user numbers, one bit each.
type numbers []uint64

func (n *numbers) add(number uint64) {
	word := number / 64
	for uint64(len(*n)) <= word {
		*n = append(*n, 0)
	}
	(*n)[word] |= 1 << (number % 64)
}

func (n numbers) has(number uint64) bool {
	word := number / 64
	return word < uint64(len(n)) && n[word]&(1<<(number%64)) != 0
}

func (n numbers) count() int {
	total := 0
	for _, w := range n {
		total += bits.OnesCount64(w)
	}
	return total
}

// only keeps what is in the other set too, or, with without, what is not.
func (n numbers) only(other numbers, without bool) {
	for i := range n {
		var w uint64
		if i < len(other) {
			w = other[i]
		}
		if without {
			w = ^w
		}
		n[i] &= w
	}
}

// each calls fn with every number of the set, in order.
func (n numbers) each(fn func(number uint64)) {
	for i, w := range n {
		for ; w != 0; w &= w - 1 {
			fn(uint64(i)*64 + uint64(bits.TrailingZeros64(w))) //nolint:gosec // neither is negative
		}
	}
}

// under adds everyone of the listing's instances whose value in an index begins with a text.
func (s state) under(into *numbers, l listing, i index, beginning string) {
	for _, in := range l.within {
		prefix := indexPrefix(in.Number, i) + beginning
		s.between(prefix, prefix, "", into.add)
	}
}

// between calls fn with everyone whose entry is not below one key and below another, if that is given, under a prefix. It
// walks over a million entries without making a text of any.
func (s state) between(prefix, from, to string, fn func(number uint64)) {
	c := s.cursor()
	want, end := []byte(prefix), []byte(to)
	for ok := c.seek(from); ok; ok = c.next() {
		key := c.key()
		if !bytes.HasPrefix(key, want) || (to != "" && bytes.Compare(key, end) >= 0) {
			return
		}
		fn(binary.BigEndian.Uint64(key[len(key)-8:]))
	}
}

// having is everyone whose value in an index begins with any of the texts.
func (s state) having(l listing, i index, beginnings ...string) numbers {
	var n numbers
	for _, b := range beginnings {
		s.under(&n, l, i, b)
	}
	return n
}

// matches is whom a filter lets pass: those in only, or everyone where it is nil, less those in without.
type matches struct{ only, without numbers }

func (m matches) has(number uint64) bool {
	return (m.only == nil || m.only.has(number)) && !m.without.has(number)
}

// matching is whom the listing's filter lets pass. Each part of the filter is one walk along an index; no record is read.
func (s state) matching(l listing) matches {
	f := l.filter
	var m matches
	narrow := func(n numbers) {
		if n == nil {
			n = numbers{}
		}
		if m.only != nil {
			n.only(m.only, false)
		}
		m.only = n
	}
	if f.search != "" {
		var n numbers
		for _, i := range searched {
			s.under(&n, l, i, foldValue(f.search))
		}
		narrow(n)
	}
	if f.city != "" {
		narrow(s.having(l, profileIndex("City"), foldValue(f.city)+"\x00"))
	}
	if f.country != "" {
		narrow(s.having(l, profileIndex("Country"), foldValue(f.country)+"\x00"))
	}
	if len(f.activities) > 0 {
		var wanted []string
		for _, a := range f.activities {
			wanted = append(wanted, foldValue(a)+"\x00")
		}
		narrow(s.having(l, byActivity, wanted...))
	}
	if !f.from.IsZero() || !f.to.IsZero() {
		narrow(s.created(l))
	}
	if f.realtime != nil && *f.realtime {
		narrow(s.having(l, byRealtime, ""))
	}
	if f.realtime != nil && !*f.realtime {
		s.under(&m.without, l, byRealtime, "")
	}
	if f.activeOnly {
		s.under(&m.without, l, byInactive, "")
	}
	if m.only != nil {
		m.only.only(m.without, true)
		m.without = nil
	}
	return m
}

// created is everyone registered within the filter's time.
func (s state) created(l listing) numbers {
	var n numbers
	for _, in := range l.within {
		prefix := indexPrefix(in.Number, byCreated)
		from, to := prefix, ""
		if !l.filter.from.IsZero() {
			from = prefix + momentValue(l.filter.from.UnixMicro())
		}
		if !l.filter.to.IsZero() {
			to = prefix + momentValue(l.filter.to.UnixMicro()) + "\x01"
		}
		s.between(prefix, from, to, n.add)
	}
	return n
}

// total is how many users the instances have.
func (s state) total(instances []instance) int {
	var n uint64
	for _, i := range instances {
		n += s.number(numbered(prefixCount, i.Number))
	}
	return int(n) // fits: each was counted up by one
}

// fewMatches is up to how many users are sorted by their records; above that the sort's index is walked.
const fewMatches = 2000

// sorted are the records of a set in the listing's order.
func (s state) sorted(l listing, set numbers) []*user {
	type entry struct {
		u     *user
		key   string
		there bool
	}
	var all []entry
	set.each(func(number uint64) {
		if u, ok := s.user(number); ok {
			v, there := u.value(l.sort)
			all = append(all, entry{u, v, there})
		}
	})
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		switch {
		case a.there != b.there:
			return a.there // who has no value comes last, whichever way it is sorted (assumed: sort-missing)
		case !a.there:
			return momentValue(a.u.Created.UnixMicro()) < momentValue(b.u.Created.UnixMicro())
		case a.key != b.key:
			return (a.key < b.key) != l.desc
		default:
			return (a.u.Number < b.u.Number) != l.desc
		}
	})
	users := make([]*user, len(all))
	for i, e := range all {
		users[i] = e.u
	}
	return users
}
