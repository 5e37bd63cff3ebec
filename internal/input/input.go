// Package input turns files into rows: CSV, TSV, a JSON array and JSON Lines, compressed or not, in the encodings that
// spreadsheets save. A file of users gives each row's fields; a file of tokens gives DeviceTokens.
//
// A file is read as a stream, as often as it is asked for, and never held in memory. Open reads it once through: what is broken as a
// whole (an encoding, a compressed file that ends early, a column that nobody knows) is an error there. What is wrong with a single row is a
// Mistake of that row. Whoever overwrites the file from then on ends the reading of it, and changes nothing of what is read.
package input

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The columns of a results file. A file may hold them under any spelling of these names: the first is read into
// Row.DeviceToken, the others are passed over, so that results can be given back as input.
const (
	DeviceTokenColumn = "DeviceToken"
	OutcomeColumn     = "Outcome"
	ErrorColumn       = "Error"
)

// The formats.
const (
	CSV       = "csv"
	TSV       = "tsv"
	JSON      = "json"
	JSONLines = "jsonl"
)

// Formats lists the formats, for flags and their completion.
func Formats() []string { return []string{CSV, TSV, JSON, JSONLines} }

// largestRow is the most bytes that one row may have. It keeps a quote that is never closed from reading a whole file into memory.
const largestRow = 1 << 20

// Options say which file is read, and how.
type Options struct {
	Name          string            // as the user gave it: a path, or «-» for standard input
	Called        string            // what messages call it; "" is by Name
	Format        string            // csv, tsv, json, jsonl; "" is by the extension (also behind .gz), else by looking
	Map           map[string]string // a column of the file (any case) → a field's spelling, or DeviceToken's
	IgnoreUnknown bool              // pass over the columns that are no field
	Loose         bool              // send values as they are: no rule of a field is held
	Use           field.Use         // field.File for users; 0 for tokens: only a DeviceToken column counts, all others are passed over
	Now           time.Time         // what "not in the future" is measured by
	SpoolDir      string            // where standard input is kept until Close; made if need be; "" is the system's own
}

// Row is one data row. It is used again for the next: what is kept must be copied. Its strings do not change, and Set is the row's own: a copy of
// Set may be kept. Cells is overwritten.
type Row struct {
	N           int       // counts data rows from 1; blank lines do not count
	Line        int       // the line of the file that the row begins at, from 1
	Set         field.Set // what the row says of the user; not to be sent where there are mistakes
	DeviceToken string    // of a DeviceToken column, in its one spelling; "" where none
	Cells       []string  // the row as the file has it, in the order of Header; a JSON member as its text
	Mistakes    []Mistake // what is wrong with the row; such a row is never sent

	bare bool // nothing but the cells and the ClientId is wanted
}

// Mistake is one thing that is wrong with a row.
type Mistake struct {
	Row    int    // the data row, from 1
	Line   int    // the line that the row begins at, from 1
	Column string // as the file calls it; "" where the row as a whole is wrong
	Value  string // what stands there, cut to a length that can be shown
	Why    string // why it is wrong; lower case, no full stop

	Unknown bool // the column is no field
}

// File is an open file of rows. It is for one goroutine at a time, and belongs to its opener, who closes it.
type File struct {
	options Options
	source  *source
	format  string
	comma   rune // of csv and tsv
	skip    int  // lines before the header: Excel's «sep=;»
	columns columns
	twice   *repeats // what Check found to come more than once; nil: nothing
}

// Open opens a file of rows: it keeps standard input (and any other pipe) in SpoolDir, reads the content once through, finds out compression,
// encoding, format and separator, and reads the names of the columns. Errors are failure.Invalid and name the file: it cannot be read, is
// empty, is broken, is not text in UTF-8 or UTF-16; a column is unknown (each is named, and the known ones), two columns are one
// field, or none is a field. The caller closes the File.
func Open(ctx context.Context, o Options, stdin io.Reader) (*File, error) {
	names, err := newNames(o)
	if err != nil {
		return nil, err
	}
	src, err := openSource(ctx, o, stdin)
	if err != nil {
		return nil, err
	}
	f := &File{options: o, source: src, columns: columns{names: names}}
	if err = src.scan(ctx); err == nil {
		err = f.begin(ctx)
	}
	if err != nil {
		_ = src.close()
		return nil, err
	}
	return f, nil
}

// begin finds the format and reads the header.
func (f *File) begin(ctx context.Context) error {
	if strings.TrimSpace(string(f.source.head)) == "" && len(f.source.head) < headSize {
		return f.source.broken("the file is empty")
	}
	if err := f.chooseFormat(); err != nil {
		return err
	}
	r, err := f.reader(ctx)
	if err != nil {
		return err
	}
	return r.header()
}

// Header is the file's own names of its columns, in its order. For JSON these are the members of the first object (those of UserFields as
// UserFields.ClientId) and then, as rows are read, those that were not met before: it is whole after Check, or an Each to the end. The caller must not change it.
func (f *File) Header() []string { return f.columns.header }

// Format is the format that the content is read in: as Options say it, or as it was found.
func (f *File) Format() string { return f.format }

// Known lists what a column may be, for a message.
func (f *File) Known() string { return f.columns.names.known() }

// Digest is the SHA-256, in hex, of the content as it was read, after decompression: the same users in the same bytes
// have the same digest, compressed or not, from a file or from standard input.
func (f *File) Digest() string { return f.source.digest }

// Size is the number of bytes of the file on disk, compressed if it is.
func (f *File) Size() int64 { return f.source.size }

// Each gives every data row to do, from row number from on (1 and less is all), beginning anew each time it is called. Rows before it are counted
// and not looked at. After Check, a ClientId, CustomToken or DeviceToken that came before is among the mistakes of the row that repeats it. Each ends with do's error, with the
// context's, or with failure.Invalid where the file is broken, or (ErrChanged) is no longer as Open read it: no row is given that does not stand in that.
func (f *File) Each(ctx context.Context, from int, do func(*Row) error) error {
	return f.each(ctx, from, nil, func(row *Row) error {
		if f.twice != nil {
			f.repeated(row, f.twice)
		}
		return do(row)
	})
}

// EachOf is Each from the first row on, save that of a row for which look says no only the Cells are read, and the ClientId: no rule is held, and
// nothing else is in its Set. It is several times faster for a row whose outcome is known.
func (f *File) EachOf(ctx context.Context, look func(n int) bool, do func(*Row) error) error {
	return f.each(ctx, 1, look, func(row *Row) error {
		if f.twice != nil && !row.bare {
			f.repeated(row, f.twice)
		}
		return do(row)
	})
}

// Close lets go of the file, and removes what was kept of standard input.
func (f *File) Close() error { return f.source.close() }

// reader reads one format. next goes on to the next data row, and read says what stands in it.
type reader interface {
	header() error               // reads the names of the columns into the file's columns
	next() (line int, err error) // io.EOF after the last row
	read(row *Row)
}

func (f *File) reader(ctx context.Context) (reader, error) {
	text, err := f.source.text(ctx)
	if err != nil {
		return nil, err
	}
	switch f.format {
	case JSON:
		return newJSON(f, text), nil
	case JSONLines:
		return newLines(f, text), nil
	default:
		return newCSV(f, text)
	}
}

func (f *File) each(ctx context.Context, from int, look func(n int) bool, do func(*Row) error) error {
	r, err := f.reader(ctx)
	if err != nil {
		return err
	}
	var row Row
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n < from {
			continue
		}
		row = Row{N: n, Line: line, Cells: row.Cells[:0], Mistakes: row.Mistakes[:0], bare: look != nil && !look(n)}
		r.read(&row)
		f.agree(&row)
		if err := do(&row); err != nil {
			return err
		}
	}
}
