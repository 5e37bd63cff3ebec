package token

import (
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

func newList(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:         "list",
		Aliases:     []string{"ls"},
		Annotations: cmdutil.Effects(),
		Short:       "List stored tokens",
		Long: `Lists the admin and the users whose tokens are stored for the profile, and until
when their AccessTokens are valid. It prints no tokens.`,
		Example: "  telematicsctl token list\n  telematicsctl token list -o ids",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := k.StoredSession()
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			entries, err := s.Store.List(c.Context(), s.Profile.Name)
			if err != nil {
				return err
			}
			list := make([]cmdutil.StoredPair, 0, len(entries))
			for _, e := range entries {
				list = append(list, cmdutil.NewStoredPair(e, s.Stored(), k.Now()))
			}
			return cmdutil.PrintList(c.Context(), k, storedView, list, "No tokens are stored for profile "+s.Profile.Name)
		},
	}
}
