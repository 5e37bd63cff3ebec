package cmdutil

import (
	"fmt"
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
	folded := field.Fold(text)
	for _, form := range forms { // Tracking is meant for EnableTracking, whatever else is as near
		if len(folded) > 3 && strings.HasSuffix(field.Fold(form), folded) {
			return whole[form]
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

// OneOf returns the one of some words that a text is, whatever its spelling: DateCreatedDesc,
// date-created-desc, "No Data". Any other text is an error with the words, and the nearest of them.
func OneOf(text string, words ...string) (string, error) {
	for _, word := range words {
		if field.Fold(word) == field.Fold(text) {
			return word, nil
		}
	}
	if len(words) == 1 {
		return "", fmt.Errorf("must be %s, not %q", words[0], text)
	}
	return "", fmt.Errorf("%q is not one of %s%s", text, strings.Join(words, ", "), DidYouMean(text, words))
}

// OneOf reads a flag or an argument that must be one of some words; "" is not given.
func (w *Wrong) OneOf(flag string, text *string, words ...string) {
	if *text == "" {
		return
	}
	word, err := OneOf(*text, words...)
	if w.AddErr(flag, err); err == nil {
		*text = word
	}
}
