package atomicfile

import "syscall"

// The numbers are those of winerror.h.
var causes = map[syscall.Errno]cause{
	112:                          {ReasonNoSpace, "no space left on the device"}, // ERROR_DISK_FULL
	39:                           {ReasonNoSpace, "no space left on the device"}, // ERROR_HANDLE_DISK_FULL
	1295:                         {ReasonNoSpace, "disk quota exceeded"},         // ERROR_DISK_QUOTA_EXCEEDED
	223:                          {ReasonTooLarge, "file size limit exceeded"},   // ERROR_FILE_TOO_LARGE
	syscall.ERROR_ACCESS_DENIED:  {ReasonPermission, "permission denied"},
	19:                           {ReasonReadOnly, "read-only file system"}, // ERROR_WRITE_PROTECT
	4:                            {ReasonTooManyFiles, "too many open files"},
	36:                           {ReasonNoLocks, "no locks available"}, // ERROR_SHARING_BUFFER_EXCEEDED
	267:                          {ReasonNotAFile, "a part of the path is not a folder"},
	syscall.ERROR_FILE_NOT_FOUND: {ReasonMissing, "no such file or folder"},
	syscall.ERROR_PATH_NOT_FOUND: {ReasonMissing, "no such file or folder"},
	1117:                         {ReasonDevice, "input/output error"}, // ERROR_IO_DEVICE
}
