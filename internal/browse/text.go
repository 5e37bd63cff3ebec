package browse

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// clean returns text as a cell shows it: control characters are written out, and a cluster of
// characters that terminals do not agree on how wide it is (a family of joined faces) is shown by
// its first character, so that columns stay aligned on every terminal.
func clean(text string) string {
	text = sanitize.Clean(text)
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		cluster, wide := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		text = text[len(cluster):]
		if wide != ansi.StringWidthWc(cluster) {
			r, _ := utf8.DecodeRuneInString(cluster)
			cluster = string(r)
			if ansi.StringWidth(cluster) != ansi.StringWidthWc(cluster) {
				cluster = "?"
			}
		}
		b.WriteString(cluster)
	}
	return b.String()
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// width is how many columns text takes.
func width(text string) int { return ansi.StringWidth(text) }

// clip cuts text to a number of columns, and says so by an ellipsis.
func clip(text string, columns int, ascii bool) string {
	if width(text) <= columns {
		return text
	}
	tail := "…"
	if ascii {
		tail = "..."
	}
	if columns < len(tail) {
		tail = ""
	}
	return ansi.Truncate(text, max(columns, 0), tail)
}

// pad fills text up to a number of columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-width(text)))
}

// wrap breaks text into lines of at most so many columns, at blanks where it can.
func wrap(text string, columns int) []string {
	if columns < 1 {
		return nil
	}
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		for width(word) > columns { // longer than a line
			if line != "" {
				lines, line = append(lines, line), ""
			}
			part := ansi.Truncate(word, columns, "")
			if part == "" {
				break
			}
			lines, word = append(lines, part), word[len(part):]
		}
		switch {
		case line == "":
			line = word
		case width(line)+1+width(word) <= columns:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// lengthText writes a length of time as it is typed: 90m, 4h, 7d.
func lengthText(d time.Duration) string {
	switch {
	case d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.Truncate(time.Second).String()
}
