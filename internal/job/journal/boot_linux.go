package journal

import (
	"os"
	"strings"
)

// boot is the kernel's own name for this start of it.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
