// Package render turns results into bytes: a table, JSON, JSON Lines, CSV, YAML, ids, or
// what a jq expression or a Go template makes of the JSON. A command describes its result
// once, as a View; the rest is here.
//
// JSON is the one source: its names and their order are the struct's, and YAML and the
// two languages are made from it. A time in JSON is printed as the struct has it, so
// commands convert it to UTC; times in tables are converted here. No value can move the
// cursor (see package sanitize). It is the only importer of tablewriter.
package render

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/itchyny/gojq"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// The formats of -o.
const (
	Table = "table" // laid out on a terminal, tab-separated lines in a pipe
	Wide  = "wide"  // Table with every column
	JSON  = "json"
	JSONL = "jsonl" // one object a line
	CSV   = "csv"
	YAML  = "yaml"
	IDs   = "ids" // DeviceTokens, one a line

	Prom = "prom" // the text format of Prometheus; only of commands that write it themselves
)

// Formats lists the formats in the order that help shows them.
func Formats() []string { return []string{Table, Wide, JSON, JSONL, CSV, YAML, IDs} }

// The reasons of wrong output options.
const (
	ReasonUnknownFormat   failure.Reason = "unknown-output-format"
	ReasonFormatUnfit     failure.Reason = "output-format-unfit"
	ReasonQueriesExclude  failure.Reason = "jq-and-template"
	ReasonQueryNeedsJSON  failure.Reason = "query-needs-json"
	ReasonInvalidJQ       failure.Reason = "invalid-jq"
	ReasonInvalidTemplate failure.Reason = "invalid-template"
	ReasonUnknownColumn   failure.Reason = "unknown-column"
)

// Options say how results are printed.
type Options struct {
	Format   string          // one of Formats; "" is Table
	Columns  []string        // the columns of a table or CSV, by name in any case; nil is the view's own choice
	JQ       string          // an expression that works on the JSON; "" is none
	Template string          // a text/template that works on the decoded JSON; "" is none
	Out      io.Writer       // where results go; nothing else is written there
	TTY      bool            // Out is a terminal
	Color    bool            // the header of a terminal's table may be styled
	Width    int             // the terminal's width in columns; 0 where it is unknown, and tables are never shortened
	Now      time.Time       // what times on a terminal are relative to; the zero time prints them in full
	Context  context.Context // ends an expression that would not end by itself; nil never does
}

// Printer prints results by one set of options. It is for one goroutine.
type Printer struct {
	opts  Options
	out   *sink
	query *gojq.Code
	form  *template.Template
}

// New checks the options before any work is done. What is wrong with them is
// failure.Invalid: an unknown format, an expression or a template that does not parse,
// both of these together, or one of them with a format other than JSON (the default, a
// table, gives way).
func New(o Options) (*Printer, error) {
	if o.Format == "" {
		o.Format = Table
	}
	if !slices.Contains(Formats(), o.Format) && o.Format != Prom {
		return nil, failure.Newf(failure.Invalid, "unknown output format %q", o.Format).
			Because(ReasonUnknownFormat, strings.Join(Formats(), ", "))
	}
	p := &Printer{opts: o, out: &sink{w: o.Out}}
	if o.Context == nil {
		p.opts.Context = context.Background()
	}
	if o.JQ == "" && o.Template == "" {
		return p, nil
	}
	if o.JQ != "" && o.Template != "" {
		return nil, failure.New(failure.Invalid, "a jq expression and a template exclude each other").
			Because(ReasonQueriesExclude, "")
	}
	if o.Format != Table && o.Format != JSON {
		return nil, failure.Newf(failure.Invalid, "a jq expression or a template works on JSON, not on %s", o.Format).
			Because(ReasonQueryNeedsJSON, o.Format)
	}
	p.opts.Format = JSON
	if err := p.parse(); err != nil {
		return nil, err
	}
	return p, nil
}

// Format is the format in use: JSON where an expression or a template works on it, else
// what the options say.
func (p *Printer) Format() string { return p.opts.Format }

// Queried reports whether an expression or a template works on the JSON.
func (p *Printer) Queried() bool { return p.query != nil || p.form != nil }

// Column is one column of a table.
type Column[T any] struct {
	Head  string // the head on a terminal, as it is to be read: DEVICE TOKEN
	Name  string // the head in CSV, the service's own name: DeviceToken; "" is Head
	Wide  bool   // shown only by Wide, by CSV, or when it is asked for by name
	Pipe  bool   // not shown by Table on a terminal, unless it is asked for by name
	Wrap  bool   // too long a cell is wrapped on a terminal, not shortened
	Spare bool   // left out before the other columns where a terminal is too narrow for all
	// Style says how a cell stands out on a terminal that takes color; nil is plain.
	// Color never says anything that the text does not.
	Style func(T) Style
	// Cell returns a string, bool, number, time.Time, Date, fmt.Stringer, a pointer to one of them, or
	// nil for nothing.
	Cell   func(T) any
	Screen func(T) any // what Table on a terminal shows instead of Cell; nil is Cell
}

// Style is how a cell stands out.
type Style string

// The styles, as ANSI has them: readable on dark and on light terminals.
const (
	Plain Style = ""
	Good  Style = "32" // green
	Warn  Style = "33" // yellow
	Bad   Style = "31" // red
	Faint Style = "2"
)

// View is how values of one kind are shown. JSON, JSON Lines and YAML need nothing of it.
type View[T any] struct {
	Columns []Column[T]    // nil: no table; JSON replaces it, and CSV is refused
	ID      func(T) string // what -o ids prints; nil: it is refused. A value whose id is "" prints none
}

// untyped returns the view of the same values as any: what prints them is then compiled once, and
// not for each type that the commands print.
func (v View[T]) untyped() View[any] {
	var out View[any]
	if v.ID != nil {
		out.ID = func(value any) string { return v.ID(as[T](value)) }
	}
	for _, c := range v.Columns {
		u := Column[any]{Head: c.Head, Name: c.Name, Wide: c.Wide, Pipe: c.Pipe, Wrap: c.Wrap, Spare: c.Spare,
			Cell: func(value any) any { return c.Cell(as[T](value)) }}
		if c.Style != nil {
			u.Style = func(value any) Style { return c.Style(as[T](value)) }
		}
		if c.Screen != nil {
			u.Screen = func(value any) any { return c.Screen(as[T](value)) }
		}
		out.Columns = append(out.Columns, u)
	}
	return out
}

func as[T any](value any) T {
	t, _ := value.(T)
	return t
}

// Check tells, before any work is done, whether the printer's format suits the view; else
// it is failure.Invalid.
func (v View[T]) Check(p *Printer) error { return check(p, v.untyped()) }

func check(p *Printer, v View[any]) error {
	if (p.opts.Format == IDs && v.ID == nil) || (p.opts.Format == CSV && v.Columns == nil) || p.opts.Format == Prom {
		return failure.Newf(failure.Invalid, "this command has no output format %s", p.opts.Format).
			Because(ReasonFormatUnfit, p.opts.Format)
	}
	_, err := columns(p, v)
	return err
}

// columns returns the columns that the options ask for, in their order; else all of them,
// those marked Wide only where the format shows all, those marked Pipe not on a terminal.
func columns(p *Printer, v View[any]) ([]Column[any], error) {
	if len(p.opts.Columns) == 0 || v.Columns == nil {
		all := p.opts.Format == Wide || p.opts.Format == CSV
		return slices.DeleteFunc(slices.Clone(v.Columns), func(c Column[any]) bool {
			return !all && (c.Wide || c.Pipe && p.opts.TTY)
		}), nil
	}
	var out []Column[any]
	for _, name := range p.opts.Columns {
		i := slices.IndexFunc(v.Columns, func(c Column[any]) bool {
			return foldColumn(c.name()) == foldColumn(name) || foldColumn(c.Head) == foldColumn(name)
		})
		if i < 0 {
			return nil, failure.Newf(failure.Invalid, "unknown column %q", name).
				Because(ReasonUnknownColumn, strings.Join(v.Names(), ", "))
		}
		out = append(out, v.Columns[i])
	}
	return out, nil
}

// Names lists the names of all columns, for completion and messages.
func (v View[T]) Names() []string {
	names := make([]string, len(v.Columns))
	for i, c := range v.Columns {
		names[i] = c.name()
	}
	return names
}

func (c Column[T]) name() string { return cmp.Or(c.Name, c.Head) }

// foldColumn makes the spellings of a column's name equal: DeviceToken, device-token,
// "DEVICE TOKEN".
func foldColumn(name string) string {
	return strings.NewReplacer(" ", "", "-", "", "_", "", ".", "").Replace(strings.ToLower(name))
}

// formatOf is the format that the values of a view are printed in.
func formatOf(p *Printer, v View[any]) string {
	switch {
	case (p.opts.Format == Table || p.opts.Format == Wide) && v.Columns == nil:
		return JSON
	case p.opts.Format == Wide:
		return Table
	}
	return p.opts.Format
}

// One prints one value: an object of JSON or YAML, a line of JSON Lines, a table or a CSV
// of one row, an id. An error of the writer is returned as it is.
func One[T any](p *Printer, view View[T], value T) error {
	return list(p, view.untyped(), value, 1, func(int) any { return value })
}

// List prints many values that are all at hand: an array of JSON or YAML ([] for none),
// lines, rows or ids. A table without rows is nothing at all, so that the command can say
// on standard error that there are none; CSV keeps its head. An error of the writer is
// returned as it is.
func List[T any](p *Printer, view View[T], values []T) error {
	if values == nil {
		values = []T{}
	}
	return list(p, view.untyped(), values, len(values), func(i int) any { return values[i] })
}

// list prints a document as a whole, or the n values of it one by one, in few large writes.
func list(p *Printer, view View[any], document any, n int, at func(int) any) error {
	if err := check(p, view); err != nil {
		return err
	}
	if format := formatOf(p, view); p.Queried() || format == JSON || format == YAML {
		return p.document(format, document)
	}
	buffer := bufio.NewWriter(p.out)
	s := newStream(p, view, Frame{}, buffer)
	for i := range n {
		if err := s.add(at(i)); err != nil {
			return err
		}
	}
	if err := s.close(nil); err != nil {
		return err
	}
	return buffer.Flush()
}

// document prints one value as JSON or YAML, or what the expression or the template makes of it.
func (p *Printer) document(format string, value any) error {
	if p.Queried() {
		doc, err := compact(value)
		if err != nil {
			return err
		}
		return p.ask(doc)
	}
	text, err := indented(value)
	if err == nil && format == YAML {
		text, err = toYAML(text)
	}
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}

// sink keeps a writer's first error: after it nothing more is written, and every Write returns it.
type sink struct {
	w        io.Writer
	err      error
	buffered bool
	buffer   []byte // what Flush will write
}

// bufferSize is how much a Printer that was told to Buffer gathers at most.
const bufferSize = 32 << 10

func (s *sink) Write(p []byte) (int, error) {
	if !s.buffered {
		return s.write(p)
	}
	if s.err != nil {
		return 0, s.err
	}
	s.buffer = append(s.buffer, p...)
	if len(s.buffer) >= bufferSize {
		return len(p), s.flush()
	}
	return len(p), nil
}

func (s *sink) write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}

func (s *sink) flush() error {
	if len(s.buffer) == 0 {
		return s.err
	}
	_, err := s.write(s.buffer)
	s.buffer = s.buffer[:0]
	return err
}

// Redirect has the printer write elsewhere than the options say from now on.
func (p *Printer) Redirect(w io.Writer) { p.out.w = w }

// Buffer has the printer gather what it prints until Flush: many rows are then one write.
func (p *Printer) Buffer() { p.out.buffered = true }

// Flush writes what was gathered since Buffer.
func (p *Printer) Flush() error { return p.out.flush() }

// Text prints text that is nobody's data structure: as it is into a pipe, with control
// characters shown on a terminal.
func Text(p *Printer, text string) error { return p.text(text) }

// Sanitize returns text in which no control character can move the cursor or break a line.
func Sanitize(text string) string { return sanitize.Clean(text) }
