// Package cmd is the command tree: one package a noun, one file a verb. What is common to
// all of it is here: the global flags, and the way from an error to its message, hint and
// exit status.
package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/api"
	"github.com/telematicsctl/telematicsctl/cmd/audit"
	"github.com/telematicsctl/telematicsctl/cmd/auth"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/cmd/commands"
	"github.com/telematicsctl/telematicsctl/cmd/doctor"
	"github.com/telematicsctl/telematicsctl/cmd/instance"
	"github.com/telematicsctl/telematicsctl/cmd/job"
	"github.com/telematicsctl/telematicsctl/cmd/lease"
	"github.com/telematicsctl/telematicsctl/cmd/profile"
	"github.com/telematicsctl/telematicsctl/cmd/sandbox"
	"github.com/telematicsctl/telematicsctl/cmd/token"
	"github.com/telematicsctl/telematicsctl/cmd/topics"
	"github.com/telematicsctl/telematicsctl/cmd/user"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Run runs the program in an environment and returns its exit status. It ends within a
// second of Ctrl-C (see Interruptible), whatever the command waits for.
func Run(ctx context.Context, w cmdutil.Env) int {
	k := &cmdutil.App{Env: w}
	return untilInterrupted(ctx, k, func(ctx context.Context) error {
		started := false
		root := New(k, &started) //nolint:contextcheck // a command gets its context when it is executed
		if len(w.Args) > 0 && strings.HasPrefix(w.Args[0], cobra.ShellCompRequestCmd) {
			complete(root, k) //nolint:contextcheck // a completion has no context
		}
		root.SetArgs(w.Args)
		root.SetIn(w.Streams.In)
		out := &cobraOutput{w: w.Streams.Out}
		root.SetOut(out)
		root.SetErr(w.Streams.Err)
		finishDefaults(root, &started)
		err := execute(ctx, root)
		switch {
		case out.err != nil:
			return failure.Wrap(failure.Failed, "the output cannot be printed", out.err)
		case err != nil && !started:
			return usage(root, w.Args, err) // cobra's own complaint: nothing has run
		}
		return err
	})
}

// cobraOutput remembers the first error of what cobra itself prints, which ignores it: help, the
// version and completions.
type cobraOutput struct {
	w   io.Writer
	err error
}

func (o *cobraOutput) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// execute runs the tree; a panic becomes an error that says it is a bug, as Go's own exit
// status for it is our "invalid".
func execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = failure.New(failure.Failed, "this is a bug of telematicsctl: "+fmt.Sprint(p)).
				WithHint("please report it, with the command and its version; what was done before it is done")
		}
	}()
	return root.ExecuteContext(ctx)
}

// New makes the command tree. started, if not nil, is set when a command's own work
// begins: an error before that is wrong usage.
func New(k *cmdutil.App, started *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "telematicsctl",
		Short: "Administer the users of a Telematics SDK platform",
		Long: `telematicsctl registers drivers' app users, one or a million at a time,
controls what their phones record, and keeps the service's short-lived tokens
alive. Try it without an account: --profile sandbox.`,
		Example: `  telematicsctl --profile sandbox user bulk --quantity 5
  telematicsctl profile add prod --instance-id YOUR-INSTANCE-ID
  telematicsctl user set-logging off client:c-1001`,
		Version:       k.Version, // makes the flag --version
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate(buildInfo(k.Version).oneLine())
	globalFlags(root, k)
	root.SetUsageFunc(printUsage)
	root.AddGroup(&cobra.Group{ID: "users", Title: "Users:"}, &cobra.Group{ID: "access", Title: "Access:"},
		&cobra.Group{ID: "more", Title: "More:"}, &cobra.Group{ID: "topics", Title: "Help topics:"})
	root.SetHelpCommandGroupID("more")
	root.SetCompletionCommandGroupID("more")
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("users", user.New(k), job.New(k), lease.New(k), audit.New(k))
	add("access", auth.New(k), token.New(k), profile.New(k), instance.New(k))
	add("more", doctor.New(k), commands.New(k), api.New(k), sandbox.New(k), newVersion(k))
	add("topics", topics.New()...)
	root.SetFlagErrorFunc(wrongUsage)
	cmdutil.MakeStrict(root.PersistentFlags())
	root.PersistentPreRun = func(c *cobra.Command, _ []string) {
		k.Begin(c.Flags())
		if slices.Contains(paged, strings.TrimPrefix(c.CommandPath(), "telematicsctl ")) {
			k.Page()
		}
	}
	finish(root, started)
	return root
}

// paged are the commands whose output may be long: at a terminal it goes through the pager.
var paged = []string{"user list", "user find", "audit list", "job show"}

func globalFlags(root *cobra.Command, k *cmdutil.App) {
	f := root.PersistentFlags()
	f.StringVar(&k.Flags.Profile, "profile", "", "`name` of the profile to use (TELEMATICSCTL_PROFILE)")
	f.StringVar(&k.Flags.Config, "config", "", "configuration `file` (TELEMATICSCTL_CONFIG)")
	f.StringVarP(&k.Flags.Output, "output", "o", "table", "output `format`: "+strings.Join(render.Formats(), ", "))
	f.StringVar(&k.Flags.JQ, "jq", "", "filter the JSON output with a jq `expression`")
	f.StringVar(&k.Flags.Template, "template", "", "format the JSON output with a Go `template`")
	f.DurationVar(&k.Flags.Timeout, "timeout", userservice.DefaultTimeout, "time limit of one request")
	f.BoolVarP(&k.Flags.Yes, "yes", "y", false, "answer every question with yes")
	f.BoolVar(&k.Flags.NoInput, "no-input", false, "never prompt; fail where an answer is needed")
	f.BoolVarP(&k.Flags.Quiet, "quiet", "q", false, "print only warnings and errors")
	f.BoolVarP(&k.Flags.Verbose, "verbose", "v", false, "print each request and response, secrets redacted")
	f.BoolVar(&k.Flags.NoColor, "no-color", false, "no color (NO_COLOR)")
	f.BoolVar(&k.Flags.InsecureHTTP, "insecure-http", false, "accept plain http to any host (test networks only)")
	f.BoolVar(&k.Flags.ShowTokens, "show-tokens", false, "print AccessTokens and RefreshTokens")
	f.BoolVar(&k.Flags.Agent, "agent", k.AgentVariable() != "",
		"for coding agents: JSON, no prompts, deletions need --confirm")
	cmdutil.CompleteWords(root, "output", render.Formats()...)
}

// complete makes what a shell's completion asks for; other commands do without.
func complete(root *cobra.Command, k *cmdutil.App) {
	_ = root.RegisterFlagCompletionFunc("profile",
		func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return profile.Names(k), cobra.ShellCompDirectiveNoFileComp
		})
	cmdutil.CompleteRest(root, k)
}

// finishDefaults makes cobra's own commands, which hold on to the streams that the tree
// has by now, and lets them fail as all others do.
func finishDefaults(root *cobra.Command, started *bool) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = checkHelp(root)
		case "completion":
			c.Short = "Print a shell completion script"
			c.Example = "  telematicsctl completion bash > /etc/bash_completion.d/telematicsctl"
			finish(c, started)
		}
	}
}

// finish gives every command of the tree what cobra leaves out: a group that is called
// with a wrong word must fail, and whatever cobra itself finds wrong must be known for
// wrong usage.
func finish(c *cobra.Command, started *bool) {
	cmdutil.MakeStrict(c.Flags())
	for _, child := range c.Commands() {
		finish(child, started)
	}
	if c.RunE == nil && c.Run == nil {
		c.Args, c.DisableFlagsInUseLine = cobra.ArbitraryArgs, true
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noSuchCommand(c, args[0])
			}
			return c.Help()
		}
	}
	allowed := c.Args
	if allowed == nil {
		allowed = cobra.ArbitraryArgs
	}
	c.Args = func(c *cobra.Command, args []string) error { return checkUsage(c, args, allowed) }
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if started != nil {
				*started = true
			}
			return run(c, args)
		}
	}
}
