package fleet

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// list is a list that may move before each page.
type list struct {
	mu      sync.Mutex
	users   []string
	largest int
	calls   int
	move    func(l *list)
}

func newList(n int) *list {
	l := &list{largest: 1000}
	for range n {
		l.users = append(l.users, uuid.NewString())
	}
	return l
}

func (l *list) fetch(_ context.Context, number, size int) (Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.move != nil && l.calls > 1 {
		l.move(l)
	}
	size = min(size, l.largest)
	from := min((number-1)*size, len(l.users))
	to := min(from+size, len(l.users))
	p := Page{Total: len(l.users), More: to < len(l.users)}
	for _, token := range l.users[from:to] {
		p.Users = append(p.Users, userservice.User{DeviceToken: token})
	}
	return p, nil
}

func read(t interface{ Fatal(...any) }, l *list, o PageOptions) []string {
	var out []string
	for page, err := range Pages(context.Background(), l.fetch, o) {
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			out = append(out, u.DeviceToken)
		}
	}
	return out
}

func TestPagesAreTheWholeList(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 99, 100, 101, 1234} {
		for _, largest := range []int{1000, 30} {
			l := newList(n)
			l.largest = largest
			if got := read(t, l, PageOptions{Size: 100, Complete: true}); !slices.Equal(got, l.users) {
				t.Errorf("%d users, pages of %d at most: got %d", n, largest, len(got))
			}
			if most := 2 + n*4/3/min(largest, 100); l.calls > most {
				t.Errorf("%d users, pages of %d at most: %d calls, want at most %d", n, largest, l.calls, most)
			}
		}
	}
}

func TestLimitFetchesOnePage(t *testing.T) {
	t.Parallel()
	l := newList(500)
	if got := read(t, l, PageOptions{Limit: 20}); !slices.Equal(got, l.users[:20]) || l.calls != 1 {
		t.Errorf("got %d users by %d calls", len(got), l.calls)
	}
}

// Users are added at the end and removed anywhere between any two pages.
func TestMovingListGivesNobodyTwiceAndMissesNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newList(rapid.IntRange(0, 300).Draw(t, "users"))
		throughout := map[string]bool{}
		for _, u := range l.users {
			throughout[u] = true
		}
		moves := rapid.IntRange(0, 12).Draw(t, "moves")
		l.move = func(l *list) {
			if moves--; moves < 0 {
				return
			}
			for range rapid.IntRange(0, 5).Draw(t, "added") {
				l.users = append(l.users, uuid.NewString())
			}
			for range min(rapid.IntRange(0, 25).Draw(t, "removed"), len(l.users)) {
				i := rapid.IntRange(0, len(l.users)-1).Draw(t, "which")
				delete(throughout, l.users[i])
				l.users = slices.Delete(l.users, i, i+1)
			}
		}
		got := map[string]bool{}
		for page, err := range Pages(context.Background(), l.fetch,
			PageOptions{Size: rapid.IntRange(20, 50).Draw(t, "size")}) {
			if failure.HasReason(err, ReasonListMoves) {
				return // it says so
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range page.Users {
				if got[u.DeviceToken] {
					t.Fatalf("%s came twice", u.DeviceToken)
				}
				got[u.DeviceToken] = true
			}
		}
		for u := range throughout {
			if !got[u] {
				t.Fatalf("%s was there throughout and did not come", u)
			}
		}
	})
}

func TestListThatSaysMoreThanItShowsIsNotComplete(t *testing.T) {
	t.Parallel()
	l := newList(5)
	fetch := func(ctx context.Context, number, size int) (Page, error) {
		p, err := l.fetch(ctx, number, size)
		p.Total++
		return p, err
	}
	var last error
	for _, err := range Pages(t.Context(), fetch, PageOptions{Complete: true}) {
		last = err
	}
	if !failure.Is(last, failure.Unavailable) || !failure.HasReason(last, ReasonListMoves) || l.calls != mostRounds {
		t.Errorf("got %v after %d calls", last, l.calls)
	}
}

func TestFailedPageEndsTheList(t *testing.T) {
	t.Parallel()
	broken := errors.New("no connection")
	l := newList(50)
	fetch := func(ctx context.Context, number, size int) (Page, error) {
		if number > 1 {
			return Page{}, broken
		}
		return l.fetch(ctx, number, size)
	}
	users, last := 0, error(nil)
	for page, err := range Pages(t.Context(), fetch, PageOptions{Size: 20}) {
		users += len(page.Users)
		last = err
	}
	if users != 20 || !errors.Is(last, broken) {
		t.Errorf("got %d users and %v", users, last)
	}
}

// Every page goes forward and overlaps the one before by a small part of its size.
func TestPagesOverlapALittle(t *testing.T) {
	t.Parallel()
	for _, size := range []int{50, 100, 500, 1000} {
		end, pages := size, 1
		for end < 1000*size {
			next := following(end, size)
			if next.size > size || next.start() >= end || next.start()+next.size <= end {
				t.Fatalf("after %d of pages of %d comes %+v", end, size, next)
			}
			end = next.start() + next.size
			pages++
		}
		if most := 1000 * 5 / 4; pages > most {
			t.Errorf("%d users are %d pages of %d, want at most %d", end, pages, size, most)
		}
	}
}
