package instance

import (
	"context"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// profilePlan is the profile that an instance gets, or has.
type profilePlan struct {
	k    *cmdutil.App
	cfg  *config.Config
	old  *config.Profile
	next config.Profile
}

// planProfile says which profile is written for an instance: the named one, else one that
// is of the instance already, else one named after it. It writes nothing, and finds out
// whether the key can be stored. id is "" for an instance that is not created yet.
func planProfile(
	ctx context.Context, k *cmdutil.App, cfg *config.Config, s *cmdutil.Session, o saving, id, name string,
) (*profilePlan, error) {
	if s.Profile.Sandbox {
		return nil, failure.New(failure.Invalid, "the profile sandbox always acts on the first instance of its own layout").
			Because(cmdutil.ReasonSandboxInstance, "")
	}
	p := &profilePlan{k: k, cfg: cfg}
	if o.as == "" && id != "" {
		o.as = p.existing(s, id)
	}
	if o.as == "" {
		o.as = profileName(name)
	}
	if err := p.choose(s, o.as, id); err != nil {
		return nil, err
	}
	var wrong cmdutil.Wrong
	if wrong.OneOf("--token-store", &o.store, tokenstore.KindKeyring, tokenstore.KindFile,
		tokenstore.KindMemory); wrong != nil {
		return nil, wrong.Err()
	}
	if o.store != "" {
		p.next.TokenStore = o.store
	}
	if p.next.TokenStore == tokenstore.KindMemory {
		return nil, failure.New(failure.Invalid, "token_store memory keeps nothing, so that no InstanceKey can be stored").
			Because(cmdutil.ReasonStoreKeepsNone, "")
	}
	st, err := k.StoreOf(p.next)
	if err != nil {
		return nil, err
	}
	return p, st.Check(ctx)
}

// choose takes the profile of a name: a new one, that reaches the service as the acting
// one does, or one of the same instance.
func (p *profilePlan) choose(s *cmdutil.Session, name, id string) error {
	if err := config.CheckName(name); err != nil {
		return err
	}
	if name == config.SandboxProfile {
		return failure.New(failure.Invalid, "the profile sandbox is built in and cannot be set").
			Because(config.ReasonBuiltIn, name)
	}
	if !p.cfg.Has(name) {
		p.next = s.Profile
		p.next.Name, p.next.InstanceID, p.next.Protected = name, id, false
		p.next.InstanceKey, p.next.InstanceKeyFrom, p.next.InstanceKeyCommand = secret.String{}, "", ""
		p.next.IdentityKey, p.next.IdentityKeyCommand = secret.String{}, ""
		return nil
	}
	old, err := p.cfg.FromFile(name)
	if err != nil {
		return err
	}
	if id == "" || old.InstanceID != id || !sameService(old, s) {
		return failure.Newf(failure.Invalid, "profile %q exists already, for another instance", name).
			Because(cmdutil.ReasonProfileTaken, name)
	}
	p.old, p.next = &old, old
	return nil
}

// existing is the profile that is of an instance already, the current one first; "" for none.
func (p *profilePlan) existing(s *cmdutil.Session, id string) string {
	names := profilesOf(p.cfg, s, id)
	for _, name := range names {
		if name == p.cfg.Current {
			return name
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

// profileName is the name of an instance as profiles are named.
func profileName(name string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, strings.TrimSpace(name))
	return strings.Trim(out, "-")
}

// save writes the profile and stores the key. A key that the profile has already stays where it is.
func (p *profilePlan) save(ctx context.Context, in userservice.InstanceInfo) error {
	key, err := config.ParseKey(in.Key)
	if err != nil {
		return failure.New(failure.Failed, "the service shows no InstanceKey of instance "+in.ID).
			Because(cmdutil.ReasonKeyHidden, p.next.Name+"\n"+in.ID)
	}
	p.next.InstanceID = in.ID
	u := cmdutil.ProfileUpdate{Old: p.old, New: p.next, Key: key}
	if p.old == nil {
		u.Changes = p.settings()
		return p.k.SaveProfile(ctx, u)
	}
	moved := p.next.TokenStore != p.old.TokenStore
	if moved {
		u.Changes = []config.Change{{Key: "token_store", Value: p.next.TokenStore}}
	}
	switch had, err := p.oldKey(ctx); {
	case err != nil:
		return err
	case had == key && !moved:
		return nil
	case had == key && p.old.InstanceKeyFrom != "":
		u.Key = secret.String{} // it comes from the file or a command, and is right
	default:
		u.Changes = append(u.Changes, config.Change{Key: "instance_key"}, config.Change{Key: "instance_key_command"})
	}
	return p.k.SaveProfile(ctx, u)
}

// oldKey is the key that the profile has; none where it has none.
func (p *profilePlan) oldKey(ctx context.Context) (secret.String, error) {
	switch {
	case !p.old.InstanceKey.IsZero():
		return p.old.InstanceKey, nil
	case p.old.InstanceKeyCommand != "":
		key, err := p.old.RunKeyCommand(ctx)
		if err != nil {
			p.k.Streams.Warn(failure.From(err).Error())
		}
		return key, nil
	}
	st, err := p.k.StoreOf(*p.old)
	if err != nil {
		return secret.String{}, err
	}
	r, err := st.Get(ctx, tokenstore.Key{Profile: p.old.Name, Subject: tokenstore.SubjectInstanceKey})
	if failure.Is(err, failure.NotFound) {
		return secret.String{}, nil
	}
	return r.Value, err
}

// settings are the keys of a new profile: how the acting profile reaches the service.
func (p *profilePlan) settings() []config.Change {
	n := p.next
	changes := []config.Change{{Key: "instance_id", Value: n.InstanceID}}
	for _, s := range []struct{ key, value string }{
		{"token_store", n.TokenStore}, {"store_passphrase_command", n.StorePassphraseCommand}, {"ca_file", n.CAFile},
		{"admin_email", n.AdminEmail}, {"user_url", n.UserURL}, {"accounts_url", n.AccountsURL}, {"portal_url", n.PortalURL},
		{"statistics_url", n.StatisticsURL}, {"device_status_url", n.DeviceStatusURL},
		{"register_multiple_path", n.RegisterMultiplePath},
	} {
		if s.value != "" && s.value != config.DefaultOf(s.key) {
			changes = append(changes, config.Change{Key: s.key, Value: s.value})
		}
	}
	if !n.Audit {
		changes = append(changes, config.Change{Key: "audit", Value: false})
	}
	if n.KeepDays != config.DefaultKeepDays && n.KeepDays > 0 {
		changes = append(changes, config.Change{Key: "keep_days", Value: strconv.Itoa(n.KeepDays)})
	}
	return changes
}

// warnOfOverride tells who has set an instance in the environment that it wins over the profile.
func warnOfOverride(k *cmdutil.App, id string) {
	const variable = "TELEMATICSCTL_INSTANCE_ID"
	if set := k.Getenv(variable); set != "" && !strings.EqualFold(set, id) {
		k.Streams.Warn(variable + " is set to another instance and overrides the profile: unset " + variable)
	}
}
