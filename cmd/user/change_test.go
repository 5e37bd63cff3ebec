package user

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

func usersOf(n int) *tokens {
	t := &tokens{}
	for i := range n {
		t.given = append(t.given, fmt.Sprint(i))
	}
	return t
}

// Users are changed side by side, and told of in their order: whoever waits for the first does not keep all others waiting.
func TestResultsComeInTheOrderOfTheUsers(t *testing.T) {
	const users = 3 * mostAhead
	var under, most atomic.Int32
	released := make(chan struct{})
	var begun atomic.Int32
	work := task{usersOf(users), "done", func(_ context.Context, token string) error {
		for n := under.Add(1); n > most.Load(); {
			most.Store(n)
		}
		defer under.Add(-1)
		if token == "0" {
			<-released
		} else if begun.Add(1) == 2*changesAtOnce {
			close(released)
		}
		return nil
	}}
	var got []string
	if err := work.forEach(t.Context(), func(token string, _ error) error { got = append(got, token); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, work.users.given) || most.Load() > changesAtOnce {
		t.Errorf("%d results, %d at once", len(got), most.Load())
	}
}

// Where nobody reads the results any more, no further user is changed.
func TestNobodyIsChangedOnceTheOutputFails(t *testing.T) {
	gone := errors.New("broken pipe")
	var begun atomic.Int32
	work := task{usersOf(100 * mostAhead), "done", func(context.Context, string) error { begun.Add(1); return nil }}
	if err := work.forEach(t.Context(), func(string, error) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if n := begun.Load(); n > 2*mostAhead {
		t.Errorf("%d users were changed", n)
	}
}

func TestAfterAnInterruptNoFurtherUserIsBegun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	work := task{usersOf(100 * mostAhead), "deleted", func(_ context.Context, token string) error {
		if token == "5" {
			stop()
		}
		return nil
	}}
	a := account{all: work.users.count()}
	runErr := work.forEach(ctx, func(token string, err error) error { a.add("deleted", token, err); return nil })
	err := a.err(ctx, "deleted", runErr)
	if !failure.Is(err, failure.Interrupted) || !strings.Contains(err.Error(), " of 25600 users were deleted") || a.done > 2*mostAhead {
		t.Errorf("got %v", err)
	}
}

// What many errors come to: one user's is its own, and of several the account.
func TestTheErrorOfMany(t *testing.T) {
	gone := failure.New(failure.NotFound, "no such user")
	lost := &failure.Error{Code: failure.Unavailable, Message: "no answer", MayHaveApplied: true}
	for _, c := range []struct {
		errs []error
		code failure.Code
		want string
	}{
		{[]error{nil, nil}, "", ""},
		{[]error{gone}, failure.NotFound, "no such user"},
		{[]error{nil, gone}, failure.Partial, "1 of 2 users was updated"},
		{[]error{nil, nil, gone, lost}, failure.Partial, "2 of 4 users were updated, 1 may have been"},
	} {
		a := account{all: len(c.errs)}
		for _, err := range c.errs {
			a.add("updated", "t", err)
		}
		err := a.err(t.Context(), "updated", nil)
		if failure.CodeOf(err) != c.code || (err != nil && err.Error() != c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	a := account{all: 9}
	a.add("updated", "t", nil)
	changed := &failure.Error{Code: failure.Invalid, Message: "the file was changed", Cause: input.ErrChanged}
	err := failure.From(a.err(t.Context(), "updated", changed))
	if err.Code != failure.Failed || err.Message != "1 of 9 users was updated: the file was changed" || !strings.Contains(err.Hint, "put it back as it was") {
		t.Errorf("got %s %v (%s)", err.Code, err, err.Hint)
	}
	// While nothing was sent it is a mistake like any other.
	none := account{all: 9}
	if err := none.err(t.Context(), "updated", changed); !failure.Is(err, failure.Invalid) || err.Error() != "0 of 9 users were updated: the file was changed" {
		t.Errorf("got %v", err)
	}
}
