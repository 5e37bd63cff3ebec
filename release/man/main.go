// Command man writes the manual pages of the commands into a folder: what a release
// carries, and no part of the program. The pages are dated by SOURCE_DATE_EPOCH (seconds),
// so that the same commit makes the same pages.
package main

import (
	"log"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: man FOLDER")
	}
	root := cmd.New(&cmdutil.App{}, nil)
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "telematicsctl", Manual: "telematicsctl"}
	if err := doc.GenManTree(root, header, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
