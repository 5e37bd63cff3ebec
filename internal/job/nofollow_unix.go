//go:build !windows

package job

import "syscall"

// noFollow has a file opened only where its name is not a symbolic link by then.
const noFollow = syscall.O_NOFOLLOW
