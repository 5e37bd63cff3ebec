package cmd_test

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// A shell offers file names where a file is meant, and nowhere else: each argument and each flag
// completes values, takes a file, or says that there is nothing to complete.
func TestNoFileNamesWhereNoFileIsMeant(t *testing.T) {
	t.Parallel()
	files := 0
	check := func(c *cobra.Command) func(*pflag.Flag) {
		return func(f *pflag.Flag) {
			_, completes := c.GetFlagCompletionFunc(f.Name)
			switch isFile := cmdutil.IsFile(f); {
			case f.Value.Type() == "bool" || f.Name == "help":
			case isFile && completes:
				t.Errorf("%s --%s takes a file, and does not complete it", c.CommandPath(), f.Name)
			case isFile:
				files++
			case !completes:
				t.Errorf("%s --%s completes file names", c.CommandPath(), f.Name)
			}
		}
	}
	eachCommand(func(c *cobra.Command) {
		if !c.HasParent() {
			cmdutil.CompleteRest(c, &cmdutil.App{})
			c.PersistentFlags().VisitAll(check(c))
		}
		c.LocalNonPersistentFlags().VisitAll(check(c))
		if c.Runnable() && !c.HasSubCommands() && c.ValidArgsFunction == nil && c.ValidArgs == nil {
			t.Errorf("%s: its arguments complete file names", c.CommandPath())
		}
	})
	if files < 10 {
		t.Errorf("only %d flags take a file", files)
	}
}
