package bulk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// TokensFile takes the pairs of many users as they come: CSV, or JSON Lines where its name ends in .jsonl, mode 0600. It is for one
// goroutine. A pair is in the file before anybody hears of its user.
type TokensFile struct {
	file  *os.File
	lines bool
}

// OpenTokensFile makes the file. One that exists already is added to where a job goes on, and else refused.
func OpenTokensFile(path string, goingOn bool) (*TokensFile, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if !goingOn {
		flags |= os.O_EXCL
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, failure.Newf(failure.Invalid, "--tokens-out %s exists already, and may hold tokens that are nowhere else", path).WithHint("name another file, or move that one away")
	}
	if err != nil {
		return nil, failure.Because(failure.Invalid, "--tokens-out", err)
	}
	t := &TokensFile{file: file, lines: IsLines(path)}
	info, err := file.Stat()
	if err == nil && info.Mode().Perm() != 0o600 {
		err = file.Chmod(0o600)
	}
	if err == nil && info.Size() == 0 && !t.lines {
		err = t.row("DeviceToken", "AccessToken", "RefreshToken", "ExpiresAt")
	}
	if err != nil {
		return nil, errors.Join(failure.Because(failure.Failed, "--tokens-out", err), file.Close())
	}
	return t, nil
}

// Add writes the pair of a user.
func (t *TokensFile) Add(deviceToken string, rec tokenstore.Record) error {
	expires := ""
	if !rec.ExpiresAt.IsZero() {
		expires = rec.ExpiresAt.UTC().Format(time.RFC3339)
	}
	var err error
	if t.lines {
		err = json.NewEncoder(t.file).Encode(map[string]string{
			"DeviceToken": deviceToken, "AccessToken": rec.Access.Reveal(), "RefreshToken": rec.Refresh.Reveal(), "ExpiresAt": expires,
		})
	} else {
		err = t.row(deviceToken, rec.Access.Reveal(), rec.Refresh.Reveal(), expires)
	}
	if err != nil {
		return failure.Because(failure.Failed, "--tokens-out", err)
	}
	return nil
}

func (t *TokensFile) row(cells ...string) error {
	w := csv.NewWriter(t.file)
	if err := w.Write(cells); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// Close makes the file last and closes it.
func (t *TokensFile) Close() error { return errors.Join(t.file.Sync(), t.file.Close()) }
