package user

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// spooled is a private copy of an input.
type spooled struct {
	path   string
	digest string
	ended  bool // its last byte is a line end, or that cannot be told: it is compressed
}

func (s *spooled) remove() { _ = os.Remove(s.path) }

// spool copies the input, so that it is the same however often it is read.
func spool(a *cmdutil.App, name string, limit int64) (s *spooled, err error) {
	in := a.Streams.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, failure.Wrap(failure.Invalid, "the file cannot be read", err)
		}
		defer func() { _ = f.Close() }()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, failure.Newf(failure.Invalid, "%s is a folder, not a file", name)
		}
		in = f
	}
	out, err := os.CreateTemp("", "telematicsctl-*")
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "the input cannot be copied", err)
	}
	s = &spooled{path: out.Name()}
	sum, last := sha256.New(), &ends{}
	n, err := io.Copy(io.MultiWriter(out, sum, last), io.LimitReader(in, limit+1))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		s.remove()
		return nil, failure.Wrap(failure.Invalid, "the input cannot be copied", err)
	}
	if n > limit {
		s.remove()
		return nil, failure.Newf(failure.Invalid, "%s is larger than %d bytes", name, limit)
	}
	s.digest, s.ended = hex.EncodeToString(sum.Sum(nil)), last.ended()
	return s, nil
}

// ends remembers the first bytes of what is written, and the last.
type ends struct{ first, last []byte }

// mostEnd is how many bytes are remembered: two of UTF-16, and a Ctrl-Z after them.
const mostEnd = 4

func (e *ends) Write(p []byte) (int, error) {
	e.first = append(e.first, p[:min(len(p), mostEnd-len(e.first))]...)
	e.last = append(e.last, p[max(0, len(p)-mostEnd):]...)
	e.last = e.last[max(0, len(e.last)-mostEnd):]
	return len(p), nil
}

// ended reports whether what was written ends with a line end; what is compressed counts as such.
func (e *ends) ended() bool {
	if bytes.HasPrefix(e.first, []byte{0x1f, 0x8b}) || bytes.HasPrefix(e.first, []byte("PK")) {
		return true
	}
	last := bytes.TrimRight(e.last, "\x00\x1a")
	return bytes.HasSuffix(last, []byte{'\n'}) || bytes.HasSuffix(last, []byte{'\r'})
}
