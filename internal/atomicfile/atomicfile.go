// Package atomicfile writes files that are either whole or not there, and says why one cannot be
// written.
//
// It imports failure and filelock alone, and every room may import it.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// WriteFile replaces the file at path by data: written beside it, synced, renamed over it, and the
// folder synced. Whoever reads the path, after a crash too, finds the old content or the new and
// never a part. mode is the new file's, whatever the old one had. The folder is created, with mode
// 0700, where it is missing.
//
// A symbolic link at path stays and its target is replaced, unless it is somebody else's in a
// shared folder (*LinkError). What is not a regular file (a device, a pipe) is written to as it
// stands.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return Write(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is WriteFile for content that fill writes. Where fill fails, the file at path is left as it
// was.
func Write(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	out, err := Create(path, mode)
	if err != nil {
		return err
	}
	if err := fill(out); err != nil {
		out.Discard()
		return err
	}
	return out.Commit()
}

// An Output is a file on its way to a path: what is written appears there, whole, at Commit. It is
// for one goroutine.
type Output struct {
	path string // with its links resolved
	file *os.File
	end  int64 // how much was written; what is reserved may reach further
	size int64 // of the file on disk
	live bool  // the file is the one at path: a device or a pipe
}

// Create begins a file: it can be written to path, as far as rights, links and the folder go, or
// there is an error and nothing was changed. The caller ends it by Commit or Discard.
func Create(path string, mode fs.FileMode) (*Output, error) {
	target, err := resolve(path)
	if err != nil {
		return nil, err
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	case err == nil && !info.Mode().IsRegular():
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &Output{path: target, file: file, live: true}, nil
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, "."+filepath.Base(target)+".*")
	if err != nil {
		return nil, err
	}
	out := &Output{path: target, file: file}
	if err := file.Chmod(mode); err != nil && runtime.GOOS != "windows" {
		out.Discard()
		return nil, err
	}
	return out, nil
}

// Reserve takes size bytes of the disk for what will be written, and syncs them: what is written
// within them later needs no more room.
func (o *Output) Reserve(size int64) error {
	if o.live || size <= o.size {
		return nil
	}
	block := make([]byte, min(size-o.size, 1<<16))
	for i := range block {
		block[i] = ' ' // zeros might be stored as a hole
	}
	for o.size < size {
		n, err := o.file.WriteAt(block[:min(int64(len(block)), size-o.size)], o.size)
		o.size += int64(n)
		if err != nil {
			return err
		}
	}
	return o.file.Sync()
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	if o.live {
		return o.file.Write(p)
	}
	n, err := o.file.WriteAt(p, o.end)
	o.end += int64(n)
	o.size = max(o.size, o.end)
	return n, err
}

// Commit puts what was written at the path. After an error the path is as it was, except where the
// folder alone could not be synced.
func (o *Output) Commit() error {
	if o.live {
		return o.file.Close()
	}
	err := o.finish()
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		o.Discard()
		return err
	}
	return SyncDir(filepath.Dir(o.path))
}

func (o *Output) finish() error {
	if o.size > o.end {
		if err := o.file.Truncate(o.end); err != nil {
			return err
		}
	}
	return errors.Join(o.file.Sync(), o.file.Close())
}

// Discard ends the file without a trace. After Commit it does nothing.
func (o *Output) Discard() {
	_ = o.file.Close()
	if !o.live {
		_ = os.Remove(o.file.Name()) // after Commit there is none of that name
	}
}

// SyncDir makes what was renamed, created or removed in a folder last. File systems that cannot
// sync a folder say so by EINVAL, and keep it as well as they can; Windows has no such call.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = syncFolder(d)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// syncFolder is replaced by a test: few file systems refuse it.
var syncFolder = (*os.File).Sync
