package cmd_test

import (
	"os"
	"syscall"
)

func init() { temporaryFolder = inMemory }

// inMemory returns a folder in memory for the homes of the tests, or none where it is too small or
// runs no programs. Ext4 without a journal looks at each inode that was deleted in the last minute
// before it hands out another one: on a disk half of the examples' time goes into that.
func inMemory() string {
	const folder, noExec, tmpfs, room = "/dev/shm", 0x8, 0x01021994, 1 << 30
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil || int64(s.Type) != tmpfs || s.Flags&noExec != 0 ||
		s.Bavail*uint64(s.Bsize) < room {
		return ""
	}
	made, err := os.MkdirTemp(folder, "telematicsctl-test")
	if err != nil {
		return ""
	}
	return made
}
