package cmdutil

import (
	"os"
	"path/filepath"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

// ReasonNotAFolder is for a file that stands where a folder of this program should be. Subject: the
// file.
const ReasonNotAFolder failure.Reason = "not-a-folder"

// pathHints are for files that a person has named, and for what stands in the way of the program's
// own.
var pathHints = map[failure.Reason]hint{
	input.ReasonMissing: func(_ *App, e *failure.Error) string { return missingFile(e.Subject) },
	ReasonNotAFolder: func(_ *App, e *failure.Error) string {
		return "move " + QuoteForShell(e.Subject) + " away, or set TELEMATICSCTL_STATE_DIR to another folder"
	},
}

// missingFile says what may be meant by the name of a file that is not there.
func missingFile(path string) string {
	dir := filepath.Dir(path)
	files, err := os.ReadDir(dir)
	if err != nil {
		return "check the name: the folder " + dir + " cannot be read"
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name()
	}
	if near := nearest.Of(filepath.Base(path), names); near != "" {
		return "did you mean " + QuoteForShell(filepath.Join(dir, near)) + "?"
	}
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return "check the name: it was looked for in " + dir
}

// CheckFolder refuses a folder of this program in whose path a file stands. It need not exist.
func CheckFolder(dir string) error {
	if path := fileInPath(dir); path != "" {
		return failure.New(failure.Failed, "the folder "+dir+" cannot be used: "+path+" is a file").
			Because(ReasonNotAFolder, path)
	}
	return nil
}

// fileInPath returns the file that stands where a path has a folder, or ends; "" for none.
func fileInPath(path string) string {
	for ; path != "" && path != filepath.Dir(path); path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return ""
		} else if err == nil {
			return path
		}
	}
	return ""
}
