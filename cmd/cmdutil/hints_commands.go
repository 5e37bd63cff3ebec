package cmdutil

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Reasons of the commands themselves: what only a command can know.
const (
	ReasonAddressInUse    failure.Reason = "address-in-use"         // sandbox serve cannot listen
	ReasonNoTimers        failure.Reason = "no-system-timers"       // the system runs no timers
	ReasonOtherProfile    failure.Reason = "lease-of-other-profile" // Subject: the lease's profile
	ReasonLeasesStay      failure.Reason = "leases-not-ended"       // the wait for their end was interrupted
	ReasonNoUsersGiven    failure.Reason = "file-or-quantity"       // user bulk without either, or with both
	ReasonConditionHolds  failure.Reason = "condition-holds"        // Subject: flags of user list, a line each
	ReasonPlanDates       failure.Reason = "plan-dates"             // no row of a plan's file can be skipped
	ReasonPlanColumns     failure.Reason = "plan-columns"
	ReasonPlanMistakes    failure.Reason = "plan-mistakes"
	ReasonSomeUnchanged   failure.Reason = "some-unchanged" // of several users
	ReasonOnOrOff         failure.Reason = "on-or-off"      // Subject: the command of user
	ReasonKeyOfTarget     failure.Reason = "key-of-target"  // Subject: the variable that has it
	ReasonPasswordNotKept failure.Reason = "password-not-kept"
	ReasonNoEmail         failure.Reason = "no-email"
	ReasonShardsOpen      failure.Reason = "shards-open"
	ReasonKeySource       failure.Reason = "key-source"          // a profile of another instance, and no source of its key
	ReasonKeyNotStored    failure.Reason = "key-not-stored"      // token_store memory keeps none
	ReasonSandboxStays    failure.Reason = "sandbox-stays"       // the profile sandbox cannot be removed
	ReasonNamesFile       failure.Reason = "names-a-file"        // Subject: the flag that does
	ReasonStoreUnused     failure.Reason = "store-unused"        // the JWT of the environment stands for the store
	ReasonNoKeyWithToken  failure.Reason = "no-key-with-token"   // nor an InstanceKey beside it
	ReasonNoKey           failure.Reason = "no-key"              // of the profile
	ReasonWrongNumber     failure.Reason = "wrong-number"        // Subject: how many would be deleted
	ReasonAgentDeletes    failure.Reason = "agent-deletes"       // Subject: the same
	ReasonAgentCalls      failure.Reason = "agent-calls"         // what may change something
	ReasonPairNotPrinted  failure.Reason = "pair-not-printed"    // --stdin without --show-tokens
	ReasonSomeNotRenewed  failure.Reason = "some-not-renewed"    // of several pairs
	ReasonProfileLeft     failure.Reason = "profile-left"        // Subject: the profile of a deleted instance
	ReasonProfileMissing  failure.Reason = "profile-missing"     // Subject: a new instance that has none
	ReasonSandboxInstance failure.Reason = "sandbox-instance"    // the profile sandbox stays with its instance
	ReasonStoreKeepsNone  failure.Reason = "store-keeps-no-key"  // nothing keeps the key of a new profile
	ReasonKeyHidden       failure.Reason = "instance-key-hidden" // Subject: a profile and its InstanceId, a line each
	ReasonProfileTaken    failure.Reason = "profile-taken"       // by another instance
)

// withCommand returns a hint with a command in it, after some words and before others.
func withCommand(before, after string, args ...string) hint {
	return func(a *App, _ *failure.Error) string { return before + a.Command(args...) + after }
}

var commandHints = map[failure.Reason]hint{
	ReasonAddressInUse: fixed("add --addr 127.0.0.1:0 to take a free port"),
	ReasonNoTimers:     withCommand("have ", " run every minute in another way, such as by cron", "lease", "sweep"),
	ReasonOtherProfile: about("use --profile "),
	ReasonLeasesStay:   withCommand("end them with ", "", "lease", "sweep"),
	ReasonNoUsersGiven: fixed("add --file F or --quantity N"),
	ReasonConditionHolds: func(a *App, e *failure.Error) string {
		if e.Subject == "" {
			return ""
		}
		return "list them with " + a.Command(append([]string{"user", "list"}, strings.Split(e.Subject, "\n")...)...)
	},
	ReasonPlanDates: fixed("correct them, or read dates that are written in another way with --date-format, as in " +
		"--date-format dd.mm.yyyy"),
	ReasonPlanColumns: fixed("rename a column with --map 'Column=Field', or skip those that are not a field with " +
		"--ignore-unknown"),
	ReasonPlanMistakes:  fixed("correct them: the file is compared as a whole"),
	ReasonSomeUnchanged: fixed("correct what the users' errors name, then run the same command for those users again"),
	ReasonOnOrOff: func(a *App, e *failure.Error) string {
		return a.Command("user", e.Subject, "--help") + " shows how it is used"
	},
	ReasonKeyOfTarget:     about("set "),
	ReasonPasswordNotKept: fixed("leave --save-password out, or set another token_store"),
	ReasonNoEmail:         fixed("set --email, or --device-token to sign in as a user"),
	ReasonShardsOpen:      fixed("run the command of each shard that is not done again, then join the results again"),
	ReasonKeySource:       fixed("give --instance-key-stdin, --instance-key-command or --no-instance-key"),
	ReasonKeyNotStored: fixed("add --no-instance-key, and set TELEMATICSCTL_INSTANCE_KEY where the profile is used; " +
		"or give --instance-key-command"),
	ReasonSandboxStays: func(a *App, _ *failure.Error) string {
		return "empty it with " + a.CommandWithoutProfile("sandbox", "reset")
	},
	ReasonNamesFile: func(_ *App, e *failure.Error) string {
		return e.Subject + " takes the name of a file, or - for standard input"
	},
	ReasonStoreUnused:    fixed("`unset TELEMATICSCTL_ACCESS_TOKEN` first"),
	ReasonNoKeyWithToken: fixed("set TELEMATICSCTL_INSTANCE_KEY too"),
	ReasonNoKey:          func(a *App, e *failure.Error) string { return a.keyHintOf(e.Subject) },
	ReasonWrongNumber:    about("look at what is selected, then give --confirm "),
	ReasonAgentDeletes:   about("ask the person you work for; if this is meant, add --confirm "),
	ReasonAgentCalls:     fixed("prefer the command that does the same; otherwise add --confirm 1"),
	ReasonPairNotPrinted: fixed("add --show-tokens"),
	ReasonSomeNotRenewed: fixed("the others are renewed and stored; -o json names the error of each"),
	ReasonProfileLeft: func(a *App, e *failure.Error) string {
		return "remove it with " + a.CommandWithoutProfile("profile", "remove", e.Subject)
	},
	ReasonProfileMissing: func(a *App, e *failure.Error) string {
		return "create the profile with " + a.Command("instance", "use", e.Subject)
	},
	ReasonSandboxInstance: func(a *App, _ *failure.Error) string {
		return "serve the sandbox with " + a.CommandWithoutProfile("sandbox", "serve") +
			", and act on it by a profile that has its URLs"
	},
	ReasonStoreKeepsNone: fixed("give --token-store file or keyring"),
	ReasonKeyHidden: func(a *App, e *failure.Error) string {
		name, id, _ := strings.Cut(e.Subject, "\n")
		return "ask for its InstanceKey, then create the profile with " +
			a.CommandWithoutProfile("profile", "add", name, "--instance-id", id, "--instance-key-stdin")
	},
	ReasonProfileTaken: fixed("choose another name with --save-as"),
}

// keyHintOf says how the InstanceKey of a profile by its name is set.
func (a *App) keyHintOf(name string) string {
	p, ok := a.profile()
	if !ok || p.Name != name {
		if a.config == nil {
			return ""
		}
		var err error
		if p, err = a.config.FromFile(name); err != nil {
			return ""
		}
	}
	return a.keyHint(p)
}
