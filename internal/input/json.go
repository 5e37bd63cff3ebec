package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// jsonReader reads a JSON array of objects, or objects one after the other, however they
// are broken into lines.
type jsonReader struct {
	file   *File
	object object
	within *bounded
	lines  *lineCounter
	json   *json.Decoder
	array  bool
	begun  bool
	n      int // rows so far
}

func newJSON(f *File, text io.Reader) *jsonReader {
	r := &jsonReader{file: f, object: object{file: f}, within: &bounded{r: text}}
	r.lines = &lineCounter{r: r.within, line: 1}
	r.within.rowAt(0)
	r.json = json.NewDecoder(r.lines)
	r.array = bytes.HasPrefix(bytes.TrimSpace(f.source.head), []byte("["))
	return r
}

func (r *jsonReader) header() error { return r.object.header(r.next) }

func (r *jsonReader) next() (line int, err error) {
	r.within.rowAt(r.json.InputOffset())
	if err := r.begin(); err != nil {
		return 0, r.failed(err)
	}
	r.object.raw = r.object.raw[:0]
	if r.array && !r.json.More() {
		return 0, r.end()
	}
	err = r.json.Decode(&r.object.raw)
	if errors.Is(err, io.EOF) && !r.array {
		return 0, io.EOF
	}
	if err != nil {
		return 0, r.failed(err)
	}
	r.n++
	line = r.lines.at(r.json.InputOffset() - int64(len(r.object.raw)))
	if len(r.object.raw) > largestRow {
		return 0, r.file.source.unreadable(line, errTooLarge)
	}
	return line, nil
}

// begin reads the bracket of the array.
func (r *jsonReader) begin() error {
	if r.begun || !r.array {
		return nil
	}
	r.begun = true
	_, err := r.json.Token()
	return err
}

// end reads the closing bracket of the array, behind which nothing may stand.
func (r *jsonReader) end() error {
	if _, err := r.json.Token(); err != nil {
		return r.failed(err)
	}
	if _, err := r.json.Token(); !errors.Is(err, io.EOF) {
		return r.file.source.broken(fmt.Sprintf("something follows the JSON array, at line %d",
			r.lines.at(r.json.InputOffset())))
	}
	return io.EOF
}

// failed is the error for a file in which reading ended at the row after the n-th.
func (r *jsonReader) failed(err error) error {
	rest, _ := io.ReadAll(r.json.Buffered()) // it reads memory
	value := bytes.TrimLeft(rest, " \t\r\n,")
	at := r.json.InputOffset() + int64(len(rest)-len(value))
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && r.within.ended:
		return r.file.source.broken(fmt.Sprintf("the JSON ends early, in row %d (line %d): the file is cut off", r.n+1,
			r.lines.at(at)))
	case !errors.As(err, &syntax):
		return r.file.source.unreadable(r.lines.at(at), err)
	}
	var where *json.SyntaxError
	if errors.As(json.Unmarshal(value, new(json.RawMessage)), &where) {
		at += where.Offset - 1
	}
	return r.file.source.broken(fmt.Sprintf("it is not JSON in row %d (line %d): %s", r.n+1, r.lines.at(at),
		field.ExplainJSONError(syntax)))
}

func (r *jsonReader) read(row *Row) { r.object.read(row) }

func (r *jsonReader) close() {}

// lineCounter knows at which line a parser stands that reads ahead.
type lineCounter struct {
	r      io.Reader
	given  int64
	breaks []int64 // the offsets of the line feeds that at has not passed
	line   int
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.breaks = append(l.breaks, l.given+int64(i))
		}
	}
	l.given += int64(n)
	return n, err
}

// at is the line of an offset, from 1. Offsets are asked for in ascending order.
func (l *lineCounter) at(offset int64) int {
	for len(l.breaks) > 0 && l.breaks[0] < offset {
		l.breaks = l.breaks[1:]
		l.line++
	}
	return l.line
}

var errNoObject = errors.New("it is not a JSON object")

// members gives each member of a JSON object to do, in its order. Those of UserFields and
// UserProfile, an object or a list of one, are given one by one, as UserFields.Name.
func members(object []byte, do func(name string, value any)) error {
	return membersOf(object, func(d *json.Decoder, name string) error {
		if folded := field.Fold(name); folded == "userfields" || folded == "userprofile" {
			return membersInside(d, name, do)
		}
		return decodeTo(d, name, do)
	})
}

// membersInside gives the members of UserFields or UserProfile; null has none.
func membersInside(d *json.Decoder, outer string, do func(name string, value any)) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	if raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil || len(list) != 1 {
			return fmt.Errorf("%s is not an object, nor a list of one", outer)
		}
		raw = list[0]
	}
	switch {
	case string(raw) == "null":
		return nil
	case raw[0] != '{':
		return fmt.Errorf("%s is not an object", outer)
	}
	return membersOf(raw, func(d *json.Decoder, name string) error { return decodeTo(d, outer+"."+name, do) })
}

func decodeTo(d *json.Decoder, name string, do func(name string, value any)) error {
	var v any
	err := d.Decode(&v)
	if err == nil {
		do(name, v)
	}
	return err
}

// membersOf calls member for each member of an object, to decode its value.
func membersOf(object []byte, member func(d *json.Decoder, name string) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if begin, err := d.Token(); err != nil {
		return err
	} else if begin != json.Delim('{') {
		return errNoObject
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := member(d, name); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}
