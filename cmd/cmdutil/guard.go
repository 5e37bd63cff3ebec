package cmdutil

import "github.com/spf13/cobra"

// AddIgnoreGuard makes the flag --ignore-guard, of the commands that may sign in by themselves.
func AddIgnoreGuard(c *cobra.Command, ignore *bool) {
	c.Flags().BoolVar(ignore, "ignore-guard", false, "sign in even where that may block this address for an hour")
}
