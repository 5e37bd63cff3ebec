package store_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// A long list is sorted as far as it is asked for: whichever page comes first, it is the same as of
// a sorted list.
func TestPagesOfALongListInAnyOrder(t *testing.T) {
	t.Parallel()
	const users, size = 20000, 500
	compare := func(a, b store.Entry) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.User.Generation, b.User.Generation))
	}
	dice := rand.New(rand.NewPCG(1, 2))
	s := store.Open(store.Options{Init: func() []store.Change { return nil }})
	for name, key := range map[string]func(i int) uint64{
		"many alike": func(int) uint64 { return dice.Uint64N(10) }, "no two alike": func(int) uint64 { return dice.Uint64() },
		"all alike": func(int) uint64 { return 0 }, "sorted": func(i int) uint64 { return uint64(i) },
		"sorted the other way": func(i int) uint64 { return uint64(users - i) },
	} {
		var all []store.Entry
		for i := range users {
			all = append(all, store.Entry{User: &store.User{Generation: i}, Key: key(i)})
		}
		sorted := slices.SortedFunc(slices.Values(all), compare)
		list := store.NewOrdered(all, compare)
		for _, page := range []int{3, 0, 39, 1, 40} {
			err := s.View(context.Background(), func(st *store.State) {
				got, total := st.Page(name, page*size, size, func() *store.Ordered { return list })
				want := sorted[min(page*size, users):min((page+1)*size, users)]
				if total != users || !slices.EqualFunc(got, want, func(u *store.User, e store.Entry) bool { return u == e.User }) {
					t.Errorf("%s: page %d of %d is not in order", name, page, total)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
