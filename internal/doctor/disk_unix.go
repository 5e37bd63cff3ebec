//go:build !windows

package doctor

import "golang.org/x/sys/unix"

// freeBytes returns how many bytes this user may still write to the file system of a folder.
func freeBytes(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec,unconvert // a block size is positive; its type differs by system
}
