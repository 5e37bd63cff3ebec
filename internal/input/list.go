package input

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// listReader reads a list of users, one a line: a DeviceToken, or a key as client:c-1.
// Blank lines and lines that begin with # are skipped.
type listReader struct {
	file  *File
	lines lines
	text  string
}

func newList(f *File, text io.Reader) *listReader {
	r := &listReader{file: f}
	r.lines.open(text)
	return r
}

func (r *listReader) header() error {
	r.file.columns.add(DeviceTokenColumn)
	return nil
}

func (r *listReader) close() {}

func (r *listReader) next() (line int, err error) {
	for {
		text, err := r.lines.next()
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return 0, r.file.source.unreadable(r.lines.n+1, err)
		case err != nil:
			return 0, err
		}
		if text[0] != '#' && !isBlank(string(text)) {
			r.text = string(text)
			return r.lines.n, nil
		}
	}
}

// keyPrefixes are how a line names a user by a key.
var keyPrefixes = map[string]string{"client": "ClientId", "email": "Email", "phone": "Phone"}

func (r *listReader) read(row *Row) {
	row.Cells = append(row.Cells, r.text)
	f, text, ok := cutKey(r.text)
	if !ok {
		r.file.set(row, DeviceTokenColumn, meaning{role: token}, r.text)
		return
	}
	if text == "" {
		row.mistake(DeviceTokenColumn, r.text, "a key without a value")
		return
	}
	row.KeyField, row.Key = f.Name, f.Normalize(text)
}

// cutKey reads client:c-1, email:ada@example.com or phone:+4917012345.
func cutKey(line string) (f *field.Field, text string, ok bool) {
	prefix, text, ok := strings.Cut(line, ":")
	name, known := keyPrefixes[strings.ToLower(field.NormalizeText(prefix))]
	if !ok || !known {
		return nil, "", false
	}
	return field.MustGet(name), field.NormalizeText(text), true
}

// isList reports whether a file has one user a line: its first line is a DeviceToken or a
// key, or is neither JSON nor a header with a column that identifies users.
func (f *File) isList() bool {
	head := f.source.head
	var line []byte
	for text := range bytes.Lines(head) {
		if line = bytes.TrimSpace(text); len(line) > 0 && line[0] != '#' {
			break
		}
	}
	if _, err := field.ParseServiceUUID(string(line)); err == nil {
		return true
	}
	if _, _, ok := cutKey(string(line)); ok {
		return true
	}
	if format, _ := formatOf(&f.options); format != "" || looksLike(head) != CSV || f.options.Separator != "" {
		return false
	}
	named, lines := preamble(head)
	if lines > 0 {
		return false
	}
	if named == "" {
		named = separatorOf(headerLine(head, 0))
	}
	for name := range strings.SplitSeq(string(headerLine(head, 0)), named) {
		if m := f.columns.names.of(strings.Trim(name, `" `)); m.role == token || m.role == value {
			return false
		}
	}
	return true
}
