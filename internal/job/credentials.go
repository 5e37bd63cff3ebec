package job

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Reasons of a file of credentials; the subject is its path.
const (
	ReasonCredentialsExist failure.Reason = "credentials-file-exists" // the file may hold tokens that are nowhere else
	ReasonNotCredentials   failure.Reason = "not-a-credentials-file"
)

// CredentialsFile takes the AccessTokens and RefreshTokens of many users as they
// come: CSV, or JSON Lines where its name ends in .jsonl, mode 0600. It is for one
// goroutine. A pair is in the file before anybody hears of its user.
type CredentialsFile struct {
	file  *os.File
	lines bool
	end   int64 // of the last pair that was written whole
	lost  int
}

// OpenCredentialsFile creates the file. One that exists is added to where a job is
// resumed, and refused otherwise.
func OpenCredentialsFile(path string, resumed bool) (*CredentialsFile, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if !resumed {
		flags |= os.O_EXCL
	}
	target, err := atomicfile.Resolve(path)
	if err != nil {
		return nil, atomicfile.Failure(failure.Invalid, "the tokens cannot be written to "+path, path, err)
	}
	file, err := os.OpenFile(target, flags|noFollow, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, failure.Newf(failure.Invalid, "%s exists already, and may hold tokens that are nowhere else", path).
			Because(ReasonCredentialsExist, path)
	}
	if err != nil {
		return nil, atomicfile.Failure(failure.Invalid, "the tokens cannot be written to "+path, path, err)
	}
	t := &CredentialsFile{file: file, lines: isJSONLines(path)}
	if err := t.begin(); err != nil {
		if !failure.Is(err, failure.Invalid) {
			err = t.unwritten(err)
		}
		return nil, errors.Join(err, file.Close())
	}
	return t, nil
}

func isJSONLines(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".ndjson", ".json":
		return true
	}
	return false
}

// begin makes sure that the file ends in a whole line: a full disk or a power cut
// may have left a part of one.
func (t *CredentialsFile) begin() error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if t.end, err = t.whole(info.Size()); err != nil {
		return err // a file that is refused stays as it is, its mode too
	}
	if info.Mode().Perm() != 0o600 {
		if err := t.file.Chmod(0o600); err != nil {
			return err
		}
	}
	if t.end < info.Size() {
		if err := os.Truncate(t.file.Name(), t.end); err != nil {
			return err
		}
	}
	if t.end > 0 || t.lines {
		return nil
	}
	return t.put(func(w io.Writer) error { _, err := io.WriteString(w, pairsHead); return err })
}

// What files of tokens begin with.
const (
	pairsHead  = "DeviceToken,AccessToken,RefreshToken,ExpiresAt\n"
	pairsFirst = `{"AccessToken":`
)

// whole is where the last whole line ends. A line is far shorter than what is
// looked at. A file that does not begin as one of credentials is somebody else's,
// and refused.
func (t *CredentialsFile) whole(size int64) (int64, error) {
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
		return 0, failure.Newf(failure.Invalid, "%s is not a file of tokens", t.file.Name()).
			Because(ReasonNotCredentials, t.file.Name())
	}
	return from + int64(bytes.LastIndexByte(tail, '\n')) + 1, nil
}

func (t *CredentialsFile) unwritten(err error) error {
	return atomicfile.Failure(failure.Failed, "the tokens cannot be written to "+t.file.Name(), t.file.Name(), err)
}

// Credentials are the tokens of a user.
type Credentials struct {
	Access, Refresh secret.String
	ExpiresAt       time.Time // zero where it is not known
}

// Add writes the pair of a user.
func (t *CredentialsFile) Add(deviceToken string, c Credentials) error {
	expires := ""
	if !c.ExpiresAt.IsZero() {
		expires = c.ExpiresAt.UTC().Format(time.RFC3339)
	}
	err := t.put(func(w io.Writer) error {
		if !t.lines {
			return csvLine(w, deviceToken, c.Access.Reveal(), c.Refresh.Reveal(), expires)
		}
		return json.NewEncoder(w).Encode(map[string]string{
			"DeviceToken": deviceToken, "AccessToken": c.Access.Reveal(), "RefreshToken": c.Refresh.Reveal(),
			"ExpiresAt": expires,
		})
	})
	if err != nil {
		t.lost++
		return t.unwritten(err)
	}
	return nil
}

// Lost is how many pairs could not be written.
func (t *CredentialsFile) Lost() int { return t.lost }

// put writes a line in one piece. Of one that finds no room nothing is left.
func (t *CredentialsFile) put(fill func(io.Writer) error) error {
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

// Close syncs the file and closes it.
func (t *CredentialsFile) Close() error { return errors.Join(t.file.Sync(), t.file.Close()) }
