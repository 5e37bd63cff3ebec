package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A LinkError says that a path leads over a symbolic link of somebody else's in a folder that many
// may write to, as /tmp: what is written would go wherever that person wants it.
type LinkError struct{ Path string }

func (e *LinkError) Error() string {
	return e.Path + " is a symbolic link of another user's in a shared folder"
}

// mostLinks is how many symbolic links a path may lead over.
const mostLinks = 40

// errTooManyLinks is a path whose links go round in circles.
var errTooManyLinks = errors.New("too many symbolic links")

// Resolve returns where a path leads, as Create would follow it: for who opens a file to add to it.
// The error is a *LinkError for another user's symbolic link in a shared folder.
func Resolve(path string) (string, error) { return resolve(path) }

// resolve returns where a path leads: every symbolic link followed, but none that is another user's
// in a shared folder (*LinkError). The last part, or the target of a link, need not be there.
func resolve(path string) (string, error) {
	rest, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	root := filepath.VolumeName(rest) + string(filepath.Separator)
	done, rest := root, strings.TrimPrefix(rest, root)
	for links := 0; rest != ""; {
		part, behind, _ := strings.Cut(rest, string(filepath.Separator))
		next := filepath.Join(done, part)
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			return filepath.Join(next, behind), nil
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done, rest = next, behind
			continue
		}
		if links++; links > mostLinks {
			return "", &fs.PathError{Op: "open", Path: path, Err: errTooManyLinks}
		}
		if err := checkLink(done, next, info); err != nil {
			return "", err
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			done = filepath.VolumeName(target) + string(filepath.Separator)
			target = strings.TrimPrefix(target, done)
		} else {
			// done is free of links, so that ".." may be taken literally.
			target = filepath.Join(done, target)
			done = filepath.VolumeName(target) + string(filepath.Separator)
			target = strings.TrimPrefix(target, done)
		}
		rest = filepath.Join(target, behind)
		if rest == "." {
			rest = ""
		}
	}
	return done, nil
}

// checkLink refuses a link of somebody else's in a folder that is sticky or that everybody may
// write to.
func checkLink(folder, link string, info fs.FileInfo) error {
	in, err := os.Stat(folder)
	if err != nil {
		return err
	}
	shared := in.Mode()&fs.ModeSticky != 0 || in.Mode().Perm()&0o002 != 0
	if shared && !isOurs(info) {
		return &LinkError{Path: link}
	}
	return nil
}
