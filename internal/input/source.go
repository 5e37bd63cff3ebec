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
	"hash/maphash"
	"io"
	"os"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// source is the bytes of a file, to be read as often as need be.
type source struct {
	called string // the file, for messages
	file   *os.File
	remove bool // the file is our own copy, and still has a name
	size   int64
	gzip   bool
	blocks blocks // as they were read first

	// What scan finds out.
	digest   string
	encoding encoding
	loneCR   bool   // lines end in CR alone
	head     []byte // the first of the text, at most headSize bytes
}

// openSource opens the file, or keeps standard input in a file of our own. What can be read only once (a pipe with a name) is kept as well.
func openSource(ctx context.Context, o Options, stdin io.Reader) (*source, error) {
	s := &source{called: o.Name, blocks: blocks{seed: maphash.MakeSeed()}}
	if o.Name == "-" {
		s.called = cmp.Or(o.Called, "standard input")
		return s, s.spool(ctx, o.SpoolDir, stdin)
	}
	file, err := os.Open(o.Name)
	if err != nil {
		return nil, failure.Wrap(failure.Invalid, "the file cannot be read", err)
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

// spool copies a pipe to a file that only its owner may read. The file loses its name at once where the system allows that, so that it goes
// with the process, however the process ends.
func (s *source) spool(ctx context.Context, dir string, in io.Reader) error {
	what := s.called + " cannot be kept for reading"
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return failure.Wrap(failure.Failed, what, err)
		}
	}
	file, err := os.CreateTemp(dir, "input-*")
	if err != nil {
		return failure.Wrap(failure.Failed, what, err)
	}
	s.file, s.remove = file, os.Remove(file.Name()) != nil
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

// stat notes what the file is, and looks whether it is compressed.
func (s *source) stat() error {
	info, err := s.file.Stat()
	if err != nil {
		return failure.Wrap(failure.Invalid, s.called, err)
	}
	s.size = info.Size()
	var magic [2]byte
	if _, err := s.file.ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return failure.Wrap(failure.Invalid, s.called, err)
	}
	s.gzip = magic == [2]byte{0x1f, 0x8b}
	return nil
}

func (s *source) close() error {
	err := s.file.Close()
	if s.remove {
		s.remove = false
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	return err
}

// content is the bytes of the file from the start, decompressed. They are those that scan went through: else reading ends with ErrChanged.
func (s *source) content(ctx context.Context) (io.Reader, error) {
	var r io.Reader = &interruptible{ctx, &blockReader{source: s}}
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

// text is the content from the start as UTF-8, without byte-order mark, its lines ended by line feeds (with or without a carriage return before).
func (s *source) text(ctx context.Context) (io.Reader, error) {
	content, err := s.content(ctx)
	if err != nil {
		return nil, err
	}
	text := s.encoding.decode(content)
	if s.loneCR {
		text = &lineFeeds{text}
	}
	return text, nil
}

// scan reads the content once through: it makes the digest, finds the encoding, and holds every byte against it.
func (s *source) scan(ctx context.Context) error {
	content, err := s.content(ctx)
	if err != nil {
		return err
	}
	hash := sha256.New()
	looked := bufio.NewReaderSize(io.TeeReader(content, hash), bufferSize)
	start, _ := looked.Peek(sniffSize) // an error comes again when it is read
	if s.encoding, err = findEncoding(start); err != nil {
		return s.broken(err.Error()).WithHint(hintSave)
	}
	check := checker{utf16: s.encoding.isUTF16()}
	if _, err := io.CopyBuffer(&check, onlyReader{s.encoding.decode(looked)}, make([]byte, bufferSize)); err != nil {
		return s.notText(&check, err)
	}
	if err := check.end(); err != nil {
		return s.notText(&check, err)
	}
	s.digest = hex.EncodeToString(hash.Sum(nil))
	s.head, s.loneCR = check.head, check.loneCR()
	if s.loneCR {
		toLineFeeds(s.head)
	}
	return nil
}

func (s *source) notText(c *checker, err error) error {
	var wrong *encodingError
	if errors.As(err, &wrong) {
		return s.broken(wrong.Error()).WithHint(hintConvert)
	}
	return s.damaged(c.line(), err)
}

// damaged is the error for content that cannot be read to its end; line is how far it could be, 0 where that is not known.
func (s *source) damaged(line int, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrChanged) {
		return err
	}
	why := "it cannot be read"
	var corrupt flate.CorruptInputError
	short, damaged := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF), errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
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
		return &failure.Error{Code: failure.Invalid, Message: s.called + ": " + why, Cause: err, Hint: "fetch or compress the file again; nothing of it was sent"}
	}
	return failure.Wrap(failure.Invalid, s.called+": "+why, err)
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

// onlyReader hides what a reader can do besides, so that a copy goes through the copier's own buffer.
type onlyReader struct{ io.Reader }

// broken is the error for what is wrong with the file as a whole.
func (s *source) broken(why string) *failure.Error {
	return failure.New(failure.Invalid, s.called+": "+why)
}

// unreadable is the error for a row at which reading ended.
func (s *source) unreadable(line int, err error) error {
	if errors.Is(err, errTooLarge) || errors.Is(err, bufio.ErrTooLong) {
		return s.broken(fmt.Sprintf("the row at line %d is larger than 1 MiB", line)).WithHint("look for a quote in it that is never closed")
	}
	return s.damaged(line, err)
}
