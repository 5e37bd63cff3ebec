package cmd_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

var update = flag.Bool("update", false, "rewrite the command reference")

const reference = "../docs/reference"

// The command reference is generated from the commands themselves.
func TestReferenceIsFresh(t *testing.T) {
	want := map[string][]byte{}
	root := cmd.New(&cmdutil.App{}, nil)
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	pages(t, root, want)
	if *update {
		write(t, want)
	}
	var stale []string
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(reference, name))
		if err != nil || !bytes.Equal(got, text) {
			stale = append(stale, name)
		}
	}
	files, err := os.ReadDir(reference)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if want[f.Name()] == nil {
			stale = append(stale, f.Name())
		}
	}
	if len(stale) > 0 {
		t.Errorf("the command reference is stale (%s); update it with:\n\tgo test ./cmd -run TestReferenceIsFresh -update",
			strings.Join(stale, ", "))
	}
}

// pages makes the page of a command and of all below it. The completion scripts of single
// shells explain themselves.
func pages(t *testing.T, c *cobra.Command, into map[string][]byte) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	var b bytes.Buffer
	if err := doc.GenMarkdown(c, &b); err != nil {
		t.Fatal(err)
	}
	into[strings.ReplaceAll(c.CommandPath(), " ", "_")+".md"] = b.Bytes()
	for _, child := range c.Commands() {
		pages(t, child, into)
	}
}

func write(t *testing.T, pages map[string][]byte) {
	if err := os.RemoveAll(reference); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(reference, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(reference, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
