package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// obeyEscapes has a console of Windows obey ANSI sequences. One too old for that goes on without.
func obeyEscapes(f *os.File) {
	var mode uint32
	console := windows.Handle(f.Fd())
	if windows.GetConsoleMode(console, &mode) == nil {
		_ = windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}
