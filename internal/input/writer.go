package input

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// Shape is the outer form of a file of rows, by which files are written that are made to
// be edited and given back.
type Shape struct {
	Format    string // CSV, TSV or JSONLines
	Separator string // of CSV and TSV
	Named     bool   // a first line sep=; names the separator
	BOM       bool   // a byte-order mark stands first
	CRLF      bool   // lines end in CR LF
}

// Shape returns the form in which files for the sender of this one are written.
// Spreadsheets read what comes from a workbook or in another encoding by its byte-order
// mark.
func (f *File) Shape() Shape {
	s := Shape{Format: f.format}
	head := f.source.head
	line, _, _ := bytes.Cut(head, []byte("\n"))
	switch f.format {
	case CSV, TSV:
		s.Separator = f.separator
		s.CRLF = bytes.HasSuffix(line, []byte("\r"))
		s.BOM = bytes.HasPrefix(f.source.magic[:], byteOrderMark) || f.source.encoding.charset != nil
		named, _ := preamble(head)
		s.Named = named != ""
	case XLSX:
		s = Shape{Format: CSV, Separator: ",", BOM: true, CRLF: true}
	case list:
		s = Shape{Format: CSV, Separator: ",", CRLF: bytes.HasSuffix(line, []byte("\r"))}
	default:
		s.Format = JSONLines
	}
	return s
}

// For returns the shape of a file of that name: by its extension .tsv, .jsonl, or else
// CSV; of the rest what the input has.
func (s Shape) For(name string) Shape {
	format := FormatOf(name)
	switch {
	case format == JSONLines:
		return Shape{Format: JSONLines}
	case format == TSV:
		s.Format, s.Separator, s.Named = TSV, "\t", false
	case s.Format != CSV && s.Format != TSV:
		s = Shape{Format: CSV, Separator: ","}
	default:
		s.Format = CSV
	}
	return s
}

// FormatOf returns the format that a file is written in, by its extension.
func FormatOf(name string) string {
	switch byExtension[strings.ToLower(filepath.Ext(name))] {
	case JSONLines:
		return JSONLines
	case TSV:
		return TSV
	}
	return CSV
}

// Writer writes rows of text cells in a Shape.
type Writer struct {
	out    *bufio.Writer
	shape  Shape
	raw    bool
	header []string
	names  [][]byte // of JSON Lines: the header as JSON
	begun  bool
}

// NewWriter returns a Writer of rows below a header. A cell that a spreadsheet would run
// as a formula is guarded by an apostrophe, which is not part of the value when the file
// is read again, unless raw. Flush must be called at the end.
func NewWriter(w io.Writer, shape Shape, header []string, raw bool) *Writer {
	out := &Writer{out: bufio.NewWriterSize(w, bufferSize), shape: shape, raw: raw, header: header}
	if shape.Format == JSONLines {
		for _, name := range header {
			text, _ := json.Marshal(name) // a string can always be written
			out.names = append(out.names, text)
		}
	}
	return out
}

// Write writes a row, its cells in the order of the header. A bufio.Writer keeps its
// error for Flush.
func (w *Writer) Write(cells []string) error {
	if w.shape.Format == JSONLines {
		return w.object(cells)
	}
	if err := w.begin(); err != nil {
		return err
	}
	return w.row(cells, !w.raw)
}

// begin writes the header.
func (w *Writer) begin() error {
	if w.begun || w.shape.Format == JSONLines {
		return nil
	}
	w.begun = true
	if w.shape.BOM {
		_, _ = w.out.Write(byteOrderMark)
	}
	if w.shape.Named {
		_, _ = w.out.WriteString("sep=" + w.shape.Separator)
		if err := w.endLine(); err != nil {
			return err
		}
	}
	return w.row(w.header, false)
}

func (w *Writer) row(cells []string, guard bool) error {
	for i, cell := range cells {
		if i > 0 {
			_, _ = w.out.WriteString(w.shape.Separator)
		}
		if guard && IsFormula(cell) {
			cell = "'" + cell
		}
		w.cell(cell, len(cells) == 1)
	}
	return w.endLine()
}

// cell writes a cell, in quotes where it needs them: an empty one that is the whole line,
// too, as a blank line is not a row.
func (w *Writer) cell(cell string, alone bool) {
	if cell == "" && !alone {
		return
	}
	if !strings.ContainsAny(cell, "\"\r\n") && !strings.Contains(cell, w.shape.Separator) && field.Trim(cell) == cell &&
		cell != "" {
		_, _ = w.out.WriteString(cell)
		return
	}
	_ = w.out.WriteByte('"')
	_, _ = w.out.WriteString(strings.ReplaceAll(cell, `"`, `""`))
	_ = w.out.WriteByte('"')
}

func (w *Writer) endLine() error {
	if w.shape.CRLF {
		_ = w.out.WriteByte('\r')
	}
	return w.out.WriteByte('\n')
}

// object writes a row as a JSON object.
func (w *Writer) object(cells []string) error {
	_ = w.out.WriteByte('{')
	for i, cell := range cells {
		if i > 0 {
			_ = w.out.WriteByte(',')
		}
		_, _ = w.out.Write(w.names[i])
		_ = w.out.WriteByte(':')
		text, _ := json.Marshal(cell) // a string can always be written
		_, _ = w.out.Write(text)
	}
	_, err := w.out.WriteString("}\n")
	return err
}

// Flush writes what is buffered, and the header where there was no row.
func (w *Writer) Flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.out.Flush()
}

var (
	plainNumber = lazyregexp.New(`^[+-]?[0-9][0-9 ]*([.,][0-9]+)?$`)
	textFormula = lazyregexp.New(`^="[^"]*"$`) // how zeros before a number are kept in a spreadsheet
)

// IsFormula reports whether a spreadsheet would run a cell as a formula.
func IsFormula(cell string) bool {
	if cell == "" || strings.IndexByte("=+-@\t\r", cell[0]) < 0 {
		return false
	}
	return !plainNumber.MatchString(cell) && !textFormula.MatchString(cell)
}

// cellText returns the value of a cell of separated text: without the apostrophe that
// guards a formula, and without the formula that keeps a text a text.
func cellText(cell string) string {
	switch {
	case len(cell) > 1 && cell[0] == '\'' && strings.IndexByte("=+-@\t\r", cell[1]) >= 0:
		return cellText(cell[1:])
	case cell[0] == '=' && textFormula.MatchString(cell):
		return cell[2 : len(cell)-1]
	}
	return cell
}
