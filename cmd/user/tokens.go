package user

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// whom says which users a command is about.
type whom struct {
	args []string
	file string // --file; "" for none
}

// addTokensFile makes the flag --file of a command that takes TOKEN….
func addTokensFile(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "file", "", "take the DeviceTokens from a `file` (- is standard input): one a line, or the DeviceToken column of a CSV, TSV, JSON or JSON Lines file")
}

// tokens are the DeviceTokens that a command is about, each once: TOKEN…, and then those of a file, which are read as they are needed.
type tokens struct {
	given []string
	file  *input.TokenFile // nil: there are only the given
}

// openTokens checks every DeviceToken, those of the file too. The caller closes it.
func openTokens(ctx context.Context, k *cmdutil.App, w whom) (*tokens, error) {
	given, err := deviceTokens(w.args)
	if err != nil {
		return nil, err
	}
	t := &tokens{given: given}
	if w.file != "" {
		if t.file, err = input.OpenTokens(ctx, input.Options{Name: w.file, Now: k.Now()}, k.Streams.In, given...); err != nil {
			return nil, err
		}
	}
	if t.count() == 0 {
		return nil, failure.New(failure.Invalid, "no user is named").WithHint("give DeviceTokens, or a file of them with --file")
	}
	return t, nil
}

func (t *tokens) count() int {
	if t.file != nil {
		return t.file.Count()
	}
	return len(t.given)
}

// first is a DeviceToken to speak of where there is only one; "" where it is one of a file.
func (t *tokens) first() string {
	if len(t.given) == 0 {
		return ""
	}
	return t.given[0]
}

func (t *tokens) each(ctx context.Context, do func(token string) error) error {
	if t.file != nil {
		return t.file.Each(ctx, do)
	}
	for _, token := range t.given {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(token); err != nil {
			return err
		}
	}
	return nil
}

func (t *tokens) close() {
	if t.file != nil {
		_ = t.file.Close() // it was only read
	}
}

// deviceTokens reads TOKEN…, each once, and names every one that is none.
func deviceTokens(args []string) ([]string, error) {
	var tokens []string
	var wrong []failure.Field
	seen := map[string]bool{}
	for i, arg := range args {
		token, err := field.ParseUUID(arg)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: fmt.Sprintf("DeviceToken %d", i+1), Message: err.Error()})
			continue
		}
		if !seen[token] {
			seen[token] = true
			tokens = append(tokens, token)
		}
	}
	return tokens, failure.InvalidFields("not every TOKEN is a DeviceToken", wrong)
}
