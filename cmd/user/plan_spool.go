package user

import (
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
	ended  bool // its last byte is a line end, and it is not compressed
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
	compressed := last.first == 0x1f || last.first == 'P' && last.second == 'K'
	s.digest, s.ended = hex.EncodeToString(sum.Sum(nil)), last.last == '\n' && !compressed
	return s, nil
}

// ends remembers the first two bytes of what is written, and the last.
type ends struct {
	first, second, last byte
	n                   int
}

func (e *ends) Write(p []byte) (int, error) {
	for _, b := range p[:min(len(p), 2)] {
		switch e.n {
		case 0:
			e.first = b
		case 1:
			e.second = b
		}
		e.n++
	}
	if len(p) > 0 {
		e.last = p[len(p)-1]
	}
	return len(p), nil
}
