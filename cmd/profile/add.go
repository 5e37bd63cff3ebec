package profile

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
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

// addOptions are the arguments of `profile add`.
type addOptions struct {
	name     string
	changes  []config.Change // the flags that were given
	keyStdin bool
	noKey    bool
	replace  bool
}

// settingFlags are the flags of `profile add` that become a key of the same name, its dashes as
// underscores.
var settingFlags = []struct{ flag, help string }{
	{"instance-id", "InstanceId (`UUID`)"},
	{"instance-key-command", "`command` that prints the InstanceKey; none is stored"},
	{"identity-key-command", "`command` that prints the identity key"},
	{"token-store", "`store` of tokens and keys: keyring, file or memory"},
	{"store-passphrase-command", "`command` that prints the passphrase of the token file"},
	{"admin-email", "email `address` of the admin"},
	{"ca-file", "PEM `file` of certificates to trust beside the system's"},
	{"user-url", "base `URL` of the user host"},
	{"accounts-url", "base `URL` of the accounts host"},
	{"portal-url", "base `URL` of the portal host"},
	{"statistics-url", "base `URL` of the statistics host"},
	{"device-status-url", "base `URL` of the device status host"},
	{"register-multiple-path", "`path` of the call that registers many users"},
}

func newAdd(k *cmdutil.App) *cobra.Command {
	var o addOptions
	var protected bool
	c := &cobra.Command{
		Use:         "add NAME --instance-id ID",
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Add a profile and store its InstanceKey",
		Long: `Add a profile to the configuration file, one for each instance. The first
profile becomes the current one.

The InstanceKey is asked for without echo, or read from standard input with
--instance-key-stdin. It goes to the profile's token store, never to the file.

With --replace an existing profile is changed. Another --token-store takes
along what the old one holds. Where the InstanceKey is replaced, the old one
is kept as the identity key, so that DeviceTokens stay the same.`,
		Example: `  telematicsctl profile add prod --instance-id YOUR-INSTANCE-ID
  telematicsctl profile add prod --replace --token-store file
  telematicsctl profile add prod --replace --instance-key-stdin < key.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			for _, f := range settingFlags {
				if c.Flags().Changed(f.flag) {
					o.changes = append(o.changes, config.Change{Key: keyOf(f.flag), Value: c.Flags().Lookup(f.flag).Value.String()})
				}
			}
			if c.Flags().Changed("protected") {
				o.changes = append(o.changes, config.Change{Key: "protected", Value: protected})
			}
			return add(c.Context(), k, o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	for _, f := range settingFlags {
		c.Flags().String(f.flag, "", f.help)
	}
	c.Flags().BoolVar(&protected, "protected", false, "ask before any change")
	c.Flags().BoolVar(&o.keyStdin, "instance-key-stdin", false, "read the InstanceKey from standard input")
	c.Flags().BoolVar(&o.noKey, "no-instance-key", false, "store no InstanceKey (set TELEMATICSCTL_INSTANCE_KEY)")
	c.Flags().BoolVar(&o.replace, "replace", false, "change an existing profile")
	c.MarkFlagsMutuallyExclusive("instance-key-stdin", "no-instance-key", "instance-key-command")
	cmdutil.CompleteWords(c, "token-store", "keyring", "file", "memory")
	return c
}

// keyOf is the key of the configuration file that a flag sets.
func keyOf(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func (o *addOptions) has(key string) bool {
	return slices.ContainsFunc(o.changes, func(c config.Change) bool { return c.Key == key })
}

func add(ctx context.Context, k *cmdutil.App, o addOptions) error {
	cfg, err := k.ConfigToWrite()
	if err != nil {
		return err
	}
	if kind := k.Getenv("TELEMATICSCTL_TOKEN_STORE"); kind != "" && !o.replace && !o.has("token_store") {
		o.changes = append(o.changes, config.Change{Key: "token_store", Value: kind})
	}
	old, p, err := merge(cfg, &o, k.Flags.InsecureHTTP)
	if err != nil {
		return err
	}
	// AddProfile makes the first one current
	current := cfg.Current == o.name || cfg.Current == "" && len(cfg.Names()) == 0
	u := cmdutil.ProfileUpdate{Old: old, New: p, DropKey: o.noKey || o.has("instance_key_command")}
	if u.Key, err = newKey(ctx, k, &o, old, p); err != nil {
		return err
	}
	if o.keyStdin || !u.Key.IsZero() || u.DropKey {
		o.changes = append(o.changes, config.Change{Key: "instance_key"}) // no value: removed
		if !o.has("instance_key_command") {
			o.changes = append(o.changes, config.Change{Key: "instance_key_command"})
		}
	}
	u.Changes = o.changes
	if err := k.SaveProfile(ctx, u); err != nil {
		return err
	}
	k.Streams.Note("Profile " + o.name + " is written to " + cfg.Path)
	nextStep(k, p, current)
	return nil
}

// nextStep names the command that makes the new profile usable.
func nextStep(k *cmdutil.App, p config.Profile, current bool) {
	words := []string{"auth", "login"}
	if p.AdminEmail == "" && k.Getenv("TELEMATICSCTL_ADMIN_EMAIL") == "" {
		words = append(words, "--email", "ADDRESS")
	}
	if !current && k.Flags.Profile == "" {
		words = append(words, "--profile", p.Name)
	}
	k.Streams.Note("Next: sign in as the admin with " + k.Command(words...))
}

// merge checks the arguments, and returns the old profile of the name, if there is one, and the new
// one as it will stand.
func merge(cfg *config.Config, o *addOptions, insecure bool) (old *config.Profile, p config.Profile, err error) {
	if err := config.CheckName(o.name); err != nil {
		return nil, p, err
	}
	if o.name == config.SandboxProfile {
		return nil, p, failure.New(failure.Invalid, "the profile sandbox is built in and cannot be set").
			Because(config.ReasonBuiltIn, o.name)
	}
	p.Name, p.TokenStore = o.name, tokenstore.KindKeyring
	if was, err := cfg.FromFile(o.name); !failure.Is(err, failure.NotFound) { // an invalid one can be corrected
		if !o.replace {
			return nil, p, config.Exists(o.name)
		}
		old, p = &was, was
	}
	return old, p, checkSettings(o, &p, insecure)
}

// checkSettings checks each setting, all mistakes at once, and takes it into the profile.
func checkSettings(o *addOptions, p *config.Profile, insecure bool) error {
	var mistakes []failure.Field
	mistake := func(key string, err error) {
		if err != nil {
			mistakes = append(mistakes, failure.Field{Key: "--" + strings.ReplaceAll(key, "_", "-"), Message: err.Error()})
		}
	}
	for i, s := range o.changes {
		text, _ := s.Value.(string)
		switch s.Key {
		case "instance_id":
			id, err := field.ParseUUID(text)
			mistake(s.Key, err)
			p.InstanceID, o.changes[i].Value = id, id
		case "token_store":
			kind, err := cmdutil.OneOf(text, tokenstore.KindKeyring, tokenstore.KindFile, tokenstore.KindMemory)
			mistake(s.Key, err)
			p.TokenStore, o.changes[i].Value = kind, kind
		case "admin_email":
			_, err := field.MustGet("Email").ParseText(text, time.Time{})
			mistake(s.Key, err)
			p.AdminEmail = text
		case "ca_file":
			path, err := checkCertificates(text)
			mistake(s.Key, err)
			o.changes[i].Value = path
		case "user_url", "accounts_url", "portal_url", "statistics_url", "device_status_url":
			_, err := userservice.CheckURL(text, insecure)
			mistake(s.Key, err)
		case "register_multiple_path":
			mistake(s.Key, userservice.CheckPath(text))
		case "store_passphrase_command":
			p.StorePassphraseCommand = text
		case "identity_key_command":
			p.IdentityKeyCommand = text
		}
	}
	if p.InstanceID == "" && len(mistakes) == 0 {
		mistakes = append(mistakes, failure.Field{Key: "--instance-id", Message: "required"})
	}
	return failure.InvalidFields("the profile is invalid, and nothing was written", mistakes)
}

// checkCertificates reads a file of certificates, and returns its absolute path: commands run in
// other folders.
func checkCertificates(name string) (path string, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return "", errors.New("no PEM certificate in " + name)
	}
	return filepath.Abs(name)
}

// newKey gets the InstanceKey to store, unless another source has it or the old one stays. It is
// asked for where the profile is new, where it is of another instance now, and by --replace that
// changes nothing else. The store is checked before a person is asked.
func newKey(ctx context.Context, k *cmdutil.App, o *addOptions, old *config.Profile,
	p config.Profile) (key secret.String, err error) {
	otherSource := o.noKey || o.has("instance_key_command")
	stays := old != nil && old.InstanceID == p.InstanceID && slices.ContainsFunc(o.changes, func(c config.Change) bool {
		return c.Key != "instance_id"
	})
	if old != nil && old.InstanceKeyFrom == "" && p.TokenStore == tokenstore.KindMemory && old.TokenStore != p.TokenStore {
		stays = false // what the old store holds cannot be taken along
	}
	switch {
	case otherSource || stays && !o.keyStdin:
		return key, nil
	case old != nil && old.InstanceID != p.InstanceID && old.InstanceKeyFrom != "" && !o.keyStdin:
		return key, failure.New(failure.Invalid,
			"the profile is of another instance now, and no source of its InstanceKey is given").
			Because(cmdutil.ReasonKeySource, "")
	case p.TokenStore == tokenstore.KindMemory:
		return key, failure.New(failure.Invalid, "token_store memory keeps nothing, so that no InstanceKey can be stored").
			Because(cmdutil.ReasonKeyNotStored, "")
	}
	store, err := k.StoreOf(p)
	if err != nil {
		return key, err
	}
	if err := store.Check(ctx); err != nil {
		return key, withoutKeyring(err)
	}
	if o.keyStdin {
		key, err = terminal.ReadSecretLine(k.Streams.In)
	} else {
		key, err = k.Streams.Password(ctx, "InstanceKey of "+p.InstanceID, "--instance-key-stdin")
	}
	if err != nil {
		return key, err
	}
	if key, err = config.ParseKey(key); err != nil {
		return key, failure.InvalidFields("the profile is invalid, and nothing was written",
			[]failure.Field{{Key: "InstanceKey", Message: err.Error()}})
	}
	return key, nil
}

// withoutKeyring gives the error of a machine that has no keyring the hint that fits a new profile:
// the flag, which is for good, and no variable.
func withoutKeyring(err error) error {
	var e *failure.Error
	if errors.As(err, &e) && e.Reason == tokenstore.ReasonNoKeyring {
		return e.WithHint("add --token-store file: it keeps the key and the tokens in a file, encrypted by a passphrase " +
			"that is asked for, or comes from TELEMATICSCTL_STORE_PASSPHRASE")
	}
	return err
}
