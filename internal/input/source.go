package input

import (
	"bufio"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// file is an *os.File, or our own copy.
type file interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// source is the bytes of a file, to be read as often as need be.
type source struct {
	called string // the file, for messages
	file   file
	size   int64
	magic  [16]byte // its first bytes
	gzip   bool
	label  string // the name of the encoding that was asked for

	// What look finds out.
	encoding encoding
	loneCR   bool   // lines end in CR alone
	head     []byte // the first of the text, at most headSize bytes
}

// openSource opens the file, or keeps standard input in a file of our own. What can be
// read only once (a pipe with a name) is kept as well.
func openSource(ctx context.Context, o Options, stdin io.Reader) (*source, error) {
	s := &source{called: o.Name, label: o.Encoding}
	if o.Name == "-" {
		s.called = "standard input"
	}
	if o.Keep || o.Name == "-" && o.Path == "" {
		return s, s.spool(ctx, o.SpoolDir, stdin)
	}
	file, err := os.Open(cmp.Or(o.Path, o.Name))
	if err != nil {
		return nil, Missing(failure.Wrap(failure.Invalid, "the file cannot be read", err), cmp.Or(o.Path, o.Name))
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = failure.Wrap(failure.Invalid, "the file cannot be read", err)
	case info.IsDir():
		err = s.broken("it is a folder, not a file")
	case !info.Mode().IsRegular():
		err = s.spool(ctx, o.SpoolDir, file)
		_ = file.Close()
		return s, err
	default:
		s.file = file
		err = s.stat()
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return s, nil
}

// spool copies a pipe to a file of our own.
func (s *source) spool(ctx context.Context, dir string, in io.Reader) error {
	what := s.called + " cannot be kept for reading"
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return failure.Wrap(failure.Failed, what, err)
		}
	}
	file, err := atomicfile.NewTemporary(dir)
	if err != nil {
		return failure.Wrap(failure.Failed, what, err)
	}
	s.file = file
	if _, err = io.Copy(file, &interruptible{ctx, in}); err == nil {
		err = s.stat()
	} else if ctx.Err() == nil && failure.CodeOf(err) == failure.Failed {
		err = failure.Wrap(failure.Failed, what, err)
	}
	if err != nil {
		_ = s.close()
	}
	return err
}

// stat notes the size of the file, and whether it is compressed.
func (s *source) stat() error {
	info, err := s.file.Stat()
	if err != nil {
		return failure.Wrap(failure.Invalid, s.called, err)
	}
	s.size = info.Size()
	if _, err := s.file.ReadAt(s.magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return failure.Wrap(failure.Invalid, s.called, err)
	}
	s.gzip = s.magic[0] == 0x1f && s.magic[1] == 0x8b
	return nil
}

func (s *source) close() error { return s.file.Close() }

// content returns the bytes of the file from the start, decompressed.
func (s *source) content(ctx context.Context) (io.Reader, error) {
	var r io.Reader = &interruptible{ctx, io.NewSectionReader(s.file, 0, s.size)}
	if !s.gzip {
		return r, nil
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(r, bufferSize))
	if err != nil {
		return nil, s.damaged(0, err)
	}
	return z, nil
}

// bufferSize is how many bytes are read at once.
const bufferSize = 64 << 10

// text returns the content from the start as valid UTF-8, without byte-order mark, its
// lines ended by line feeds (with or without a carriage return before).
func (s *source) text(ctx context.Context) (io.Reader, error) {
	content, err := s.content(ctx)
	if err != nil {
		return nil, err
	}
	var text io.Reader = &textReader{r: s.encoding.decode(content), check: checker{encoding: s.encoding}}
	if s.loneCR {
		text = &lineFeeds{text}
	}
	return text, nil
}

// look reads the beginning of the content and finds its encoding.
func (s *source) look(ctx context.Context) error {
	content, err := s.content(ctx)
	if err != nil {
		return err
	}
	start := make([]byte, sniffSize)
	n, err := io.ReadFull(content, start)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return s.damaged(0, err)
	}
	if s.isWorkbook() {
		return nil
	}
	if s.encoding, err = findEncoding(start[:n], s.label); err != nil {
		return s.named(err)
	}
	text, err := s.text(ctx)
	if err != nil {
		return err
	}
	s.head = make([]byte, headSize)
	n, err = io.ReadFull(text, s.head) // an error comes again when the file is read
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return s.damaged(1, err)
	}
	s.head = s.head[:n]
	if s.loneCR = endsLinesInCR(s.head); s.loneCR {
		toLineFeeds(s.head)
	}
	if n < headSize && isBlank(string(s.head)) {
		return s.broken("the file is empty")
	}
	return nil
}

// digest returns the SHA-256 of the content, after decompression.
func (s *source) digest() (string, error) {
	content, err := s.content(context.Background())
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, content); err != nil {
		return "", s.damaged(0, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Digest returns the SHA-256, in hex, of the content after decompression; "" where it
// cannot be read.
func (f *File) Digest() string {
	digest, err := f.source.digest()
	if err != nil {
		return ""
	}
	return digest
}

// damaged is the error for content that cannot be read to its end; line is how far it
// could be, 0 where that is not known.
func (s *source) damaged(line int, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var notText *encodingError
	if errors.As(err, &notText) {
		return s.named(err)
	}
	why := "it cannot be read"
	var corrupt flate.CorruptInputError
	short := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
	damaged := errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
	switch {
	case s.gzip && short:
		why = "the compressed file ends early"
	case s.gzip && damaged:
		why = "the compressed file is damaged"
	}
	if line > 0 {
		why += fmt.Sprintf(", at line %d of its content", line)
	}
	if s.gzip && (short || damaged) {
		e := s.broken(why).Because(ReasonDamaged, "")
		e.Cause = err
		return e
	}
	return failure.Wrap(failure.Invalid, s.called+": "+why, err)
}

// named is the error for a file that is not what it should be.
func (s *source) named(err error) error {
	var e *encodingError
	if errors.As(err, &e) {
		return s.broken(e.why).Because(e.reason, e.subject)
	}
	return err
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// broken is the error for what is wrong with the file as a whole.
func (s *source) broken(why string) *failure.Error {
	return failure.New(failure.Invalid, s.called+": "+why)
}

// unreadable is the error for a row at which reading ended.
func (s *source) unreadable(line int, err error) error {
	if errors.Is(err, errTooLarge) || errors.Is(err, bufio.ErrTooLong) {
		return s.broken(fmt.Sprintf("the row at line %d is larger than 1 MiB", line)).Because(ReasonRowTooLarge, "")
	}
	return s.damaged(line, err)
}
