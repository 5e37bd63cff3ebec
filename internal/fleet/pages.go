// Package fleet reads the users of an instance: page after page while the list moves, one by what
// it is known by, and many at once by whichever way needs fewer requests.
package fleet

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Page is one page of a list.
type Page struct {
	Users []userservice.User
	Total int  // users on all pages
	More  bool // there is a page after this one
}

// Fetch gets one page; number counts from 1. The list must have the same order in every call. The
// users are the caller's.
type Fetch func(ctx context.Context, number, size int) (Page, error)

// PageOptions say how a list is read.
type PageOptions struct {
	Size     int // users on a page; PageSize where 0
	Limit    int // users at most; 0: unlimited
	Complete bool
	Seen     Seen // remembers who was given; a set of DeviceTokens where nil
}

// Seen remembers users.
type Seen interface {
	Has(userservice.User) bool
	Add(userservice.User)
}

// tokens is a Seen of DeviceTokens. A user whose DeviceToken cannot be read is always new.
type tokens map[uuid.UUID]struct{}

func (t tokens) Has(u userservice.User) bool {
	id, err := field.ParseServiceUUID(u.DeviceToken)
	_, ok := t[id]
	return ok && err == nil
}

func (t tokens) Add(u userservice.User) {
	if id, err := field.ParseServiceUUID(u.DeviceToken); err == nil {
		t[id] = struct{}{}
	}
}

// PageSize is how many users are asked for at once (assumed: the service takes it; a smaller page
// is coped with).
const PageSize = 1000

// Reasons of errors of this room.
const (
	ReasonListMoves failure.Reason = "list-moves" // the list changed faster than it could be read
)

// mostRounds is how often a list is read before it is given up that does not hold as many users as
// it says.
const mostRounds = 3

// Pages gives the users of a list page by page, the next page being fetched while one is consumed.
// Each user is given once. A user who was in the list throughout is given although others were
// added and removed meanwhile: each page begins a little before the end of the one before, and
// where it does not begin with a user who is known, users have moved forward, and the list is read
// again from further ahead. For that, users must be in the order of their creation, or in any other
// order that does not change.
//
// With PageOptions.Complete, the users that were given must be as many as the list says at its end.
// Else it is read up to three times, and then the error is failure.Unavailable (ReasonListMoves):
// for decisions about those who are not in it.
func Pages(ctx context.Context, fetch Fetch, o PageOptions) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		l := newListing(ctx, fetch, o)
		defer l.close()
		for {
			page, err := l.next()
			if err != nil {
				yield(Page{}, err)
				return
			}
			if len(page.Users) > 0 && !yield(page, nil) {
				return
			}
			if !page.More {
				return
			}
		}
	}
}

// listing is a list that is being read.
type listing struct {
	ctx    context.Context
	cancel context.CancelFunc
	fetch  Fetch
	o      PageOptions
	end    int  // the place up to which the list was read
	at     span // the page that is being fetched
	ahead  chan fetched
	given  int
	rounds int
	back   int // how often in a row a page did not join the one before
}

// span is a page by its place in the list.
type span struct{ number, size int }

func (s span) start() int { return (s.number - 1) * s.size }

type fetched struct {
	Page
	err error
}

func newListing(ctx context.Context, fetch Fetch, o PageOptions) *listing {
	if o.Size == 0 {
		o.Size = PageSize
	}
	if o.Limit > 0 {
		o.Size = min(o.Size, max(o.Limit, 2))
	}
	l := &listing{fetch: fetch, o: o, rounds: 1}
	if o.Seen == nil {
		l.o.Seen = tokens{}
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.begin(span{1, o.Size})
	return l
}

func (l *listing) close() {
	l.cancel()
	<-l.ahead
}

// begin fetches a page in the background.
func (l *listing) begin(at span) {
	l.at = at
	ahead := make(chan fetched, 1)
	l.ahead = ahead
	go func() {
		page, err := l.fetch(l.ctx, at.number, at.size)
		ahead <- fetched{page, err}
		close(ahead)
	}()
}

// next returns the new users of the next page that has any, or the end of the list.
func (l *listing) next() (Page, error) {
	for {
		got := <-l.ahead
		if got.err != nil {
			return Page{}, got.err
		}
		at, n := l.at, len(got.Users)
		if at.number == 1 && got.More && n > 0 && n < at.size {
			l.o.Size = n // the service's own largest page
			at.size = n
		}
		joins := at.start() == 0 || n > 0 && l.o.Seen.Has(got.Users[0])
		out := Page{Total: got.Total}
		if joins {
			out.Users = l.fresh(got.Users)
		}
		full := l.o.Limit > 0 && l.given >= l.o.Limit
		out.More = !full
		switch {
		case full:
		case !joins:
			if err := l.goBack(at); err != nil {
				return Page{}, err
			}
		case got.More && n > 0:
			l.back = 0
			l.end = at.start() + n
			l.begin(following(l.end, l.o.Size))
		case l.o.Complete && l.given < got.Total:
			if err := l.again(); err != nil {
				return Page{}, err
			}
		default:
			out.More = false
		}
		if len(out.Users) > 0 || !out.More {
			return out, nil
		}
	}
}

// fresh returns the users of a page who were not given before, up to the limit, in the page's
// memory.
func (l *listing) fresh(users []userservice.User) []userservice.User {
	fresh := 0
	for i := range users {
		if l.o.Seen.Has(users[i]) || l.o.Limit > 0 && l.given >= l.o.Limit {
			continue
		}
		l.o.Seen.Add(users[i])
		if fresh != i {
			users[fresh] = users[i]
		}
		fresh++
		l.given++
	}
	return users[:fresh]
}

// goBack fetches a page further ahead: users were removed, and those after them have moved forward.
func (l *listing) goBack(at span) error {
	if l.back++; l.back > mostBack {
		return moves("users are removed faster than the list can be read")
	}
	start := at.start() - l.back*l.o.Size
	if start <= 0 {
		l.begin(span{1, l.o.Size})
		return nil
	}
	l.begin(following(start, l.o.Size))
	return nil
}

// again reads the list from its beginning.
func (l *listing) again() error {
	if l.rounds++; l.rounds > mostRounds {
		return moves("the list says that it has more users than it shows")
	}
	l.begin(span{1, l.o.Size})
	return nil
}

func moves(why string) error {
	return failure.New(failure.Unavailable, "list the users: "+why).Because(ReasonListMoves, "")
}

// following returns the page that goes on at a place of the list, and begins a little before it. As
// a page begins at a multiple of its size, its size is one by which such a place can be divided.
func following(end, size int) span {
	best, most := span{end + 1, 1}, 0
	for overlap := 1; overlap <= size/2 && overlap < end; overlap++ {
		start := end - overlap
		if size-overlap <= most {
			break // the larger overlaps are no better
		}
		for pages := (start + size - 1) / size; pages <= start; pages++ {
			s := start / pages
			if s-overlap <= most {
				break
			}
			if s*pages == start {
				best, most = span{pages + 1, s}, s-overlap
			}
		}
	}
	return best
}
