package cmd_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// status is the first line of what a row expects.
func (w *messageWorld) status() string {
	if w.last.err == nil {
		return fmt.Sprintf("exit %d", w.last.exit)
	}
	text := fmt.Sprintf("exit %d %s", w.last.exit, w.last.err.Code)
	if w.last.err.Reason != "" {
		text += " " + string(w.last.err.Reason)
	}
	return text
}

var (
	uuidInText  = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	jobInText   = regexp.MustCompile(`(^|[^-0-9a-f])[0-9a-f]{12}\b`)
	hostInText  = regexp.MustCompile(`(127\.0\.0\.1|localhost):\d{4,5}`)
	tempInText  = regexp.MustCompile(`\.tmp-?\d+`)
	spanInText  = regexp.MustCompile(`process \d+`)
	unprintable = regexp.MustCompile(`\r\n`)
)

// printed is what the last command printed on standard error, and of standard output what the row
// asks for, with what differs from run to run replaced by names.
func (w *messageWorld) printed() []string {
	text := w.last.stderr
	for line := range strings.Lines(w.last.stdout) {
		if w.shown != nil && w.shown.MatchString(line) {
			text += "stdout: " + strings.TrimRight(line, " \n") + "\n"
		}
	}
	var names []string
	for name, value := range w.vars {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(w.vars[b]) - len(w.vars[a]) })
	for _, name := range names {
		value := w.vars[name]
		if len(value) < 4 { // it may be a part of something else
			text = strings.ReplaceAll(text, `"`+value+`"`, `"$`+name+`"`)
			continue
		}
		text = strings.ReplaceAll(text, value, "$"+name)
	}
	if w.vague != nil {
		text = w.vague.ReplaceAllString(text, "N$1")
	}
	text = uuidInText.ReplaceAllStringFunc(text, func(id string) string {
		if strings.HasPrefix(id, "5a4db0c5-") || strings.Contains(w.row.command+strings.Join(w.row.before, " "), id) {
			return id
		}
		return "UUID"
	})
	text = jobInText.ReplaceAllString(text, "${1}JOB")
	text = hostInText.ReplaceAllString(text, "$1:PORT")
	text = spanInText.ReplaceAllString(text, "process N")
	text = tempInText.ReplaceAllString(text, ".tmp")
	text = unprintable.ReplaceAllString(text, "\n")
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
