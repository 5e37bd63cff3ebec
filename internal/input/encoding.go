package input

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// encoding is how a file writes its characters: nil for UTF-8.
type encoding struct {
	charset xencoding.Encoding
	name    string // for messages
}

// sniffSize is how many bytes at the start tell the encoding.
const sniffSize = 1024

var notText = []struct {
	magic, what string
	reason      failure.Reason
	subject     string
}{
	{"\xd0\xcf\x11\xe0", "it is an old Excel workbook (.xls), or one with a password", ReasonOldWorkbook, ""},
	{"%PDF-", "it is a PDF document, not data", ReasonNotData, "PDF"},
	{"BZh", "it is compressed by bzip2, which is not read", ReasonCompression, "bunzip2"},
	{"\xfd7zXZ\x00", "it is compressed by xz, which is not read", ReasonCompression, "unxz"},
	{"\x28\xb5\x2f\xfd", "it is compressed by zstd, which is not read", ReasonCompression, "unzstd"},
	{"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive, which is not read", ReasonCompression, "7z x"},
	{"Rar!", "it is a RAR archive, which is not read", ReasonCompression, "unrar"},
	{"\xff\xfe\x00\x00", "it is in UTF-32, which is not read", ReasonEncoding, ""},
	{"\x00\x00\xfe\xff", "it is in UTF-32, which is not read", ReasonEncoding, ""},
}

// findEncoding returns the encoding of a file: by the byte-order mark, else by the name
// that was given, else by the zero bytes, which in UTF-16 are many (one for each letter
// of English) and stand nearly all before or nearly all behind the letters. An error says
// what the file is instead of text.
func findEncoding(start []byte, name string) (encoding, error) {
	for _, m := range notText {
		if bytes.HasPrefix(start, []byte(m.magic)) {
			return encoding{}, &encodingError{m.what, m.reason, m.subject}
		}
	}
	if what := document(start); what != "" {
		return encoding{}, &encodingError{"it is " + what + ", not data", ReasonNotData, what}
	}
	given, err := namedEncoding(name)
	if err != nil {
		return encoding{}, err
	}
	utf16 := func(e unicode.Endianness) encoding {
		return encoding{unicode.UTF16(e, unicode.IgnoreBOM), "UTF-16"}
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		return utf16(unicode.LittleEndian), nil
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		return utf16(unicode.BigEndian), nil
	case bytes.HasPrefix(start, byteOrderMark):
		return encoding{}, nil
	case name != "":
		return given, nil
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
		return utf16(unicode.LittleEndian), nil
	case zeros[0] >= many && zeros[0] > 4*zeros[1]:
		return utf16(unicode.BigEndian), nil
	}
	return encoding{}, nil
}

// namedEncoding returns the encoding that a name stands for, as browsers know it.
func namedEncoding(name string) (encoding, error) {
	if name == "" {
		return encoding{}, nil
	}
	charset, err := htmlindex.Get(name)
	if err != nil {
		return encoding{}, failure.Newf(failure.Invalid,
			"unknown encoding %q: use a name such as utf-8, utf-16le, windows-1252, iso-8859-2, shift_jis, gb18030", name)
	}
	canonical, err := htmlindex.Name(charset)
	if err != nil || charset == xencoding.Replacement {
		return encoding{}, failure.Newf(failure.Invalid, "encoding %q cannot be read", name)
	}
	if canonical == "utf-8" {
		return encoding{}, nil
	}
	return encoding{charset, canonical}, nil
}

// document returns what a file is that is markup; "" for one that is not.
func document(start []byte) string {
	text := strings.ToLower(string(bytes.TrimSpace(bytes.TrimPrefix(start, byteOrderMark))))
	switch {
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "a web page (HTML)"
	case strings.HasPrefix(text, "<?xml"):
		return "an XML document"
	}
	return ""
}

var byteOrderMark = []byte("\ufeff")

// decode returns the text of a file in UTF-8, without its byte-order mark.
func (e encoding) decode(content io.Reader) io.Reader {
	if e.charset != nil {
		content = transform.NewReader(content, e.charset.NewDecoder())
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

// textReader reads decoded text, verifies it, and leaves out a Ctrl-Z at its end, as DOS
// programs write it.
type textReader struct {
	r     io.Reader
	check checker
	held  []byte // a Ctrl-Z, and line ends behind it, that may be the end
	err   error
}

func (t *textReader) Read(p []byte) (int, error) {
	for t.err == nil {
		if len(t.held) > 0 && len(p) > len(t.held) {
			n, err := t.r.Read(p[len(t.held):])
			if n > 0 {
				n += copy(p, t.held)
				t.held = t.held[:0]
				return t.deliver(p[:n], n, err)
			}
			t.err = err
			continue
		}
		n, err := t.r.Read(p)
		if m, err := t.deliver(p[:n], n, err); m > 0 || err != nil {
			return m, err
		}
	}
	return 0, t.err
}

// deliver verifies what was read, and holds back what may be the end.
func (t *textReader) deliver(text []byte, n int, err error) (int, error) {
	t.err = err
	if at := bytes.IndexByte(text, 0x1a); at >= 0 && len(bytes.Trim(text[at:], "\x1a\r\n ")) == 0 {
		t.held = append(t.held[:0], text[at:]...)
		text, n = text[:at], at
	}
	if wrong := t.check.write(text); wrong != nil {
		t.err = wrong
		return 0, wrong
	}
	if errors.Is(err, io.EOF) {
		if wrong := t.check.end(); wrong != nil {
			t.err = wrong
			return 0, wrong
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, t.err
}

// checker verifies the decoded text of a file.
type checker struct {
	encoding encoding
	feeds    int    // line feeds so far
	rest     []byte // the beginning of a character whose end has not come yet
	join     []byte // the memory for rest and what comes after it
}

// encodingError says what a file is that is not text, or where it is not what its encoding allows.
type encodingError struct {
	why     string
	reason  failure.Reason
	subject string
}

func (e *encodingError) Error() string { return e.why }

func (c *checker) write(p []byte) error {
	text := p
	if len(c.rest) > 0 {
		c.join = append(append(c.join[:0], c.rest...), p...)
		text = c.join
	}
	complete := completeCharacters(text)
	c.rest = append(c.rest[:0], text[complete:]...)
	return c.check(text[:complete])
}

// completeCharacters returns how many bytes are left without an incomplete character at the end.
func completeCharacters(text []byte) int {
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
	if c.encoding.charset != nil {
		at = bytes.Index(text, []byte("\ufffd"))
	} else if !utf8.Valid(text) {
		at = firstInvalid(text)
	}
	if at < 0 {
		c.feeds += bytes.Count(text, []byte("\n"))
		return nil
	}
	c.feeds += bytes.Count(text[:at], []byte("\n"))
	why := fmt.Sprintf("line %d is not valid in %s: the file is damaged, cut off or in another encoding", c.feeds+1,
		c.encoding.name)
	if c.encoding.charset == nil {
		why = fmt.Sprintf("line %d is not UTF-8 (byte 0x%02x)", c.feeds+1, text[at])
	}
	return &encodingError{why, ReasonEncoding, ""}
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

// end is called when nothing more comes.
func (c *checker) end() error { return c.check(c.rest) }

// endsLinesInCR reports whether the lines end in carriage returns alone, as a few old
// programs write them.
func endsLinesInCR(head []byte) bool {
	return !bytes.Contains(head, []byte("\n")) && bytes.Contains(head, []byte("\r"))
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
