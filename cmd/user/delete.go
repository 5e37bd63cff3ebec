package user

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/rows"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// tokensFrom gathers the users that a command is about: TOKEN…, and those of --file, each once.
func tokensFrom(ctx context.Context, k *kit.Kit, args []string, file string) ([]string, error) {
	tokens, err := deviceTokens(args)
	if err != nil {
		return nil, err
	}
	if file != "" {
		more, err := rows.Tokens(ctx, rows.Options{Name: file, Now: k.Now()}, k.Streams.In)
		if err != nil {
			return nil, err
		}
		if tokens, err = deviceTokens(append(tokens, more...)); err != nil {
			return nil, err
		}
	}
	if len(tokens) == 0 {
		return nil, failure.New(failure.Invalid, "no user is named").WithHint("give DeviceTokens, or a file of them with --file")
	}
	return tokens, nil
}

// addTokensFile makes the flag --file of a command that takes TOKEN….
func addTokensFile(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "file", "", "take the DeviceTokens from a `file` (- is standard input): one a line, or the DeviceToken column of a CSV, TSV, JSON or JSON Lines file")
}

// deleteOptions are what `user delete` was told.
type deleteOptions struct {
	args []string
	file string
}

func newDelete(k *kit.Kit, run func(context.Context, deleteOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o deleteOptions) error { return deleteUsers(ctx, k, o) }
	}
	var o deleteOptions
	c := &cobra.Command{
		Use:   "delete TOKEN...",
		Short: "Delete users for good",
		Long: `Deletes users for good, with all their telematics data. It asks first, and is done as the admin. A user who is already gone counts as deleted; one that
fails does not stop the others. With --file the users are those of a file, such as the results of a bulk run.`,
		Example: `  telematicsctl user delete 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70
  telematicsctl user delete --file results.csv --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			o.args = args
			return run(c.Context(), o)
		},
	}
	addTokensFile(c, &o.file)
	return c
}

func deleteUsers(ctx context.Context, k *kit.Kit, o deleteOptions) error {
	if err := kit.CheckOutput(ctx, k, changedView); err != nil {
		return err
	}
	tokens, err := tokensFrom(ctx, k, o.args, o.file)
	if err != nil {
		return err
	}
	s, err := k.Session(min(len(tokens), changesAtOnce), len(tokens) > 1)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	// Who cannot act as the admin is told so before anything is asked.
	if _, err := s.Auth.Token(ctx, auth.Admin); err != nil {
		return err
	}
	if err := s.BeforeChange(ctx); err != nil {
		return err
	}
	question := fmt.Sprintf("Delete %d users for good, with all their telematics data?", len(tokens))
	if len(tokens) == 1 {
		question = "Delete user " + tokens[0] + " for good, with all telematics data?"
	}
	if err := k.Confirm(ctx, question); err != nil {
		return err
	}
	results, errs := forEach(ctx, tokens, "deleted", func(token string) error {
		return s.Auth.Do(ctx, auth.Admin, func(ctx context.Context, jwt secret.String) error {
			return s.API.Delete(ctx, userservice.Actor{JWT: jwt}, token)
		})
	})
	if err := kit.PrintList(ctx, k, changedView, results, ""); err != nil {
		return err
	}
	return several(ctx, errs, "deleted")
}
