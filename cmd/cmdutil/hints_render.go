package cmdutil

import (
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

var renderHints = map[failure.Reason]hint{
	render.ReasonUnknownFormat: func(a *App, e *failure.Error) string {
		return nearestFirst([]string{a.Flags.Output}, e.Subject, "use one of ")
	},
	render.ReasonFormatUnfit:    fixed("use -o json"),
	render.ReasonQueriesExclude: fixed("give either --jq or --template"),
	render.ReasonQueryNeedsJSON: fixed("leave out --output, or use -o json"),
	render.ReasonInvalidJQ:      fixed("see https://jqlang.org/manual for the language; the names are those of -o json"),
	render.ReasonInvalidTemplate: fixed("see https://pkg.go.dev/text/template for the language; the names are " +
		"those of -o json"),
	render.ReasonUnknownColumn: func(a *App, e *failure.Error) string {
		return nearestFirst(a.Flags.Columns, e.Subject, "--columns takes ")
	},
}

// isOneOf reports whether a word is a known one, with or without what stands before its last dot.
func isOneOf(known []string, word string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		return field.Fold(k) == field.Fold(word) || field.Fold(k[strings.LastIndexByte(k, '.')+1:]) == field.Fold(word)
	})
}

// nearestFirst returns a hint about a list of known words: those first that were probably meant.
func nearestFirst(given []string, list, text string) string {
	known := strings.Split(list, ", ")
	var near []string
	for _, word := range given {
		if like := Nearest(word, known); like != "" && !isOneOf(known, word) {
			near = append(near, like)
		}
	}
	if len(near) > 0 {
		text = "did you mean " + strings.Join(near, ", ") + "? " + text
	}
	return text + list
}
