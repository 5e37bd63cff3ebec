package cmdutil

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/nearest"
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
	return whole[nearest.By(field.Fold, text, forms)]
}

// DidYouMean returns " (did you mean X?)", or "" where nothing known is like the text.
func DidYouMean(text string, known []string) string {
	if near := Nearest(text, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}
