package profile

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// addOptions are what `profile add` was told.
type addOptions struct {
	name     string
	settings []config.Setting // the flags that were given
	keyStdin bool
	noKey    bool
	replace  bool
}

// settingFlags are the flags of `profile add` that become a setting of the same name, its dashes as underscores.
var settingFlags = []struct{ flag, setting, help string }{
	{"instance-id", "instance_id", "the InstanceId, a `UUID`"},
	{"instance-key-command", "instance_key_command", "a `command` that prints the InstanceKey; then none is stored"},
	{"token-store", "token_store", "where tokens and the key rest: keyring, file or memory"},
	{"admin-email", "admin_email", "the admin's e-mail address"},
	{"ca-file", "ca_file", "a `file` of certificates to trust besides the system's"},
	{"user-url", "user_url", "base URL of the user host, where it is not the published one"},
	{"accounts-url", "accounts_url", "base URL of the accounts host"},
	{"portal-url", "portal_url", "base URL of the portal host"},
	{"register-multiple-path", "register_multiple_path", "path of «register many users at once»"},
}

func newAdd(k *cmdutil.App, run func(context.Context, addOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o addOptions) error { return add(ctx, k, o) }
	}
	var o addOptions
	var protected bool
	c := &cobra.Command{
		Use:   "add NAME --instance-id ID",
		Short: "Make a profile, its key stored in the token store",
		Long: `Writes a profile into the configuration file. The InstanceKey is asked for without echo, or read from standard input with
--instance-key-stdin, and goes to the profile's token store (the keyring, unless --token-store says otherwise); it is never an argument and never in
the file. The first profile becomes the current one.`,
		Example: `  telematicsctl profile add prod --instance-id 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70 --protected
  pass show damoov/test | telematicsctl profile add test --instance-id 1f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55 --instance-key-stdin`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			for _, f := range settingFlags {
				if c.Flags().Changed(f.flag) {
					o.settings = append(o.settings, config.Setting{Name: f.setting, Value: c.Flags().Lookup(f.flag).Value.String()})
				}
			}
			if c.Flags().Changed("protected") {
				o.settings = append(o.settings, config.Setting{Name: "protected", Value: protected})
			}
			return run(c.Context(), o)
		},
	}
	for _, f := range settingFlags {
		c.Flags().String(f.flag, "", f.help)
	}
	c.Flags().BoolVar(&protected, "protected", false, "ask before any change")
	c.Flags().BoolVar(&o.keyStdin, "instance-key-stdin", false, "read the InstanceKey from standard input")
	c.Flags().BoolVar(&o.noKey, "no-instance-key", false, "store no key: it will come from TELEMATICSCTL_INSTANCE_KEY, or is not needed")
	c.Flags().BoolVar(&o.replace, "replace", false, "change a profile that is there already")
	c.MarkFlagsMutuallyExclusive("instance-key-stdin", "no-instance-key", "instance-key-command")
	_ = c.RegisterFlagCompletionFunc("token-store", cobra.FixedCompletions([]string{"keyring", "file", "memory"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *addOptions) has(name string) bool {
	return slices.ContainsFunc(o.settings, func(s config.Setting) bool { return s.Name == name })
}

func add(ctx context.Context, k *cmdutil.App, o addOptions) error {
	cfg, err := k.ConfigToWrite()
	if err != nil {
		return err
	}
	old, p, err := merge(cfg, &o)
	if err != nil {
		return err
	}
	if err := storeKey(ctx, k, &o, old, p); err != nil {
		return err
	}
	if err := cfg.AddProfile(ctx, o.name, o.settings, o.replace); err != nil {
		return err
	}
	k.Streams.Note("Profile " + o.name + " is written to " + cfg.Path)
	return nil
}

// merge checks what was said, and gives the old profile of the name, if there is one, and the new one as it will stand.
func merge(cfg *config.Config, o *addOptions) (old *config.Profile, p config.Profile, err error) {
	if err := config.CheckName(o.name); err != nil {
		return nil, p, err
	}
	if o.name == config.SandboxProfile {
		return nil, p, failure.New(failure.Invalid, "the profile «sandbox» is built in and cannot be set").WithHint("give yours another name")
	}
	p.Name, p.TokenStore = o.name, tokenstore.KindKeyring
	if was, err := cfg.FromFile(o.name); !failure.Is(err, failure.NotFound) { // one that is not valid can be mended
		if !o.replace {
			return nil, p, failure.Newf(failure.Invalid, "there is a profile %q already", o.name).WithHint("--replace changes it, `telematicsctl profile remove` removes it")
		}
		old, p = &was, was
	}
	return old, p, checkSettings(o, &p)
}

// checkSettings holds each setting to its rule, all mistakes at once, and takes it into the profile.
func checkSettings(o *addOptions, p *config.Profile) error {
	var wrong []failure.Field
	mistake := func(flag string, err error) {
		if err != nil {
			wrong = append(wrong, failure.Field{Key: "--" + flag, Message: err.Error()})
		}
	}
	for i, s := range o.settings {
		text, _ := s.Value.(string)
		switch s.Name {
		case "instance_id":
			id, err := field.ParseUUID(text)
			mistake("instance-id", err)
			p.InstanceID, o.settings[i].Value = id, id
		case "token_store":
			_, err := tokenstore.Open(tokenstore.Options{Kind: text, Dir: "."})
			mistake("token-store", err)
			p.TokenStore = text
		case "admin_email":
			_, err := field.Get("Email").ParseText(text, time.Time{})
			mistake("admin-email", err)
		case "user_url", "accounts_url", "portal_url":
			_, err := userservice.CheckURL(text, false)
			mistake(strings.ReplaceAll(s.Name, "_", "-"), err)
		}
	}
	if p.InstanceID == "" && len(wrong) == 0 {
		wrong = append(wrong, failure.Field{Key: "--instance-id", Message: "it is missing"})
	}
	return failure.InvalidFields("the profile is not valid, and nothing was written", wrong)
}

// storeKey gets the InstanceKey and puts it into the profile's token store, unless it is to come from elsewhere or the old one still fits. A source
// of the key that is named takes the place of the one that the profile had.
func storeKey(ctx context.Context, k *cmdutil.App, o *addOptions, old *config.Profile, p config.Profile) error {
	byCommand := o.has("instance_key_command")
	if o.keyStdin || o.noKey || byCommand {
		o.settings = append(o.settings, config.Setting{Name: "instance_key"}) // no value: removed
		if !byCommand {
			o.settings = append(o.settings, config.Setting{Name: "instance_key_command"})
		}
	}
	kept := old != nil && old.InstanceID == p.InstanceID && (old.InstanceKeyFrom != "" || old.TokenStore == p.TokenStore)
	switch {
	case o.noKey || byCommand || (kept && !o.keyStdin):
		return nil
	case old != nil && old.InstanceKeyFrom != "" && !o.keyStdin:
		return failure.New(failure.Invalid, "the profile is of another instance now: where is its InstanceKey from?").
			WithHint("give --instance-key-stdin, --instance-key-command or --no-instance-key")
	case p.TokenStore == tokenstore.KindMemory:
		return failure.New(failure.Invalid, "token_store memory keeps nothing, so that no InstanceKey can be stored").
			WithHint("give --no-instance-key and set TELEMATICSCTL_INSTANCE_KEY, or --instance-key-command")
	}
	store, err := k.StoreOf(p)
	if err != nil {
		return err
	}
	if err := store.Check(ctx); err != nil {
		return err // before the key is asked for
	}
	var key secret.String
	if o.keyStdin {
		key, err = terminal.ReadSecretLine(k.Streams.In)
	} else {
		key, err = k.Streams.Password(ctx, "InstanceKey of "+p.InstanceID, "--instance-key-stdin")
	}
	if err != nil {
		return err
	}
	if key, err = config.ParseKey(key); err != nil {
		return failure.InvalidFields("the profile is not valid, and nothing was written", []failure.Field{{Key: "InstanceKey", Message: err.Error()}})
	}
	return store.Put(ctx, tokenstore.Item{
		Key:    tokenstore.Key{Profile: p.Name, Subject: tokenstore.SubjectInstanceKey},
		Record: tokenstore.Record{Value: key, InstanceID: p.InstanceID},
	})
}
