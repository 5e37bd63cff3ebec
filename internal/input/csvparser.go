package input

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// csvParser reads the records of separated text. It reads what spreadsheets and people
// write: blanks around quotes, and formulas with quotes in them.
type csvParser struct {
	r     *bufio.Reader
	sep   []byte
	blank string // what may stand around quotes

	line    int  // lines read so far
	start   int  // the line that the record begins at
	unended bool // the record ends with the file, without a line end
	long    []byte
	text    []byte   // of the record's cells
	ends    []int    // where each ends
	cells   []string // the record
}

func newCSVParser(r io.Reader, separator string) *csvParser {
	p := &csvParser{r: bufio.NewReaderSize(r, bufferSize), sep: []byte(separator), blank: " \t"}
	switch separator {
	case "\t":
		p.blank = " "
	case " ":
		p.blank = "\t"
	}
	return p
}

var errUnclosed = errors.New("the quotes are not closed by the end of the file")

// What is wrong with a record that cannot be parsed.
const (
	strayQuote = `a quote (") inside a cell without quotes: put the whole cell in quotes and write each quote in it twice`
	afterQuote = `text after a closing quote ("): write each quote inside a cell twice`
)

// record reads the next record, good until the one after it is read; wrong says why it
// cannot be parsed: then it is the cells that could be. The error is io.EOF at the end,
// errTooLarge, errUnclosed, or the reader's.
func (p *csvParser) record() (cells []string, wrong string, err error) {
	p.text, p.ends = p.text[:0], p.ends[:0]
	p.start = p.line + 1
	rest, err := p.readLine()
	if err != nil {
		return nil, "", err
	}
	for more := true; more; {
		rest, more, wrong, err = p.cell(rest)
		if err != nil {
			return nil, "", err
		}
		if wrong != "" {
			break
		}
		p.ends = append(p.ends, len(p.text))
	}
	text, from := string(p.text), 0
	p.cells = p.cells[:0]
	for _, end := range p.ends {
		p.cells = append(p.cells, text[from:end])
		from = end
	}
	return p.cells, wrong, nil
}

// cell appends the next cell to the text; more reports whether another follows.
func (p *csvParser) cell(line []byte) (rest []byte, more bool, wrong string, err error) {
	if len(line) > 0 && (line[0] == '"' || line[0] == ' ' || line[0] == '\t') {
		if t := bytes.TrimLeft(line, p.blank); len(t) > 0 && t[0] == '"' {
			return p.quoted(t[1:])
		}
	}
	if len(line) > 0 && line[0] == '=' {
		if end := formulaEnd(line, p.sep); end >= 0 {
			p.text = append(p.text, line[:end]...)
			return after(line[end:], p.sep)
		}
	}
	end := bytes.Index(line, p.sep)
	more = end >= 0
	if !more {
		end = len(line)
	}
	if bytes.IndexByte(line[:end], '"') >= 0 {
		return nil, false, strayQuote, nil
	}
	p.text = append(p.text, line[:end]...)
	if more {
		rest = line[end+len(p.sep):]
	}
	return rest, more, "", nil
}

// after goes past the separator at which a cell ends.
func after(line, sep []byte) (rest []byte, more bool, wrong string, err error) {
	if len(line) == 0 {
		return nil, false, "", nil
	}
	return line[len(sep):], true, "", nil
}

// formulaEnd returns the length of a cell that begins with =, whose quotes are those of
// the formula; -1 where they are not closed.
func formulaEnd(line, sep []byte) int {
	quoted := false
	for i := range line {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case !quoted && bytes.HasPrefix(line[i:], sep):
			return i
		}
	}
	if quoted {
		return -1
	}
	return len(line)
}

// quoted appends a cell whose opening quote was read.
func (p *csvParser) quoted(line []byte) (rest []byte, more bool, wrong string, err error) {
	for {
		end := bytes.IndexByte(line, '"')
		if end < 0 {
			p.text = append(append(p.text, line...), '\n')
			if len(p.text) > largestRow {
				return nil, false, "", errTooLarge
			}
			line, err = p.readLine()
			if errors.Is(err, io.EOF) {
				err = errUnclosed
			}
			if err != nil {
				return nil, false, "", err
			}
			continue
		}
		p.text = append(p.text, line[:end]...)
		line = line[end+1:]
		if len(line) > 0 && line[0] == '"' {
			p.text = append(p.text, '"')
			line = line[1:]
			continue
		}
		line = bytes.TrimLeft(line, p.blank)
		if len(line) > 0 && !bytes.HasPrefix(line, p.sep) {
			return nil, false, afterQuote, nil
		}
		return after(line, p.sep)
	}
}

// readLine reads a line without its end.
func (p *csvParser) readLine() ([]byte, error) {
	p.long = p.long[:0]
	for {
		part, err := p.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if p.long = append(p.long, part...); len(p.long) > largestRow {
				return nil, errTooLarge
			}
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(part)+len(p.long) == 0) {
			return nil, err
		}
		line := part
		if len(p.long) > 0 {
			p.long = append(p.long, part...)
			line = p.long
		}
		p.line++
		p.unended = err != nil
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) > largestRow {
			return nil, errTooLarge
		}
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
}
