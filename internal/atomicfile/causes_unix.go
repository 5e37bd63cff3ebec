//go:build !windows

package atomicfile

import "syscall"

var causes = map[syscall.Errno]cause{
	syscall.ENOSPC:  {ReasonNoSpace, "no space left on the device"},
	syscall.EDQUOT:  {ReasonNoSpace, "disk quota exceeded"},
	syscall.EFBIG:   {ReasonTooLarge, "file size limit exceeded"},
	syscall.EACCES:  {ReasonPermission, "permission denied"},
	syscall.EPERM:   {ReasonPermission, "operation not permitted"},
	syscall.EROFS:   {ReasonReadOnly, "read-only file system"},
	syscall.EMFILE:  {ReasonTooManyFiles, "too many open files"},
	syscall.ENFILE:  {ReasonTooManyFiles, "too many open files in the system"},
	syscall.ENOLCK:  {ReasonNoLocks, "no locks available"},
	syscall.EISDIR:  {ReasonNotAFile, "is a folder"},
	syscall.ENOTDIR: {ReasonNotAFile, "a part of the path is not a folder"},
	syscall.ENOENT:  {ReasonMissing, "no such file or folder"},
	syscall.ELOOP:   {ReasonForeignLink, "too many symbolic links"},
	syscall.EIO:     {ReasonDevice, "input/output error"},
}
