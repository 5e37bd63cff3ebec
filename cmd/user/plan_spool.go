package user

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// openCopy opens a private copy of the input, so that it is the same however often it is read. The
// copy goes with the process.
func openCopy(ctx context.Context, a *cmdutil.App, o *planOptions) (*input.File, *copied, error) {
	in := a.Streams.In
	if o.File != "-" {
		f, err := os.Open(o.File)
		if err != nil {
			return nil, nil, input.Missing(failure.Wrap(failure.Invalid, "the file cannot be read", err), o.File)
		}
		defer func() { _ = f.Close() }()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, nil, failure.Newf(failure.Invalid, "%s is a folder, not a file", o.File)
		}
		in = f
	}
	c := &copied{in: in, name: o.File, limit: o.InputSize(), sum: sha256.New()}
	file, err := input.Open(ctx, o.openOptions(a.Now()), c)
	return file, c, err
}

// copied is an input that is read once. It knows its digest, and how it ends.
type copied struct {
	in    io.Reader
	name  string
	limit int64 // how many bytes there may be
	size  int64 // how many were read
	sum   hash.Hash
	ends
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if c.size += int64(n); c.size > c.limit {
		return 0, failure.Newf(failure.Invalid, "%s is larger than %d bytes", c.name, c.limit)
	}
	_, _ = c.sum.Write(p[:n])
	_, _ = c.Write(p[:n])
	return n, err
}

func (c *copied) digest() string { return hex.EncodeToString(c.sum.Sum(nil)) }

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
