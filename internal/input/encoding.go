package input

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// How a file becomes one that can be read.
const (
	hintSave    = "save it as «CSV UTF-8» in the program that it is from"
	hintConvert = hintSave + ", or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE"
)

// encoding is how a file writes its characters.
type encoding uint8

const (
	utf8Text encoding = iota
	utf16LE
	utf16BE
)

func (e encoding) isUTF16() bool { return e != utf8Text }

// sniffSize is how many bytes at the start tell the encoding.
const sniffSize = 1024

var notTextMagic = []struct{ magic, what string }{
	{"PK\x03\x04", "it is an Excel workbook (.xlsx) or another ZIP archive, not text"},
	{"\xd0\xcf\x11\xe0", "it is an old Excel workbook (.xls), not text"},
	{"%PDF-", "it is a PDF document, not text"},
	{"\xff\xfe\x00\x00", "it is in UTF-32, which is not read"},
	{"\x00\x00\xfe\xff", "it is in UTF-32, which is not read"},
}

// findEncoding tells the encoding from the first bytes: by the byte-order mark, else by the zero bytes, which in UTF-16 are many (one for each
// letter of English) and stand nearly all before or nearly all behind the letters. An error says what the file is instead of text.
func findEncoding(start []byte) (encoding, error) {
	for _, m := range notTextMagic {
		if bytes.HasPrefix(start, []byte(m.magic)) {
			return 0, errors.New(m.what)
		}
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		return utf16LE, nil
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		return utf16BE, nil
	}
	var zeros [2]int
	for i, b := range start {
		if b == 0 {
			zeros[i%2]++
		}
	}
	many := max(2, len(start)/16)
	switch {
	case zeros[1] >= many && zeros[1] > 4*zeros[0]:
		return utf16LE, nil
	case zeros[0] >= many && zeros[0] > 4*zeros[1]:
		return utf16BE, nil
	default:
		return utf8Text, nil
	}
}

var byteOrderMark = []byte("\ufeff")

// decode makes UTF-8 of the content, without byte-order mark.
func (e encoding) decode(content io.Reader) io.Reader {
	switch e {
	case utf16LE:
		content = transform.NewReader(content, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder())
	case utf16BE:
		content = transform.NewReader(content, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	}
	r := bufio.NewReaderSize(content, bufferSize)
	start, _ := r.Peek(len(byteOrderMark)) // an error comes again when it is read
	if bytes.Equal(start, byteOrderMark) {
		_, _ = r.Discard(len(start)) // what was peeked can be discarded
	}
	return r
}

// headSize is how many bytes of the text are kept to find format and separator.
const headSize = 64 << 10

// checker takes the decoded text of a file and holds it to UTF-8.
type checker struct {
	utf16 bool
	head  []byte
	feeds int    // line feeds so far
	rest  []byte // the beginning of a character whose end has not come yet
	join  []byte // the memory for rest and what comes after it
}

// encodingError says where a file is not what its encoding allows.
type encodingError struct{ why string }

func (e *encodingError) Error() string { return e.why }

func (c *checker) Write(p []byte) (int, error) {
	c.head = append(c.head, p[:min(len(p), headSize-len(c.head))]...)
	text := p
	if len(c.rest) > 0 {
		c.join = append(append(c.join[:0], c.rest...), p...)
		text = c.join
	}
	whole := wholeCharacters(text)
	c.rest = append(c.rest[:0], text[whole:]...)
	if err := c.check(text[:whole]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// wholeCharacters is how many bytes are left without a character cut off at the end.
func wholeCharacters(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := len(text) - n; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}
			break
		}
	}
	return len(text)
}

func (c *checker) check(text []byte) error {
	at := -1
	if c.utf16 {
		at = bytes.Index(text, []byte("\ufffd"))
	} else if !utf8.Valid(text) {
		at = firstInvalid(text)
	}
	if at < 0 {
		c.feeds += bytes.Count(text, []byte("\n"))
		return nil
	}
	c.feeds += bytes.Count(text[:at], []byte("\n"))
	if c.utf16 {
		return &encodingError{fmt.Sprintf("line %d is not whole in UTF-16: the file is damaged or cut off", c.line())}
	}
	return &encodingError{fmt.Sprintf("line %d is not UTF-8 (byte 0x%02x): the file looks like Windows-1252 or another old encoding", c.line(), text[at])}
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// end is told that nothing more comes.
func (c *checker) end() error { return c.check(c.rest) }

func (c *checker) line() int { return c.feeds + 1 }

// loneCR tells whether the lines end in carriage returns alone, as a few old programs write them.
func (c *checker) loneCR() bool {
	return !bytes.Contains(c.head, []byte("\n")) && bytes.Contains(c.head, []byte("\r"))
}

// lineFeeds makes line feeds of carriage returns.
type lineFeeds struct{ r io.Reader }

func (l *lineFeeds) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	toLineFeeds(p[:n])
	return n, err
}

func toLineFeeds(p []byte) {
	for i, b := range p {
		if b == '\r' {
			p[i] = '\n'
		}
	}
}
