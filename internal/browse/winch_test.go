//go:build !windows

package browse_test

import "syscall"

// winch is what a process gets when its window changes its size.
const winch = syscall.SIGWINCH
