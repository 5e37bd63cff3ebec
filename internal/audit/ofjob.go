package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// longestLine is the most bytes of a line that OfJob reads.
const longestLine = 16 << 20

// OfJob gives the users of all lines of a job that was begun at a time. It is Each for a job of a
// million rows: of a line it reads no more than the DeviceToken and the checksum.
func (l *Log) OfJob(ctx context.Context, job string, begun time.Time, do func(uuid.UUID)) error {
	files, err := filepath.Glob(l.path(rotatedGlob))
	if err != nil {
		return err
	}
	for _, path := range append(files, l.path(current)) {
		if info, err := os.Stat(path); err != nil || info.ModTime().Before(begun.Truncate(time.Second)) {
			continue // nothing was written to it since then
		}
		err := errors.Join(ctx.Err(), eachOfJob(path, job, do))
		if err != nil {
			return err
		}
	}
	return nil
}

func eachOfJob(path, job string, do func(uuid.UUID)) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer func() { _ = file.Close() }()
		mark := []byte(`"Job":` + strconv.Quote(job))
		lines := bufio.NewScanner(file)
		lines.Buffer(make([]byte, 64<<10), longestLine)
		for lines.Scan() {
			if line := lines.Bytes(); bytes.Contains(line, mark) {
				if id, ok := userOf(line); ok {
					do(id)
				}
			}
		}
		err = lines.Err()
	}
	if err != nil {
		return atomicfile.Failure(failure.Failed, "cannot read the audit record", path, err)
	}
	return nil
}

// userOf returns the DeviceToken of a line as appendLine writes it.
func userOf(line []byte) (uuid.UUID, bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"Sum":"`))
	if !ok || len(rest) < 20 {
		return uuid.Nil, false
	}
	checksum := string(rest[:8])
	entry, ok := bytes.CutPrefix(rest[8:], []byte(`","Entry":`))
	if entry = bytes.TrimSuffix(entry, []byte("}")); !ok || sum(entry) != checksum {
		return uuid.Nil, false
	}
	_, token, ok := bytes.Cut(entry, []byte(`"DeviceToken":"`))
	if !ok || len(token) < 36 {
		return uuid.Nil, false
	}
	id, err := uuid.ParseBytes(token[:36])
	return id, err == nil
}
