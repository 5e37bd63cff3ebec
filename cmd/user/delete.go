package user

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

func newDelete(k *cmdutil.App, run func(context.Context, whom) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o whom) error { return deleteUsers(ctx, k, o) }
	}
	var o whom
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

func deleteUsers(ctx context.Context, k *cmdutil.App, o whom) error {
	if err := cmdutil.CheckOutput(ctx, k, changedView); err != nil {
		return err
	}
	users, err := openTokens(ctx, k, o)
	if err != nil {
		return err
	}
	defer users.close()
	many := users.count()
	s, err := k.Session(min(many, changesAtOnce), many > 1)
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
	question := fmt.Sprintf("Delete %s for good, with all telematics data?", cmdutil.Count(many, "user", "users"))
	if token := users.first(); many == 1 && token != "" {
		question = "Delete user " + token + " for good, with all telematics data?"
	}
	if err := k.Confirm(ctx, question); err != nil {
		return err
	}
	return task{users, "deleted", func(ctx context.Context, token string) error {
		err := s.API.Delete(ctx, userservice.AsAdmin(), token)
		if failure.Is(err, failure.NotFound) { // the service itself does not know the user
			return nil
		}
		return err
	}}.carryOut(ctx, k)
}
