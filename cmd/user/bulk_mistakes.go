package user

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// mostListed is how many mistakes are told on a terminal.
const mostListed = 20

// mistakeList gathers the mistakes of a file for the error that tells them: the first of them in memory, and all of them, which may be as many as
// the file has rows, in a file of its own where dir says so.
type mistakeList struct {
	dir   string // "": the first are enough
	first []failure.Field
	count int
	known string // what a column may be, once one was not

	file   *os.File
	buffer *bufio.Writer
	remove bool // the file still has a name
}

func (l *mistakeList) add(m input.Mistake) error {
	if l.count++; l.count <= mostListed {
		l.first = append(l.first, mistakeField(m))
	}
	if l.dir == "" {
		return nil
	}
	if err := l.keep(m); err != nil {
		return failure.Wrap(failure.Failed, "the mistakes of the file cannot be kept", err)
	}
	return nil
}

// keep writes a mistake to the file, which is made for the first.
func (l *mistakeList) keep(m input.Mistake) error {
	if l.file == nil {
		if err := os.MkdirAll(l.dir, 0o700); err != nil {
			return err
		}
		file, err := os.CreateTemp(l.dir, ".mistakes-*")
		if err != nil {
			return err
		}
		// Without a name it goes with the process, however that ends; where a file that is open must keep its name, close removes it.
		l.file, l.buffer, l.remove = file, bufio.NewWriterSize(file, 1<<16), os.Remove(file.Name()) != nil
	}
	return json.NewEncoder(l.buffer).Encode(m)
}

// err is the error that tells the mistakes.
func (l *mistakeList) err(message string) error {
	hint := "mend them, or register the others with --skip-invalid"
	if l.known != "" {
		hint += "; the known fields are " + l.known + ": --map 'Column=Field' renames one, and --ignore-unknown passes over those that are none"
	}
	e := &failure.Error{Code: failure.Invalid, Message: message, Fields: l.first}
	switch {
	case l.file != nil:
		e.Each = l.each
	case len(l.first) < l.count:
		hint = fmt.Sprintf("these are %d of %d mistakes: --report F writes all of them; ", len(l.first), l.count) + hint
	}
	return e.WithHint(hint)
}

// each gives all mistakes, and lets go of the file.
func (l *mistakeList) each(do func(failure.Field) error) (err error) {
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.buffer.Flush(); err != nil {
		return err
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for d := json.NewDecoder(bufio.NewReaderSize(l.file, 1<<16)); ; {
		var m input.Mistake
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(mistakeField(m)); err != nil {
			return err
		}
	}
}

func (l *mistakeList) close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	if l.remove {
		err = errors.Join(err, os.Remove(l.file.Name()))
	}
	l.file = nil
	return err
}

func mistakeField(m input.Mistake) failure.Field {
	key := fmt.Sprintf("row %d", m.Row)
	if m.Line > 0 {
		key += fmt.Sprintf(" (line %d)", m.Line)
	}
	if m.Column != "" {
		key += ", " + m.Column
	}
	return failure.Field{Key: key, Message: mistakeText(m), Location: &failure.Location{Row: m.Row, Line: m.Line, Column: m.Column, Value: m.Value}}
}

// mistakeText names the value, in quotes, where the reason does not do so already.
func mistakeText(m input.Mistake) string {
	quoted := strconv.QuoteToGraphic(m.Value)
	if m.Value == "" || strings.Contains(m.Why, quoted) {
		return m.Why
	}
	return quoted + ": " + m.Why
}

// mistakeWriter writes mistakes as JSON Lines, or as CSV or TSV with a head.
type mistakeWriter struct {
	buffer *bufio.Writer
	lines  *json.Encoder // nil: CSV
	csv    *csv.Writer
}

func newMistakeWriter(w io.Writer, format string) *mistakeWriter {
	out := &mistakeWriter{buffer: bufio.NewWriter(w)}
	if format == input.JSONLines {
		out.lines = json.NewEncoder(out.buffer)
		out.lines.SetEscapeHTML(false)
		return out
	}
	out.csv = csv.NewWriter(out.buffer)
	if format == input.TSV {
		out.csv.Comma = '\t'
	}
	_ = out.csv.Write([]string{"Row", "Line", "Column", "Value", "Error"}) // a csv.Writer keeps its error for flush
	return out
}

func (w *mistakeWriter) write(m input.Mistake) error {
	if w.lines == nil {
		return w.csv.Write([]string{strconv.Itoa(m.Row), strconv.Itoa(m.Line), m.Column, m.Value, m.Why})
	}
	return w.lines.Encode(struct {
		Row, Line            int
		Column, Value, Error string
	}{m.Row, m.Line, m.Column, m.Value, m.Why})
}

func (w *mistakeWriter) flush() error {
	if w.csv != nil {
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.buffer.Flush()
}
