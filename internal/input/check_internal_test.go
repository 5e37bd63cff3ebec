package input

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Two values may have one hash. A value is only said to come twice when the value itself does.
func TestASuspicionIsNoMistake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte("ClientId\na\nb\nb\nc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(t.Context(), Options{Name: path, Use: field.File}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var got []string
	bad, err := f.reportAll(t.Context(), &duplicates{
		hash: everythingAlike, check: newHash(), hashes: []uint64{7}, first: make([]place, 1), others: map[otherKey]int{},
		texts: map[uint64]string{},
	}, func(r *Row) error {
		for _, m := range r.Mistakes {
			got = append(got, fmt.Sprint(m.Row, m.Value))
		}
		return nil
	})
	if bad != 1 || err != nil || !slices.Equal(got, []string{"3b"}) {
		t.Errorf("%d bad, %v, %v", bad, got, err)
	}
}

func everythingAlike(string, string) uint64 { return 7 }

// Of many values the hashes are kept, and little more.
func TestSeenValuesTakeSixteenBytesEach(t *testing.T) {
	const values = 100_000
	s := newSeen()
	for n := range values {
		s.add("ClientId", fmt.Sprint(n))
	}
	room := 0
	for _, p := range s.portions {
		room += 8 * cap(p)
	}
	if room > 16*values {
		t.Errorf("%d bytes for %d values", room, values)
	}
	if twice := s.twice(); len(twice) > 0 {
		t.Errorf("%d of %d values share a hash", len(twice), values)
	}
}
