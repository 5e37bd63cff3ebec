// Package nearest finds the known name that a misspelled one was probably meant to be.
package nearest

import "strings"

// Of returns the known name that text was probably meant to be, whatever its case: the first of
// those that differ least, by at most two letters, and by at most one in three; a name that
// begins with three letters or more that were typed counts as one that differs by one. "" is
// none.
func Of(text string, known []string) string {
	return By(strings.ToLower, text, known)
}

// By is Of for names that are compared by what fold makes of them.
func By(fold func(string) string, text string, known []string) string {
	text = fold(text)
	best, least := "", 1+min(2, len([]rune(text))/3)
	for _, name := range known {
		if d := difference(text, fold(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// difference is the distance of a name from what was typed, where that is not merely its beginning.
func difference(typed, name string) int {
	if len(typed) >= 3 && len(name) > len(typed) && strings.HasPrefix(name, typed) {
		return 1
	}
	return Distance(typed, name)
}

// Distance returns how many letters must be added, removed, replaced or swapped with the next to
// make b of a.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			d := last[j]
			if x[i] != y[j] {
				d = 1 + min(last[j], last[j+1], row[j])
			}
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = d
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
