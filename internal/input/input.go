// Package input turns files into rows: CSV, TSV, Excel workbooks, a JSON array and JSON
// Lines, compressed or not, in any encoding. A file of users gives each row's fields; a
// list of users gives DeviceTokens or keys.
//
// A file is read as a stream, as often as it is asked for, and never held in memory. Open
// looks at its beginning: what the file is and what its columns are. What is wrong with a
// single row is a Mistake of that row. Check reads all of them; what is broken as a whole
// further behind is an error there. Nobody may write to the file meanwhile: a job reads
// its own copy.
package input

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The formats.
const (
	CSV       = "csv"
	TSV       = "tsv"
	XLSX      = "xlsx"
	JSON      = "json"
	JSONLines = "jsonl"
	list      = "list" // one user a line; of Options.Use 0 only
)

// Formats lists the formats, for flags and their completion.
func Formats() []string { return []string{CSV, TSV, XLSX, JSON, JSONLines} }

// largestRow is the most bytes that one row may have. It keeps a quote that is never
// closed from reading a whole file into memory.
const largestRow = 1 << 20

// Options say which file is read, and how.
type Options struct {
	Name string // as the user gave it: a path, or - for standard input; its extension tells the format
	Path string // the file that is read, such as a job's copy; "" is Name

	Format     string // one of Formats; "" is by the extension (also before .gz), else by the content
	Encoding   string // an encoding's name, as windows-1252; "" is UTF-8, or UTF-16 by its byte-order mark or zero bytes
	Separator  string // of CSV: one character, or "tab"; "" is by the header
	Sheet      string // of a workbook: a sheet's name, or its number from 1; "" is the first
	DateFormat string // how dates are written besides ISO 8601: dd.mm.yyyy

	// Map renames columns (a column of the file → a field's spelling) and values
	// ("Gender:w" → "Female").
	Map            map[string]string
	IgnoreUnknown  bool // skip the columns that are not a field
	SkipValidation bool // send values as they are: no rule of a field is applied
	MayBeEmpty     bool // a row without any field is a user as well, as those that templates make
	ColumnsLater   bool // columns that are not valid are an error of Check, with the rows', rather than of Open

	// Use is field.File for users to register, field.Update for users to update, and 0
	// for a list of users, of which nothing but the DeviceToken or the key is read.
	Use field.Use

	// Keys are the fields that identify a row, in order of preference: the first that the
	// row has. Nil is the ClientId where the file has it. KeyOptional allows rows that
	// have none of them, Identify requires a key or a DeviceToken of each row. A list
	// requires one in any case.
	Keys        []*field.Field
	KeyOptional bool
	Identify    bool

	// Select, if not nil, returns for each read of the file what tells the rows that
	// the job is about: the mistakes of others are not reported.
	Select func() func(*Row) bool

	Now      time.Time // what "not in the future" is measured by
	SpoolDir string    // where standard input is kept until Close; "" is the system's own
	Keep     bool      // keep what Open is given to read as it keeps standard input, whatever the Name
}

// updates reports whether the rows change users: an explicit null clears a field.
func (o *Options) updates() bool { return o.Use&field.Update != 0 && o.Use&field.File == 0 }

// Row is one data row. It is used again for the next: what is kept must be copied. Its
// strings do not change, and Set is the row's own: a copy of Set may be kept. Cells is
// overwritten.
type Row struct {
	N           int       // counts data rows from 1; blank lines do not count
	Line        int       // the line of the file (the row of the sheet) that the row begins at, from 1
	Set         field.Set // what the row sets of the user; not to be sent where there are mistakes; nil values clear
	DeviceToken string    // of a DeviceToken column, in canonical form; "" where none
	KeyField    string    // the name of the first of the keys that the row has; "" where none
	Key         string    // its normalized value
	Cells       []string  // the row as the file has it, in the order of Header; a JSON member as its text
	Mistakes    []Mistake // what is wrong with the row; such a row is never sent

	// Broken is what stands in a row whose cells are not those of the columns: a row that has Cells
	// of it would be read as another user. It is empty for every other row.
	Broken []string

	short     bool // it lacks cells at its end
	cellsOnly bool // nothing but the cells and the ClientId is wanted
}

// File is an open file of rows. It is for one goroutine at a time, and belongs to its
// opener, who closes it.
type File struct {
	options    Options
	source     *source
	format     string
	separator  string // of csv and tsv
	preamble   int    // lines before the header: Excel's sep=; and others
	dateLayout string
	columns    columns
	keys       []*field.Field
	sheet      *workbook // of xlsx

	duplicates *duplicates // what Check found to come more than once; nil: nothing
	needsKey   bool        // each row needs a key or a DeviceToken
	notes      notes
}

// Open opens a file of rows: it keeps standard input (and any other pipe) in SpoolDir,
// finds out compression, encoding, format and separator, and reads the names of the
// columns. Errors are failure.Invalid and name the file: it cannot be read, is empty, is
// something else altogether; a column is unknown (each is named, and the known ones), two
// columns are one field, or none is a field. The caller closes the File.
func Open(ctx context.Context, o Options, stdin io.Reader) (*File, error) {
	names, err := newNames(&o)
	if err != nil {
		return nil, err
	}
	f := &File{options: o, columns: columns{names: names}, keys: names.keys}
	if f.dateLayout, err = dateLayout(o.DateFormat); err != nil {
		return nil, err
	}
	if f.source, err = openSource(ctx, o, stdin); err != nil {
		return nil, err
	}
	if err := f.begin(ctx); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// begin finds the format and reads the header.
func (f *File) begin(ctx context.Context) error {
	if err := f.source.look(ctx); err != nil {
		return err
	}
	if err := f.chooseFormat(); err != nil {
		return err
	}
	r, err := f.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.header(); err != nil {
		return err
	}
	f.needsKey = f.requiresKey()
	return nil
}

// requiresKey reports whether each row needs a key or a DeviceToken, by the columns that are known.
func (f *File) requiresKey() bool {
	o := &f.options
	switch {
	case o.KeyOptional:
		return false
	case o.Use == 0, o.Identify, o.Keys != nil:
		return true
	}
	return f.columns.has(f.keys[0])
}

// Header returns the file's own names of its columns, in its order. For JSON these are
// the members of the first object (those of UserFields as UserFields.ClientId) and then,
// as rows are read, those that were not met before: it is complete after Check, or an
// Each to the end. The caller must not change it.
func (f *File) Header() []string { return f.columns.header }

// Format returns the format that the content is read in: as Options say it, or as it was found.
func (f *File) Format() string { return f.format }

// Known lists what a column may be, for a message.
func (f *File) Known() string { return f.columns.names.known() }

// Size is the number of bytes of the file on disk, compressed if it is.
func (f *File) Size() int64 { return f.source.size }

// Each gives every data row to do, from row number from on (1 and less is all), starting
// over each time it is called. Rows before it are counted and not looked at. After Check,
// a key, CustomToken or DeviceToken that came before is among the mistakes of the row
// that repeats it. Each ends with do's error, with the context's, or with failure.Invalid
// where the file is broken.
func (f *File) Each(ctx context.Context, from int, do func(*Row) error) error {
	return f.EachIn(ctx, func(n int) bool { return n >= from }, do)
}

// EachIn is Each of the rows that are wanted, by their numbers. The others cost little.
func (f *File) EachIn(ctx context.Context, want func(n int) bool, do func(*Row) error) error {
	return f.each(ctx, want, nil, func(row *Row) error {
		if f.duplicates != nil {
			f.repeated(row, f.duplicates)
		}
		return do(row)
	})
}

// EachOf is Each from the first row on, except that of a row for which look returns false
// only the Cells are read, and the ClientId: no rule is applied, and nothing else is in
// its Set. It is several times faster for a row whose outcome is known.
func (f *File) EachOf(ctx context.Context, look func(n int) bool, do func(*Row) error) error {
	return f.each(ctx, nil, look, func(row *Row) error {
		if f.duplicates != nil && !row.cellsOnly {
			f.repeated(row, f.duplicates)
		}
		return do(row)
	})
}

// Select says, before Check, which rows are judged: see Options.Select.
func (f *File) Select(pass func() func(*Row) bool) { f.options.Select = pass }

// Close closes the file, and removes what was kept of standard input.
func (f *File) Close() error { return f.source.close() }

// reader reads one format. next goes on to the next data row, and read says what is in it.
type reader interface {
	header() error               // reads the names of the columns into the file's columns
	next() (line int, err error) // io.EOF after the last row
	read(row *Row)
	close()
}

func (f *File) reader(ctx context.Context) (reader, error) {
	if f.format == XLSX {
		return newXLSX(ctx, f)
	}
	text, err := f.source.text(ctx)
	if err != nil {
		return nil, err
	}
	switch f.format {
	case JSON:
		return newJSON(f, text), nil
	case JSONLines:
		return newLines(f, text), nil
	case list:
		return newList(f, text), nil
	default:
		return newCSV(f, text)
	}
}

// each reads the rows that are wanted, all where want is nil; of those for which look is false, the
// cells only.
func (f *File) each(ctx context.Context, want, look func(n int) bool, do func(*Row) error) error {
	r, err := f.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close()
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
		if want != nil && !want(n) {
			continue
		}
		row = Row{
			N: n, Line: line, Cells: row.Cells[:0], Mistakes: row.Mistakes[:0],
			cellsOnly: look != nil && !look(n),
		}
		r.read(&row)
		f.finish(&row)
		if err := do(&row); err != nil {
			return err
		}
	}
}

// Has reports whether the file has a column of a field, as far as its columns are known (Header).
func (f *File) Has(k *field.Field) bool { return f.columns.has(k) }
