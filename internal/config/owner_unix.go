//go:build !windows

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// isOursOrRoots reports whether the user of this process owns the file, or root does.
func isOursOrRoots(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}
