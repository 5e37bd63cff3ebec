// Package commands is the command `commands`: the command tree as data.
package commands

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// command is a command as it is printed.
type command struct {
	Command string
	Short   string
	Flags   []flag
	Changes bool
	SignIn  bool
	Deletes bool
}

// flag is a flag of one command; the global flags are those of the first, telematicsctl itself.
type flag struct {
	Name    string
	Short   string // the letter, "" for none
	Type    string
	Default string
	Help    string
}

var view = render.View[command]{Columns: []render.Column[command]{
	{Head: "COMMAND", Name: "Command", Cell: func(c command) any { return c.Command }},
	{Head: "CHANGES", Name: "Changes", Cell: func(c command) any { return c.Changes }},
	{Head: "SIGN-IN", Name: "SignIn", Cell: func(c command) any { return c.SignIn }},
	{Head: "DELETES", Name: "Deletes", Wide: true, Cell: func(c command) any { return c.Deletes }},
	{Head: "DOES", Name: "Short", Cell: func(c command) any { return c.Short }},
}}

// New makes the command `commands`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{
		Use:         "commands",
		Annotations: cmdutil.Effects(),
		Short:       "List all commands and their flags",
		Long: `Lists the commands of this program: what each does, whether it changes something
(at the service, or in what is stored here), whether it acts signed in, and,
with -o json, its flags with types and defaults. The global flags are those of
the first, telematicsctl itself. Nothing is read or sent.`,
		Example: `  telematicsctl commands
  telematicsctl commands -o json --jq '.[] | select(.Changes | not) | .Command'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return cmdutil.PrintList(c.Context(), k, view, list(c.Root()), "")
		},
	}
	cmdutil.AddColumns(c, k, view.Names())
	return c
}

// list returns the command and those below it, in the order of the help pages; commands that only
// hold others are left out, except the program itself.
func list(c *cobra.Command) (all []command) {
	if c.Hidden || c.Name() == "help" {
		return nil
	}
	if !c.HasParent() || !c.HasAvailableSubCommands() || cmdutil.SaysItsEffects(c) {
		one := command{Command: c.CommandPath(), Short: c.Short, Flags: []flag{},
			Changes: cmdutil.HasEffect(c, cmdutil.Changes), SignIn: cmdutil.HasEffect(c, cmdutil.SignsIn),
			Deletes: cmdutil.HasEffect(c, cmdutil.Deletes)}
		flags := c.LocalNonPersistentFlags()
		if !c.HasParent() {
			flags = c.PersistentFlags()
		}
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" {
				_, help := pflag.UnquoteUsage(f)
				one.Flags = append(one.Flags, flag{f.Name, f.Shorthand, f.Value.Type(), f.DefValue, help})
			}
		})
		all = append(all, one)
	}
	for _, child := range c.Commands() {
		all = append(all, list(child)...)
	}
	return all
}
