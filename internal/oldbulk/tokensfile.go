package job

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// TokensFile takes the pairs of many users as they come: CSV, or JSON Lines where its name ends in .jsonl, mode 0600. It is for one
// goroutine. A pair is in the file before anybody hears of its user.
type TokensFile struct {
	file  *os.File
	lines bool
	end   int64 // of the last pair that was written whole
	had   int   // pairs that were in it when it was opened
	lost  int
}

// OpenTokensFile makes the file. One that exists already is added to where a job goes on, and else refused.
func OpenTokensFile(path string, goingOn bool) (*TokensFile, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if !goingOn {
		flags |= os.O_EXCL
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, failure.Newf(failure.Invalid, "--tokens-out %s exists already, and may hold tokens that are nowhere else", path).WithHint("name another file, or move that one away")
	}
	if err != nil {
		return nil, failure.Wrap(failure.Invalid, "--tokens-out", err)
	}
	t := &TokensFile{file: file, lines: FormatOf(path) == input.JSONLines}
	if err := t.begin(); err != nil {
		if !failure.Is(err, failure.Invalid) {
			err = unwritten(err)
		}
		return nil, errors.Join(err, file.Close())
	}
	return t, nil
}

// begin makes sure that the file ends in a whole line: a full disk or a power cut may have left a part of one.
func (t *TokensFile) begin() error {
	info, err := t.file.Stat()
	if err == nil && info.Mode().Perm() != 0o600 {
		err = t.file.Chmod(0o600)
	}
	if err != nil {
		return err
	}
	if t.end, err = t.whole(info.Size()); err != nil {
		return err
	}
	if t.end < info.Size() {
		if err := os.Truncate(t.file.Name(), t.end); err != nil {
			return err
		}
	}
	if t.had, err = countLines(io.NewSectionReader(t.file, 0, t.end)); err != nil {
		return err
	}
	if t.end > 0 && !t.lines {
		t.had-- // the head
	}
	if t.end > 0 || t.lines {
		return nil
	}
	return t.put(func(w io.Writer) error { _, err := io.WriteString(w, pairsHead); return err })
}

func countLines(in io.Reader) (lines int, err error) {
	part := make([]byte, 1<<16)
	for {
		n, err := in.Read(part)
		lines += bytes.Count(part[:n], []byte{'\n'})
		switch {
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return lines, err
		}
	}
}

// What files of tokens begin with.
const (
	pairsHead  = "DeviceToken,AccessToken,RefreshToken,ExpiresAt\n"
	pairsFirst = `{"AccessToken":`
)

// whole is where the last whole line ends. A line is far shorter than what is looked at. A file that does not begin as one of tokens is somebody
// else's, and refused.
func (t *TokensFile) whole(size int64) (int64, error) {
	want := pairsHead
	if t.lines {
		want = pairsFirst
	}
	head, tail := make([]byte, min(size, int64(len(want)))), make([]byte, min(size, 1<<16))
	from := size - int64(len(tail))
	_, err := t.file.ReadAt(head, 0)
	if err == nil || errors.Is(err, io.EOF) {
		_, err = t.file.ReadAt(tail, from)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if !strings.HasPrefix(want, string(head)) {
		return 0, failure.Newf(failure.Invalid, "%s is not a file of tokens", t.file.Name()).WithHint("name another file")
	}
	return from + int64(bytes.LastIndexByte(tail, '\n')) + 1, nil
}

func unwritten(err error) error {
	return failure.Wrap(failure.Failed, "--tokens-out", err).WithHint("make room on its disk")
}

// Add writes the pair of a user.
func (t *TokensFile) Add(deviceToken string, rec tokenstore.Record) error {
	expires := ""
	if !rec.ExpiresAt.IsZero() {
		expires = rec.ExpiresAt.UTC().Format(time.RFC3339)
	}
	err := t.put(func(w io.Writer) error {
		if !t.lines {
			return csvLine(w, deviceToken, rec.Access.Reveal(), rec.Refresh.Reveal(), expires)
		}
		return json.NewEncoder(w).Encode(map[string]string{
			"DeviceToken": deviceToken, "AccessToken": rec.Access.Reveal(), "RefreshToken": rec.Refresh.Reveal(), "ExpiresAt": expires,
		})
	})
	if err != nil {
		t.lost++
		return unwritten(err)
	}
	return nil
}

// Had is how many pairs were in the file when it was opened.
func (t *TokensFile) Had() int { return t.had }

// Lost is how many pairs could not be written.
func (t *TokensFile) Lost() int { return t.lost }

// put writes a line in one piece. Of one that finds no room nothing is left.
func (t *TokensFile) put(fill func(io.Writer) error) error {
	var line bytes.Buffer
	if err := fill(&line); err != nil {
		return err
	}
	if _, err := t.file.Write(line.Bytes()); err != nil {
		_ = os.Truncate(t.file.Name(), t.end) // where that fails too, the next run does it
		return err
	}
	t.end += int64(line.Len())
	return nil
}

func csvLine(out io.Writer, cells ...string) error {
	w := csv.NewWriter(out)
	if err := w.Write(cells); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// Close makes the file last and closes it.
func (t *TokensFile) Close() error { return errors.Join(t.file.Sync(), t.file.Close()) }
