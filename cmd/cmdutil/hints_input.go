package cmdutil

import (
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

var inputHints = map[failure.Reason]hint{
	input.ReasonEncoding: fixed("name the file's encoding with --encoding (such as windows-1252, shift_jis or " +
		"iso-8859-2), " +
		"or save it as \"CSV UTF-8\" in the program that it is from"),
	input.ReasonNotData:     fixed("download the file again: this is not the export; signing in may be required"),
	input.ReasonCompression: about("unpack it first, with "),
	input.ReasonOldWorkbook: fixed("save it as .xlsx without a password, or as \"CSV UTF-8\""),
	input.ReasonDamaged:     fixed("fetch or save the file again; nothing of it was sent"),
	input.ReasonFormat: func(_ *App, e *failure.Error) string {
		return "add --format " + e.Subject + ", or give the file the right extension"
	},
	input.ReasonSheet: func(_ *App, e *failure.Error) string {
		return "add --sheet " + QuoteForShell(e.Subject) + ", or leave --sheet out for the first"
	},
	input.ReasonSeparator: func(_ *App, e *failure.Error) string {
		return "add --separator " + QuoteForShell(e.Subject)
	},
	input.ReasonColumns: fixed("the first line names the columns; rename one with --map 'Column=Field', " +
		"or skip those that are not a field with --ignore-unknown"),
	input.ReasonNoColumn: fixed("the first line names the columns; rename one with --map 'Column=Field'"),
	input.ReasonNoTokenColumn: fixed("give one DeviceToken a line, or a column DeviceToken, or name the key column " +
		"with --key"),
	input.ReasonMapColumn: about("the file's columns are "),
	input.ReasonWrapped: func(_ *App, e *failure.Error) string {
		return "give the users alone: a JSON array, or one object a line (they are in " + e.Subject + ")"
	},
	input.ReasonNoRow:       fixed("there is nothing to do; the file may have been cut off"),
	input.ReasonRowTooLarge: fixed("look for a quote in the row that is never closed"),
	input.ReasonMistakes:    func(_ *App, e *failure.Error) string { return mistakesHint(e) },
	input.ReasonDates: func(_ *App, e *failure.Error) string {
		return mistakesHint(e) + "; read dates that are written in another way with --date-format, as in " +
			"--date-format dd.mm.yyyy"
	},
	input.ReasonUnknownColumn: func(_ *App, e *failure.Error) string { return unknownHint(e) },
}

// mistakesHint says how to proceed with a file some of whose rows are not valid; Subject is
// the number of mistakes where not all are shown.
func mistakesHint(e *failure.Error) string {
	text := "correct them, or skip these rows with --skip-invalid"
	if e.Subject != "" {
		text += fmt.Sprintf("; list all %s mistakes in a file with --report FILE", e.Subject)
	}
	return text
}

func unknownHint(e *failure.Error) string {
	return mistakesHint(e) + "; rename a column with --map 'Column=Field', or skip those that are not a field with " +
		"--ignore-unknown"
}
