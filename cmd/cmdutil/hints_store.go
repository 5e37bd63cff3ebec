package cmdutil

import (
	"path/filepath"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// fileHints are for what the system refused to write, read or lock; the error's subject is the
// path.
var fileHints = map[failure.Reason]hint{
	atomicfile.ReasonNoSpace: func(_ *App, e *failure.Error) string {
		return "free some disk space for " + folderOf(e.Subject) + ", then run the command again"
	},
	atomicfile.ReasonTooLarge: func(_ *App, _ *failure.Error) string {
		return "raise the file size limit (`ulimit -f`), then run the command again"
	},
	atomicfile.ReasonPermission: func(_ *App, e *failure.Error) string {
		return "get write access to " + folderOf(e.Subject) + ", or choose another folder"
	},
	atomicfile.ReasonReadOnly: func(_ *App, e *failure.Error) string {
		return "choose a folder on a writable file system: " + folderOf(e.Subject) + " is on a read-only one"
	},
	atomicfile.ReasonTooManyFiles: func(_ *App, _ *failure.Error) string {
		return "raise the limit of open files (`ulimit -n 4096`), then run the command again"
	},
	atomicfile.ReasonNoLocks: func(_ *App, _ *failure.Error) string {
		return "set TELEMATICSCTL_STATE_DIR to a folder on a file system with locks: this one has none"
	},
	atomicfile.ReasonLockHeld: func(_ *App, _ *failure.Error) string {
		return "wait until that process has ended, then run the command again"
	},
	atomicfile.ReasonForeignLink: func(_ *App, _ *failure.Error) string {
		return "name a file in a folder of your own"
	},
	atomicfile.ReasonNotAFile: func(_ *App, e *failure.Error) string {
		if file := fileInPath(e.Subject); file != "" {
			return "move " + QuoteForShell(file) + " away, or use another folder: it is a file"
		}
		return "name a file, in a folder"
	},
	atomicfile.ReasonMissing: func(_ *App, e *failure.Error) string {
		return "check that " + folderOf(e.Subject) + " still exists, then run the command again"
	},
	atomicfile.ReasonDevice: func(_ *App, e *failure.Error) string {
		return "check the disk that holds " + folderOf(e.Subject)
	},
}

// folderOf is the folder that a file is written to, as a person reads it.
func folderOf(path string) string {
	if path == "" {
		return "the place that the output goes to"
	}
	if dir := filepath.Dir(path); dir != "." && filepath.Base(path) != path {
		return dir
	}
	return "the current folder"
}
