package apply

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is in a list is in the part of it that the directory names, however unevenly the values
// are spread; where they are spread evenly, that part is small.
func TestDirectoryLeadsToWhatIsInTheList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 50),
			rapid.Uint64Range(math.MaxUint64-50, math.MaxUint64)), 0, 300).Draw(t, "list")
		slices.Sort(list)
		d := newDirectory(len(list), func(i int) uint64 { return list[i] })
		for _, value := range append(slices.Clone(list), 0, 1<<63, math.MaxUint64) {
			low, high := d.around(value)
			if got, want := slices.Contains(list[low:high], value), slices.Contains(list, value); got != want {
				t.Fatalf("%d: in %v %t, in the list %t", value, list[low:high], got, want)
			}
		}
	})
	even := make([]uint64, 10_000)
	for i := range even {
		even[i] = math.MaxUint64 / uint64(len(even)) * uint64(i)
	}
	d := newDirectory(len(even), func(i int) uint64 { return even[i] })
	for _, value := range even {
		if low, high := d.around(value); high-low > 8 {
			t.Fatalf("%d of %d values begin like %d", high-low, len(even), value)
		}
	}
}
