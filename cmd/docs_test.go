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

// The command reference is made from the commands themselves. It is stale when this
// fails: go test ./cmd -run Reference -update.
func TestReferenceIsFresh(t *testing.T) {
	want := map[string][]byte{}
	root := cmd.New(&cmdutil.App{}, nil)
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	pages(t, root, want)
	if *update {
		write(t, want)
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(reference, name))
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("docs/reference/%s is stale (%v)", name, err)
		}
	}
	files, err := os.ReadDir(reference)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if want[f.Name()] == nil {
			t.Errorf("docs/reference/%s is of no command", f.Name())
		}
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
	if c.Name() == "completion" {
		return
	}
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

// Every command has what help and the reference need of it.
func TestCommandsExplainThemselves(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short is %q", c.CommandPath(), c.Short)
		}
		for _, line := range strings.Split(c.Example, "\n") {
			if line != "" && !strings.Contains(line, "telematicsctl ") {
				t.Errorf("%s: the example %q is not a command", c.CommandPath(), line)
			}
		}
		for _, child := range c.Commands() {
			check(child)
		}
	}
	check(cmd.New(&cmdutil.App{}, nil))
}
