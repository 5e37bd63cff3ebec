package input

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

var byExtension = map[string]string{
	".csv": CSV, ".tsv": TSV, ".tab": TSV, ".json": JSON, ".jsonl": JSONLines, ".ndjson": JSONLines,
}

// formatOf is the format that was asked for, or that the name says; "" where neither does.
func formatOf(o Options) (string, error) {
	if o.Format != "" {
		if format := strings.ToLower(o.Format); slices.Contains(Formats(), format) {
			return format, nil
		}
		return "", failure.Newf(failure.Invalid, "--format %q is none of %s", o.Format, strings.Join(Formats(), ", "))
	}
	name := strings.ToLower(filepath.Base(o.Name))
	return byExtension[filepath.Ext(strings.TrimSuffix(name, ".gz"))], nil
}

// chooseFormat finds the format, and for CSV the separator, from the options, the name, and the first of the text.
func (f *File) chooseFormat() error {
	format, err := formatOf(f.options)
	if err != nil {
		return err
	}
	if format == "" {
		format = looksLike(f.source.head)
	}
	f.format = format
	if format != CSV && format != TSV {
		return nil
	}
	f.comma = '\t'
	if separator, ok := namedSeparator(f.source.head); ok {
		f.comma, f.skip = separator, 1
	} else if format == CSV {
		f.comma = separatorOf(headerLine(f.source.head))
	}
	return nil
}

// looksLike tells the format from the first of the text. Objects one after the other are JSON Lines if the first ends with its line; else they
// are read as JSON, which takes them too.
func looksLike(head []byte) string {
	text := bytes.TrimSpace(head)
	switch {
	case bytes.HasPrefix(text, []byte("[")):
		return JSON
	case bytes.HasPrefix(text, []byte("{")):
		line, _, _ := bytes.Cut(text, []byte("\n"))
		if err := members(line, func(string, any) {}); err == nil {
			return JSONLines
		}
		return JSON
	default:
		return CSV
	}
}

// headerLine is the first line that is not blank, without its end; a line break inside quotes does not end it.
func headerLine(head []byte) []byte {
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

// namedSeparator reads Excel's own first line, «sep=;».
func namedSeparator(head []byte) (separator rune, ok bool) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	text := strings.Trim(strings.TrimSuffix(string(line), "\r"), `"`)
	if len(text) != len("sep=;") || !strings.EqualFold(text[:4], "sep=") {
		return 0, false
	}
	separator = rune(text[4])
	return separator, separator != '"' && separator < 0x80
}

// separatorOf is the separator that stands most often in the header, outside quotes.
func separatorOf(line []byte) rune {
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
	return rune(candidates[best])
}
