package journal

import "syscall"

// boot is the kernel's own name for this start of it.
func boot() string {
	id, err := syscall.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
