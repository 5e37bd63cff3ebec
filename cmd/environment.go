package cmd

import (
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/internal/config"
)

// newEnvironment makes the help topic that lists the environment variables.
func newEnvironment() *cobra.Command {
	return &cobra.Command{
		Use:   "environment",
		Short: "Show the environment variables",
		Long: `A flag wins over an environment variable, and a variable over the
configuration file. An empty variable counts as unset.

` + config.HelpText(),
		Example: `  telematicsctl help environment
  TELEMATICSCTL_PROFILE=sandbox telematicsctl user list`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}
