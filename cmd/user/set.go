package user

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// A flagCommand is one of set-tracking, set-logging, set-realtime and set-enabled.
type flagCommand struct {
	name, short, field string
	harm               string // what switching it on does to the phone; "" for nothing
}

var switches = []flagCommand{
	{name: "set-tracking", field: "EnableTracking", short: "Turn trip recording on or off"},
	{name: "set-logging", field: "EnableLogging", short: "Turn the phone's debug log on or off",
		harm: "debug logging drains the battery of the phone"},
	{name: "set-realtime", field: "EnableRealTimeLocation", short: "Turn live position streaming on or off",
		harm: "streaming the live position drains the battery of the phone"},
	{name: "set-enabled", field: "Enabled", short: "Activate or deactivate users (does not delete)"},
}

func newSet(k *cmdutil.App, s flagCommand) *cobra.Command {
	o := &changeCommand{app: k, name: "user " + s.name, options: changeOptions{Operation: opUpdate}}
	var length string
	c := &cobra.Command{
		Use:         s.name + " on|off TOKEN... | --file F",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       s.short,
		Long: s.short + `: ` + s.field + ` alone is sent.

TOKEN is a DeviceToken, or client:ID, email:ADDRESS or phone:NUMBER. As the
admin each user is read first: a user who is so already is unchanged, and
nothing is sent. Users of a file are a job, which can be resumed.

With --for the change is a lease: it is put back after that time by
"lease sweep", which a timer runs ("lease timer install"), or by --wait. With
--undo, the last change of the flag that was made from here is put back.`,
		Example: "  telematicsctl user " + s.name + " off client:c-1001\n" +
			"  telematicsctl user " + s.name + " on client:c-1001 --for 4h\n" +
			"  telematicsctl user " + s.name + " off --file results.csv\n" +
			"  telematicsctl user " + s.name + " --undo client:c-1002",
		ValidArgsFunction: completeOnOff,
	}
	f := c.Flags()
	addAs(c, &o.as)
	f.BoolVar(&o.options.NoRead, "no-read", false, "send without reading the user first")
	f.StringVar(&length, "for", "", "put the flag back after this `time`: 90m, 4h, 7d")
	f.BoolVar(&o.wait, "wait", false, "with --for: wait, and put the flag back")
	f.BoolVar(&o.undo, "undo", false, "put back the last change made from here")
	group := []string{"as", "no-read", "for", "wait", "undo"}
	if s.field == "Enabled" {
		f.BoolVar(&o.options.NoBackup, "no-backup", false, "write no backup of users who are deactivated")
		group = append(group, "no-backup")
	}
	cmdutil.GroupFlags(c, "Change", group...)
	o.addFlags(c, "users")
	c.RunE = func(c *cobra.Command, args []string) error { return o.set(c.Context(), s, args, length) }
	return c
}

func completeOnOff(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 && !c.Flags().Changed("undo") {
		return []string{"on", "off"}, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// addAs adds --as.
func addAs(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "", "act as `admin|user` (default: the admin if possible)")
	cmdutil.CompleteWords(c, "as", "admin", "user")
}

// set reads on|off and the flags that belong to it, and makes the change.
func (c *changeCommand) set(ctx context.Context, s flagCommand, args []string, length string) error {
	var wrong cmdutil.Wrong
	c.args = args
	on := false
	if !c.undo {
		if len(args) == 0 {
			return failure.New(failure.Invalid, "missing argument: on or off").
				Because(cmdutil.ReasonOnOrOff, s.name)
		}
		value, err := field.MustGet(s.field).ParseText(args[0], c.app.Now())
		if err != nil {
			wrong.Add("on|off", "%s", err)
		}
		on = value == true
		var change field.Set
		change.Put(field.MustGet(s.field), on)
		if c.options.Body, err = change.Body(field.Update); err != nil {
			return err
		}
		c.args = args[1:]
	}
	c.checkLease(&wrong, length)
	if c.undo && c.options.NoRead {
		wrong.Add("--no-read", "--undo must read the user")
	}
	if on && s.harm != "" {
		c.harm = func() { c.warnOfHarm(s, args) }
	}
	return c.run(ctx, wrong)
}

// checkLease reads --for.
func (c *changeCommand) checkLease(wrong *cmdutil.Wrong, length string) {
	if length == "" {
		if c.wait {
			wrong.Add("--wait", "is for --for")
		}
		return
	}
	var err error
	c.options.For, err = cmdutil.ParseDuration(length)
	wrong.AddErr("--for", err)
	switch {
	case c.undo:
		wrong.Add("--for", "not with --undo")
	case c.options.NoRead:
		wrong.Add("--no-read", "--for must read the user")
	}
}

// warnOfHarm says what a flag that stays on does to the phone, and proposes a lease.
func (c *changeCommand) warnOfHarm(s flagCommand, args []string) {
	if c.options.For > 0 {
		return
	}
	again := append([]string{"user", s.name}, args...)
	if c.job.File != "" {
		again = append(again, "--file", c.job.File)
	}
	text := s.harm + ": turn it off when you are done, or let it end by itself"
	if len(strings.Join(again, " ")) < 120 {
		text += " with " + c.app.Command(append(again, "--for", "4h")...)
	}
	c.app.Streams.Warn(text)
}
