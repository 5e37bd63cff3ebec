package render

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// Frame is what stands around the rows of a stream in JSON and in YAML.
type Frame struct {
	Head any    // a struct whose members come before the rows; nil is none
	Key  string // the name of the list of rows: Users. "" means a bare array, without head or tail
}

// Stream prints rows as they come; its memory does not grow with them, save under --jq
// and --template, which work on the whole and so keep the JSON of it until Close. It is
// for one goroutine.
type Stream[T any] struct{ s *stream }

// stream is a Stream of values of any type.
type stream struct {
	view  View[any]
	now   time.Time
	items items
	value any   // that is being added
	row   row   // of the value
	err   error // a format that does not suit the view
}

// items is one way of printing rows.
type items interface {
	add(row) error
	close(tail any) error
}

// row is a value on its way out. Each format takes what it needs, before the next value
// is added.
type row struct {
	cells func(human bool) []cell
	json  func() ([]byte, error)
	id    func() string
}

// NewStream begins a stream; nothing is written before the first row or Close. In JSON
// and YAML the members of the head come first, then the list, then the members of the
// tail; head and tail must not have a name in common. In JSON Lines, CSV, ids and tables
// there are only the rows. Each row is written at once, except that a table on a terminal
// waits for a page of 100 rows to find its columns' widths. A format that does not suit
// the view is the error of the first Add or Close.
func NewStream[T any](p *Printer, view View[T], frame Frame) *Stream[T] {
	return &Stream[T]{newStream(p, view.untyped(), frame, p.out)}
}

func newStream(p *Printer, view View[any], frame Frame, out io.Writer) *stream {
	s := &stream{view: view, now: p.opts.Now, err: check(p, view)}
	s.view.Columns, _ = columns(p, view) // check has the error
	s.row = s.rowOf()
	var heads, names []string
	var wraps, spare []bool
	for i, c := range s.view.Columns {
		heads, names = append(heads, c.Head), append(names, c.name())
		wraps, spare = append(wraps, c.Wrap), append(spare, c.Spare)
		if c.Screen != nil && p.opts.TTY && p.opts.Format == Table {
			s.view.Columns[i].Cell = c.Screen
		}
	}
	switch format := formatOf(p, view); {
	case p.Queried():
		s.items = &asked{p: p, framed: &framed{frame: frame, layout: &jsonFrame{key: frame.Key}}}
	case format == JSON:
		s.items = &framed{out: out, frame: frame, layout: &jsonFrame{key: frame.Key}}
	case format == YAML:
		s.items = &framed{out: out, frame: frame, layout: &yamlFrame{key: frame.Key}}
	case format == JSONL:
		s.items = jsonLines{out}
	case format == IDs:
		s.items = ids{out}
	case format == CSV:
		s.items = &csvRows{out: csv.NewWriter(out), names: names, clean: p.opts.TTY}
	case p.opts.TTY:
		s.items = &page{
			out: out, heads: heads, wraps: wraps, spare: spare, color: p.opts.Color,
			all: p.opts.Format == Wide, width: p.opts.Width,
		}
	default:
		s.items = tabbed{out}
	}
	return s
}

// Add prints one row. A value that JSON cannot hold is an error and leaves the stream as
// it was; an error of the writer ends it.
func (s *Stream[T]) Add(value T) error { return s.s.add(value) }

func (s *stream) add(value any) error {
	if s.err != nil {
		return s.err
	}
	s.value = value
	return s.items.add(s.row)
}

// rowOf returns the row of whatever value is being added.
func (s *stream) rowOf() row {
	return row{
		json: func() ([]byte, error) { return compact(s.value) },
		id: func() string {
			if s.view.ID == nil {
				return ""
			}
			return s.view.ID(s.value)
		},
		cells: func(human bool) []cell {
			cells := make([]cell, len(s.view.Columns))
			for i, c := range s.view.Columns {
				cells[i] = newCell(c.Cell(s.value), human, s.now)
				if human && c.Style != nil {
					cells[i].style = c.Style(s.value)
				}
			}
			return cells
		},
	}
}

// Close prints what is still to come: the rest of a table's first page, the end of the
// list, the members of the tail (a struct; nil is none). However many rows there were,
// and whatever ended them, the whole is then valid. It is called once; the writer is not
// closed.
func (s *Stream[T]) Close(tail any) error { return s.s.close(tail) }

func (s *stream) close(tail any) error {
	if s.err != nil {
		return s.err
	}
	return s.items.close(tail)
}

// framed prints rows as a list of JSON or YAML.
type framed struct {
	out    io.Writer
	frame  Frame
	begun  bool
	layout interface {
		begin(head []member) ([]byte, error)
		element(text []byte) ([]byte, error)
		end(tail []member) ([]byte, error)
	}
}

func (f *framed) begin() error {
	if f.begun {
		return nil
	}
	head, err := members(f.frame.Head)
	if err != nil {
		return err
	}
	f.begun = true
	return f.write(f.layout.begin(head))
}

func (f *framed) write(text []byte, err error) error {
	if err == nil {
		_, err = f.out.Write(text)
	}
	return err
}

func (f *framed) add(r row) error {
	text, err := r.json()
	if err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	return f.write(f.layout.element(text))
}

func (f *framed) close(tail any) error {
	last, err := members(tail)
	if err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	return f.write(f.layout.end(last))
}

// asked gathers the whole as JSON and hands it to the expression or the template.
type asked struct {
	*framed
	p     *Printer
	whole bytes.Buffer
}

func (a *asked) add(r row) error {
	a.out = &a.whole
	return a.framed.add(r)
}

func (a *asked) close(tail any) error {
	a.out = &a.whole
	if err := a.framed.close(tail); err != nil {
		return err
	}
	return a.p.ask(a.whole.Bytes())
}

type jsonLines struct{ out io.Writer }

func (l jsonLines) add(r row) error {
	text, err := r.json()
	if err != nil {
		return err
	}
	_, err = l.out.Write(append(text, '\n'))
	return err
}

func (jsonLines) close(any) error { return nil }

// ids prints clean ids: what stands in one can never make two of it.
type ids struct{ out io.Writer }

func (l ids) add(r row) error {
	id := r.id()
	if id == "" {
		return nil
	}
	_, err := io.WriteString(l.out, sanitize.Clean(id)+"\n")
	return err
}

func (ids) close(any) error { return nil }

// tabbed is a table in a pipe: clean cells with a tab between them, neither head, colour
// nor shortening.
type tabbed struct{ out io.Writer }

func (t tabbed) add(r row) error {
	_, err := io.WriteString(t.out, strings.Join(texts(r.cells(false)), "\t")+"\n")
	return err
}

func (tabbed) close(any) error { return nil }

// texts are the cells' texts, cleaned.
func texts(cells []cell) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = sanitize.Clean(c.text)
	}
	return out
}

// csvRows prints CSV as encoding/csv does, each row at once. Into a pipe values go as they are.
type csvRows struct {
	out   *csv.Writer
	names []string
	clean bool
	begun bool
}

func (c *csvRows) add(r row) error {
	if err := c.begin(); err != nil {
		return err
	}
	cells := r.cells(false)
	record := make([]string, len(cells))
	for i, v := range cells {
		record[i] = v.text
		if c.clean {
			record[i] = sanitize.Clean(v.text)
		}
	}
	return c.write(record)
}

func (c *csvRows) close(any) error { return c.begin() }

func (c *csvRows) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.write(c.names)
}

func (c *csvRows) write(record []string) error {
	if err := c.out.Write(record); err != nil {
		return err
	}
	c.out.Flush()
	return c.out.Error()
}
