package input

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// linesReader reads JSON Lines: an object a line.
type linesReader struct {
	file   *File
	object object
	lines  lines
}

func newLines(f *File, text io.Reader) *linesReader {
	r := &linesReader{file: f, object: object{file: f}}
	r.lines.open(text)
	return r
}

func (r *linesReader) header() error { return r.object.header(r.next) }

func (r *linesReader) next() (line int, err error) {
	text, err := r.lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.file.source.unreadable(r.lines.n+1, err)
	}
	if err != nil {
		return 0, err
	}
	if r.lines.cut && errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(new(json.RawMessage)), io.ErrUnexpectedEOF) {
		return 0, r.file.source.broken(fmt.Sprintf("the JSON ends early, in line %d: the file is cut off", r.lines.n))
	}
	r.object.raw = text
	return r.lines.n, nil
}

func (r *linesReader) read(row *Row) { r.object.read(row) }

func (r *linesReader) close() {}

// lines reads the lines of a text that are not blank.
type lines struct {
	scanner *bufio.Scanner
	n       int  // the line, from 1
	cut     bool // the line has no line feed at its end
}

func (l *lines) open(text io.Reader) {
	l.scanner = bufio.NewScanner(text)
	l.scanner.Buffer(make([]byte, 0, bufferSize), largestRow)
	l.scanner.Split(func(data []byte, atEOF bool) (advance int, line []byte, err error) {
		advance, line, err = bufio.ScanLines(data, atEOF)
		l.cut = advance == len(line)
		return advance, line, err
	})
}

// next is the next line, good until the one after it is read; io.EOF is the end.
func (l *lines) next() ([]byte, error) {
	for l.scanner.Scan() {
		if l.scanner.Err() != nil {
			break // the line is what could be read of one
		}
		l.n++
		if line := bytes.TrimSpace(l.scanner.Bytes()); len(line) > 0 {
			return line, nil
		}
	}
	if err := l.scanner.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}
