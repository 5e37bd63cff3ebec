//go:build !windows

package terminal

import "os"

// obeyEscapes is Windows' concern alone: every other terminal obeys ANSI sequences from the start.
func obeyEscapes(*os.File) {}
