package cmdutil

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Nearest returns the one of the known words that was probably meant; the part before its last dot
// does not count. "" is none.
func Nearest(text string, known []string) string {
	whole := map[string]string{}
	var forms []string
	for _, word := range known {
		for _, form := range []string{word, word[strings.LastIndexByte(word, '.')+1:]} {
			if _, ok := whole[form]; !ok {
				whole[form], forms = word, append(forms, form)
			}
		}
	}
	form, _ := field.Nearest(text, forms)
	return whole[form]
}

// DidYouMean returns " (did you mean X?)", or "" where nothing known is like the text.
func DidYouMean(text string, known []string) string {
	if near := Nearest(text, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// EditDistance returns how many letters must be changed, added, removed or swapped with their
// neighbor to make one word of the other.
func EditDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := range x {
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			d := min(rows[i][j+1]+1, rows[i+1][j]+1, rows[i][j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(x)][len(y)]
}
