package input

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

var byExtension = map[string]string{
	".csv": CSV, ".tsv": TSV, ".tab": TSV, ".json": JSON, ".jsonl": JSONLines, ".ndjson": JSONLines, ".xlsx": XLSX,
	".xlsm": XLSX,
}

// formatOf is the format that was asked for, or that the name tells; "" where neither does.
func formatOf(o *Options) (string, error) {
	if o.Format != "" {
		if format := strings.ToLower(o.Format); slices.Contains(Formats(), format) {
			return format, nil
		}
		return "", failure.Newf(failure.Invalid, "format %q is not one of %s", o.Format, strings.Join(Formats(), ", "))
	}
	name := strings.ToLower(filepath.Base(o.Name))
	return byExtension[filepath.Ext(strings.TrimSuffix(name, ".gz"))], nil
}

// chooseFormat finds the format, and for CSV the separator, from the options, the name,
// and the beginning of the text.
func (f *File) chooseFormat() error {
	format, err := formatOf(&f.options)
	if err != nil {
		return err
	}
	if f.source.isWorkbook() {
		return f.chooseWorkbook(format)
	}
	switch found := looksLike(f.source.head); {
	case format == XLSX && f.options.Format == "":
		return f.source.broken("it is not a workbook, whatever its name says").Because(ReasonFormat, found)
	case format == XLSX:
		return f.source.broken("it is not an Excel workbook (.xlsx)").Because(ReasonFormat, found)
	case (format == CSV || format == TSV) && found != CSV:
		return f.source.broken("the content is JSON, not "+strings.ToUpper(format)).Because(ReasonFormat, found)
	case format == "":
		format = found
	}
	f.format = format
	if f.options.Use == 0 && f.options.Format == "" && f.isList() {
		f.format = list
		return nil
	}
	if format == CSV || format == TSV {
		return f.chooseSeparator()
	}
	return nil
}

func (f *File) chooseWorkbook(format string) error {
	if format != "" && format != XLSX {
		return f.source.broken("it is an Excel workbook or another ZIP archive, not "+strings.ToUpper(format)).
			Because(ReasonFormat, XLSX)
	}
	f.format = XLSX
	return nil
}

func (f *File) chooseSeparator() error {
	separator, err := parseSeparator(f.options.Separator)
	if err != nil {
		return err
	}
	named, lines := preamble(f.source.head)
	f.preamble = lines
	switch {
	case separator != "":
	case named != "":
		separator = named
	case f.format == TSV:
		separator = "\t"
	default:
		separator = separatorOf(headerLine(f.source.head, lines))
	}
	f.separator = separator
	return nil
}

// parseSeparator reads the option: one character, or the name of a tab.
func parseSeparator(s string) (string, error) {
	switch strings.ToLower(s) {
	case "":
		return "", nil
	case "tab", `\t`:
		return "\t", nil
	case "space":
		return " ", nil
	}
	if utf8.RuneCountInString(s) != 1 || strings.ContainsAny(s, "\"\r\n=") {
		return "", failure.Newf(failure.Invalid, "separator %s must be one character (or tab), and not a quote",
			field.Quote(s))
	}
	return s, nil
}

// looksLike returns the format of a text by its beginning. Objects one after the other
// are JSON Lines if the first ends with its line; else they are read as JSON, which takes
// them too.
func looksLike(head []byte) string {
	text := bytes.TrimSpace(head)
	switch {
	case bytes.HasPrefix(text, []byte("[{")), bytes.HasPrefix(text, []byte("[")) && looksLikeArray(text[1:]):
		return JSON
	case bytes.HasPrefix(text, []byte("{")):
		line, _, _ := bytes.Cut(text, []byte("\n"))
		if err := members(line, func(string, any) {}); err == nil {
			return JSONLines
		}
		if _, err := field.ParseUUID(string(line)); err == nil {
			return CSV // a UUID in braces
		}
		return JSON
	default:
		return CSV
	}
}

func looksLikeArray(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) == 0 || bytes.IndexByte([]byte(`{]["`), text[0]) >= 0
}

// headerLine returns the first line that is not blank, without its end, after so many
// lines of a preamble; a line break inside quotes does not end it.
func headerLine(head []byte, skip int) []byte {
	for range skip {
		_, head, _ = bytes.Cut(head, []byte("\n"))
	}
	head = bytes.TrimLeft(head, "\r\n")
	quoted := false
	for i, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\n' && !quoted:
			return bytes.TrimSuffix(head[:i], []byte("\r"))
		}
	}
	return head
}

// versionLine is the first line of the templates of Microsoft Entra.
var versionLine = lazyregexp.New(`^version:v[0-9.]+[,;]*$`)

// preamble reads the lines before the header: Excel's own sep=; names the separator.
func preamble(head []byte) (separator string, lines int) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	text := strings.Trim(strings.TrimSuffix(string(line), "\r"), `"`)
	if versionLine.MatchString(text) {
		return "", 1
	}
	if len(text) < len("sep=;") || !strings.EqualFold(text[:4], "sep=") {
		return "", 0
	}
	if text[4:] == "" || utf8.RuneCountInString(text[4:]) != 1 || text[4] == '"' {
		return "", 0
	}
	return text[4:], 1
}

// separatorOf returns the separator that stands most often in the header, outside quotes.
func separatorOf(line []byte) string {
	const candidates = ",;\t|"
	var counts [len(candidates)]int
	quoted := false
	for _, b := range line {
		if b == '"' {
			quoted = !quoted
		} else if i := strings.IndexByte(candidates, b); i >= 0 && !quoted {
			counts[i]++
		}
	}
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	return candidates[best : best+1]
}

// dateLayout translates how dates are written (dd.mm.yyyy, m/d/yy, dd-mmm-yyyy hh:mm)
// into a layout of package time. Days and months may have one digit or two.
func dateLayout(format string) (string, error) {
	if format == "" {
		return "", nil
	}
	var b strings.Builder
	has := map[byte]bool{}
	for rest := strings.ToLower(format); rest != ""; {
		n := 1
		for n < len(rest) && rest[n] == rest[0] {
			n++
		}
		unit := rest[:n]
		switch {
		case unit == "yyyy":
			b.WriteString("2006")
		case unit == "yy":
			b.WriteString("06")
		case unit == "mmmm":
			b.WriteString("January")
		case unit == "mmm":
			b.WriteString("Jan")
		case unit[0] == 'm' && n <= 2 && has['h']:
			b.WriteString("04")
		case unit[0] == 'm' && n <= 2:
			b.WriteString("1")
		case unit[0] == 'd' && n <= 2:
			b.WriteString("2")
		case unit[0] == 'h' && n <= 2:
			b.WriteString("15")
		case unit[0] == 's' && n <= 2:
			b.WriteString("05")
		case strings.IndexByte("./-:, t", unit[0]) >= 0:
			b.WriteString(strings.ToUpper(unit))
		default:
			return "", failure.Newf(failure.Invalid, "date format %q: %q is not one of yyyy yy mm mmm dd hh ss", format, unit)
		}
		has[unit[0]] = true
		rest = rest[n:]
	}
	if !has['y'] || !has['m'] || !has['d'] {
		return "", failure.Newf(failure.Invalid, "date format %q must have a day, a month and a year, as dd.mm.yyyy", format)
	}
	return b.String(), nil
}
