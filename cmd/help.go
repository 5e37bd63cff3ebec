package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// helpWidth is the width of help pages, in columns.
const helpWidth = 80

// isGroup reports whether a command does nothing but hold others: finish has marked it.
func isGroup(c *cobra.Command) bool { return c.HasAvailableSubCommands() && c.DisableFlagsInUseLine }

// printUsage writes what follows the long text of a help page: usage, examples, commands,
// and the flags by their groups. Global flags are on the root's page alone.
func printUsage(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if !isGroup(c) {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", c.CommandPath())
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAliases:\n  %s\n", strings.Join(c.Aliases, ", "))
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	listCommands(&b, c)
	if c == c.Root() {
		writeFlags(&b, "Global flags", c.PersistentFlags())
	} else {
		listFlags(&b, c)
		fmt.Fprintf(&b, "\nGlobal flags: see `%s --help`\n", c.Root().Name())
	}
	_, err := io.WriteString(c.OutOrStderr(), b.String())
	return err
}

func listCommands(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, group := range groups {
		fmt.Fprintf(b, "\n%s\n", group.Title)
		for _, child := range c.Commands() {
			if child.GroupID == group.ID && (child.IsAvailableCommand() || child.Name() == "help") {
				fmt.Fprintf(b, "  %-*s  %s\n", child.NamePadding(), child.Name(), child.Short)
			}
		}
	}
}

// listFlags writes a command's own flags: those without a group first.
func listFlags(b *strings.Builder, c *cobra.Command) {
	byGroup := map[string]*pflag.FlagSet{}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		title := cmdutil.FlagGroup(f)
		if byGroup[title] == nil {
			byGroup[title] = pflag.NewFlagSet(title, pflag.ContinueOnError)
		}
		byGroup[title].AddFlag(f)
	})
	if own := byGroup[""]; own != nil {
		writeFlags(b, "Flags", own)
	}
	for _, title := range cmdutil.FlagGroups(c) {
		if byGroup[title] != nil {
			writeFlags(b, title, byGroup[title])
		}
	}
}

func writeFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if usages := flags.FlagUsagesWrapped(helpWidth); usages != "" {
		fmt.Fprintf(b, "\n%s:\n%s", title, usages)
	}
}
