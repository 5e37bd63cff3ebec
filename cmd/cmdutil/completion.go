package cmdutil

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// CompleteFiles completes an argument with the names of files.
var CompleteFiles = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)

// CompleteRest completes what the commands of a tree have left open, by what their help calls it: a
// flag's value that is a file with file names, a TOKEN or DeviceToken with those that are stored,
// on|off with these words, and anything else with nothing: never with file names.
func CompleteRest(c *cobra.Command, k *App) {
	register := func(f *pflag.Flag) {
		if complete := completionOf(f, k); complete != nil {
			_ = c.RegisterFlagCompletionFunc(f.Name, complete) // what the command has said stays
		}
	}
	c.LocalNonPersistentFlags().VisitAll(register)
	c.PersistentFlags().VisitAll(register)
	if c.ValidArgsFunction == nil && c.ValidArgs == nil && c.Runnable() && !c.HasSubCommands() {
		c.ValidArgsFunction = cobra.NoFileCompletions
		if strings.Contains(c.Use, "TOKEN") {
			c.ValidArgsFunction = k.CompleteStored(strings.Contains(c.Use, "TOKEN..."))
		}
	}
	for _, child := range c.Commands() {
		CompleteRest(child, k)
	}
}

// words is the name of a value that must be one of some words: on|off.
var words = lazyregexp.New(`^[a-z0-9]+(\|[a-z0-9]+)+$`)

// completionOf completes a flag by the name of its value; nil leaves it to the shell, which
// completes files.
func completionOf(f *pflag.Flag, k *App) cobra.CompletionFunc {
	value, _ := pflag.UnquoteUsage(f)
	switch {
	case len(f.Annotations[wordsAnnotation]) > 0:
		return cobra.FixedCompletions(f.Annotations[wordsAnnotation], cobra.ShellCompDirectiveNoFileComp)
	case len(f.Annotations[listAnnotation]) > 0:
		return cobra.FixedCompletions(f.Annotations[listAnnotation],
			cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
	case IsFile(f):
		return nil
	case value == "TOKEN", value == "DeviceToken":
		return k.CompleteStored(true)
	case words.MatchString(value):
		return cobra.FixedCompletions(strings.Split(value, "|"), cobra.ShellCompDirectiveNoFileComp)
	}
	return cobra.NoFileCompletions
}

// IsFile reports whether the value of a flag is a file or folder, as its help says.
func IsFile(f *pflag.Flag) bool {
	value, _ := pflag.UnquoteUsage(f)
	return value == "file" || value == "folder"
}

// completionLimit is how long completion may take to read a token store, and mostNamed of how many
// tokens it tells whose they are.
const (
	completionLimit = time.Second
	mostNamed       = 100
)

// CompleteStored completes with the DeviceTokens that the profile has tokens of, and with the
// ClientIds of their users where these can be told. Nothing is asked, sent or run for it. many
// reports that there may be several arguments.
func (k *App) CompleteStored(many bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionLimit)
		defer cancel()
		return slices.DeleteFunc(k.storedTokens(ctx), func(s string) bool {
			token, _, _ := strings.Cut(s, "\t")
			return slices.Contains(args, token)
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

func (k *App) storedTokens(ctx context.Context) (out []string) {
	k.Streams.NoInput = true
	cfg, err := k.Config()
	if err != nil || !cfg.AccessToken.IsZero() {
		return nil
	}
	p, err := cfg.Resolve()
	if err != nil || p.TokenStore == tokenstore.KindFile && !p.Sandbox && cfg.StorePassphrase.IsZero() {
		return nil // the passphrase would have to be asked for, or a command be run
	}
	store, err := k.openStore(cfg, p)
	if err != nil {
		return nil
	}
	entries, err := store.List(ctx, p.Name)
	if err != nil {
		return nil
	}
	for i, e := range entries {
		if e.Subject == auth.Admin {
			continue
		}
		who := ""
		if store.Kind() == tokenstore.KindFile && i < mostNamed { // each read of a keyring takes its time
			if r, err := store.Get(ctx, e.Key); err == nil {
				claims, _ := auth.ReadClaims(r.Access)
				who = claims.ClientID
			}
		}
		if who == "" {
			out = append(out, e.Subject)
			continue
		}
		out = append(out, cobra.CompletionWithDesc(e.Subject, "ClientId "+who))
	}
	return out
}
