package input

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/thedatashed/xlsxreader"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The most bytes of a workbook when it is unpacked: in all, and of the texts that its
// sheets share, which are held in memory. A small file can claim to be as large as it
// likes.
const (
	largestWorkbook = 4 << 30
	largestShared   = 256 << 20
)

// isWorkbook reports whether the file is a ZIP archive, as workbooks are.
func (s *source) isWorkbook() bool { return bytes.HasPrefix(s.magic[:], []byte("PK\x03\x04")) }

// workbook is an open workbook.
type workbook struct {
	file  *xlsxreader.XlsxFile
	sheet string
	in    *endable
}

// endable is the file below a workbook: once it has ended, the goroutine that parses a
// sheet ends as well.
type endable struct {
	ctx  context.Context
	file io.ReaderAt
	end  context.CancelFunc
}

func (e *endable) ReadAt(p []byte, at int64) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.file.ReadAt(p, at)
}

// openWorkbook opens a workbook and finds its sheet.
func (f *File) openWorkbook(ctx context.Context) (*workbook, error) {
	ctx, end := context.WithCancel(ctx)
	w := &workbook{in: &endable{ctx, f.source.file, end}}
	archive, err := zip.NewReader(w.in, f.source.size)
	if err == nil {
		err = tooLarge(archive)
	}
	if err == nil {
		w.file, err = xlsxreader.NewReaderZip(archive)
	}
	if err == nil && len(w.file.Sheets) == 0 {
		err = errors.New("it has no sheet")
	}
	if err == nil {
		w.sheet, err = f.findSheet(w.file.Sheets)
	}
	if err != nil {
		end()
		return nil, f.source.badWorkbook(err)
	}
	return w, nil
}

var errWorkbookSize = errors.New("it is too large when it is unpacked")

// tooLarge adds up the sizes that the archive names; a part that is larger than it says
// is an error when it is read.
func tooLarge(archive *zip.Reader) error {
	var all uint64
	for _, part := range archive.File {
		all += part.UncompressedSize64
		shared := strings.HasSuffix(part.Name, "sharedStrings.xml") || strings.HasSuffix(part.Name, "styles.xml")
		if all > largestWorkbook || shared && part.UncompressedSize64 > largestShared {
			return errWorkbookSize
		}
	}
	return nil
}

// findSheet returns the sheet that was asked for, by name or number, or the first.
func (f *File) findSheet(sheets []string) (string, error) {
	asked := f.options.Sheet
	if asked == "" {
		return sheets[0], nil
	}
	for _, name := range sheets {
		if strings.EqualFold(field.NormalizeText(name), field.NormalizeText(asked)) {
			return name, nil
		}
	}
	if n, err := strconv.Atoi(asked); err == nil && n >= 1 && n <= len(sheets) {
		return sheets[n-1], nil
	}
	return "", f.source.broken(fmt.Sprintf("no sheet %s; the sheets are %s", field.Quote(asked),
		strings.Join(sheets, ", "))).
		Because(ReasonSheet, sheets[0])
}

// badWorkbook is the error for a workbook that cannot be read.
func (s *source) badWorkbook(err error) error {
	var known *failure.Error
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errWorkbookSize):
		return s.broken("the workbook is too large when it is unpacked")
	}
	e := s.broken("the workbook is damaged, or is another kind of ZIP archive").Because(ReasonDamaged, "")
	e.Cause = err
	return e
}

// sheetRecords are the rows of a sheet.
type sheetRecords struct {
	file  *File
	book  *workbook
	rows  chan xlsxreader.Row
	cells []string
}

func newXLSX(ctx context.Context, f *File) (*cellsReader, error) {
	book, err := f.openWorkbook(ctx)
	if err != nil {
		return nil, err
	}
	r := &sheetRecords{file: f, book: book, rows: book.file.ReadRows(book.sheet)}
	reader, err := newCells(f, r)
	if err != nil {
		r.close()
	}
	return reader, err
}

// close ends the goroutine that parses the sheet: its file ends, and what it has parsed is taken.
func (r *sheetRecords) close() {
	r.book.in.end()
	for range r.rows {
	}
}

func (r *sheetRecords) unended() bool { return false }

func (r *sheetRecords) record() (cells []string, line int, wrong string, err error) {
	row, ok := <-r.rows
	if !ok {
		if err := r.book.in.ctx.Err(); err != nil {
			return nil, 0, "", err
		}
		return nil, 0, "", r.wholeSheet()
	}
	if row.Error != nil {
		return nil, 0, "", r.file.source.badWorkbook(fmt.Errorf("row %d: %w", row.Index, row.Error))
	}
	r.cells = r.cells[:0]
	for _, cell := range row.Cells {
		at := cell.ColumnIndex()
		if at < 0 || at >= mostColumns {
			if isBlank(cell.Value) {
				continue
			}
			return nil, 0, "", r.file.source.broken(fmt.Sprintf("row %d has more than %d columns", row.Index, mostColumns))
		}
		for len(r.cells) <= at {
			r.cells = append(r.cells, "")
		}
		r.cells[at] = cell.Value
	}
	return r.cells, row.Index, "", nil
}

// wholeSheet returns io.EOF where the sheet was read to its end. The parser ends without
// a word where the XML does, so the end of the sheet is looked for, and the checksum of
// it is verified, once.
func (r *sheetRecords) wholeSheet() error {
	if r.file.sheet != nil {
		return io.EOF
	}
	archive, err := zip.NewReader(r.book.in, r.file.source.size)
	if err != nil {
		return r.file.source.badWorkbook(err)
	}
	for _, part := range archive.File {
		if !strings.HasPrefix(part.Name, "xl/worksheets/") {
			continue
		}
		if err := wholePart(part); err != nil {
			return r.file.source.badWorkbook(err)
		}
	}
	r.file.sheet = r.book
	return io.EOF
}

func wholePart(part *zip.File) error {
	in, err := part.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	tail := &tailWriter{}
	if _, err := io.Copy(tail, in); err != nil { //nolint:gosec // the workbook was bounded when it was opened
		return err
	}
	if strings.HasSuffix(part.Name, ".xml") &&
		!bytes.Contains(tail.last[max(0, bytes.LastIndex(tail.last, []byte("</"))):], []byte("worksheet")) {
		return errors.New("the sheet is cut off")
	}
	return nil
}

// tailWriter keeps the last bytes that were written to it.
type tailWriter struct{ last []byte }

func (t *tailWriter) Write(p []byte) (int, error) {
	t.last = append(t.last, p[max(0, len(p)-512):]...)
	t.last = t.last[max(0, len(t.last)-512):]
	return len(p), nil
}
