package doctor

import (
	"net/http"
	"path/filepath"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/doctor"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// machine is what this machine has, as far as it can be had: each part may be missing, with
// the error that says why.
type machine struct {
	app        *cmdutil.App
	config     *config.Config // nil where not even the defaults are known
	configErr  error
	profile    config.Profile
	profileErr error
	session    *cmdutil.Session
	sessionErr error
}

func newMachine(k *cmdutil.App) *machine {
	m := &machine{app: k}
	m.config, m.configErr = k.ConfigToDiagnose()
	if m.config == nil {
		m.sessionErr = m.configErr
		return m
	}
	if m.profile, m.profileErr = m.config.Resolve(); m.profileErr == nil {
		m.session, m.sessionErr = k.Session(cmdutil.SessionOptions{InFlight: 8})
	} else {
		m.sessionErr = m.profileErr
	}
	return m
}

func (m *machine) close() {
	if m.session != nil {
		_ = m.session.Close()
	}
}

// dir is the state folder of the profile; "" where it is not known.
func (m *machine) dir() string {
	switch {
	case m.config == nil:
		return ""
	case m.profile.Sandbox:
		return cmdutil.SandboxDir(m.config)
	}
	return m.config.StateDir
}

// stateFolder checks the state folder, which may be a file.
func (m *machine) stateFolder() doctor.Check {
	if err := cmdutil.CheckFolder(m.dir()); err != nil {
		return doctor.Failed("state-folder", "State folder", err)
	}
	return doctor.StateFolder(m.dir())
}

// checks are all checks, in the order of the report: what others depend on comes first.
func (m *machine) checks(newest bool) []doctor.Check {
	var warnings []string
	if m.config != nil {
		warnings = m.config.Environment
	}
	all := []doctor.Check{
		doctor.Configuration(m.config, m.configErr),
		doctor.Environment(warnings, m.app.AgentVariable()),
	}
	if m.config == nil || m.configErr != nil && m.profileErr != nil {
		all = append(all, doctor.Profile(nil, m.profile, nil))
	} else {
		all = append(all, doctor.Profile(m.config, m.profile, m.profileErr))
	}
	all = append(all, doctor.Settings(m.config, m.profile, m.app.Flags.InsecureHTTP), m.stateFolder(),
		doctor.Disk(m.dir()), m.tokenStore(), m.network())
	all = append(all, m.credentials()...)
	all = append(all, m.leftUndone()...)
	if newest {
		all = append(all, m.newest())
	}
	return all
}

func (m *machine) tokenStore() doctor.Check {
	switch {
	case m.config == nil || m.profile.TokenStore == "":
		return doctor.Skipped("token-store", "Token store", "not checked: no profile says which")
	case !m.config.AccessToken.IsZero():
		return doctor.Skipped("token-store", "Token store", "not used: a JWT is given in the environment")
	}
	store, err := m.app.StoreOf(m.profile)
	if err != nil {
		return doctor.Failed("token-store", "Token store", err)
	}
	asks := m.profile.TokenStore == tokenstore.KindFile && m.app.Streams.InTTY
	return doctor.TokenStore(store, m.profile.Name, asks)
}

func (m *machine) targets() []doctor.Target {
	var list []doctor.Target
	for _, t := range []struct{ name, set, otherwise string }{
		{"user", m.profile.UserURL, userservice.DefaultUserURL},
		{"accounts", m.profile.AccountsURL, userservice.DefaultAccountsURL},
		{"portal", m.profile.PortalURL, userservice.DefaultPortalURL},
		{"statistics", m.profile.StatisticsURL, userservice.DefaultStatisticsURL},
		{"device-status", m.profile.DeviceStatusURL, userservice.DefaultDeviceStatusURL},
	} {
		base := t.set
		if base == "" {
			base = t.otherwise
		}
		if u, err := userservice.CheckURL(base, m.app.Flags.InsecureHTTP); err == nil { // others: see Settings
			list = append(list, doctor.Target{Name: t.name, URL: u})
		}
	}
	return list
}

func (m *machine) network() doctor.Check {
	transport, err := userservice.NewTransport(1, m.profile.CAFile)
	if err != nil {
		return doctor.Failed("tls", "TLS", err)
	}
	transport.DisableKeepAlives = true
	n := &doctor.Network{Targets: m.targets(), Transport: transport, UserAgent: "telematicsctl/" + m.app.Version,
		Now: m.app.Now, InProcess: m.profile.Sandbox}
	return n.Check()
}

func (m *machine) credentials() []doctor.Check {
	const whyNot = "not checked: see the lines that are broken"
	if m.session == nil {
		if m.profile.Sandbox {
			return []doctor.Check{doctor.Failed("credentials", "Credentials", m.sessionErr)}
		}
		return []doctor.Check{doctor.Skipped("instance-key", "InstanceKey", whyNot),
			doctor.Skipped("credentials", "Credentials", whyNot)}
	}
	s := m.session
	s.Auth.NoSignIn = !m.profile.Sandbox // the sandbox has no limit of sign-ins
	s.Auth.API = s.Auth.API.Once()
	c := &doctor.Credentials{API: s.API.Once(), Auth: s.Auth, Instance: s.Instance, InstanceID: s.InstanceID()}
	source := m.profile.Sources["instance_key"]
	switch {
	case m.profile.Sandbox:
		source = config.SourceBuiltIn
	case source == config.SourceFile:
		source = "from the configuration file"
	case source == config.SourceCommand:
		source = "from instance_key_command"
	default:
		source = "from the " + source
	}
	return []doctor.Check{c.InstanceKey(source), c.Check()}
}

// leftUndone are the checks of the state folder's content.
func (m *machine) leftUndone() []doctor.Check {
	dir := m.dir()
	if dir == "" {
		return nil
	}
	host := userservice.DefaultUserURL
	if m.session != nil {
		host = m.session.API.Host()
	}
	timer := false
	if m.session != nil {
		if t, err := m.session.LeaseTimer(); err == nil {
			timer = t.Installed()
		}
	}
	checks := []doctor.Check{doctor.Guard(&auth.Guard{Dir: dir, Now: m.app.Now}, host)}
	if jobs, err := m.app.Jobs(); err == nil {
		checks = append(checks, doctor.Jobs(jobs))
	}
	return append(checks, doctor.Leases(m.app.LeasesOf(m.config, m.profile), timer))
}

func (m *machine) newest() doctor.Check {
	transport, err := userservice.NewTransport(1, m.profile.CAFile)
	if err != nil {
		return doctor.Failed("newest-version", "Newest version", err)
	}
	var wire http.RoundTripper = transport
	if m.app.Wire != nil {
		wire = m.app.Wire(transport)
	}
	return doctor.Newest(m.app.Version, wire)
}

// report makes lines of findings, with what to do about each.
func (m *machine) report(found []doctor.Finding) report {
	r := report{Verdict: string(doctor.Verdict(found))}
	if r.Verdict == string(doctor.Good) {
		r.Verdict = "ok"
	}
	for _, f := range found {
		r.Checks = append(r.Checks, cmdutil.CheckLine{Check: f.Check, Title: f.Title, State: string(f.State),
			Detail: f.Detail, Fix: m.fix(f)})
	}
	return r
}

// fix says what to do about a finding: an imperative, and where there is one a command that
// works as it is pasted.
func (m *machine) fix(f doctor.Finding) string {
	k := m.app
	switch f.Remedy {
	case doctor.RemedyAddProfile:
		return k.Hint(failure.From(f.Err))
	case doctor.RemedyChmod:
		return "make it yours alone: `chmod go-rwx " + cmdutil.QuoteForShell(f.Subject) + "`"
	case doctor.RemedyStoreKeys:
		return "store each key instead, with " + k.Command("profile", "add", "NAME", "--replace", "--instance-key-stdin") +
			", then delete its line from " + f.Subject
	case doctor.RemedyEnvironment:
		return "correct or unset the variable; `telematicsctl help environment` lists all"
	case doctor.RemedyMakeRoom:
		return "make room, or set TELEMATICSCTL_STATE_DIR to a folder on another disk; " + k.Command("job", "prune") +
			" removes old jobs"
	case doctor.RemedyPassphrase:
		return "nothing, if it may be asked for; else set TELEMATICSCTL_STORE_PASSPHRASE_FILE or store_passphrase_command"
	case doctor.RemedySetClock:
		return "set the clock of this machine, for example by switching on NTP (`timedatectl set-ntp true`)"
	case doctor.RemedySignIn:
		return k.Hint(failure.New(failure.Unauthorized, "").Because(auth.ReasonSignedOut, auth.Admin))
	case doctor.RemedyInstanceKey:
		return "fetch and store the right key with " + k.Command("instance", "use", f.Subject)
	case doctor.RemedyResume:
		return "resume it with " + k.Command("job", "resume", f.Subject)
	case doctor.RemedyRemoveJob:
		return "look at it with " + k.Command("job", "show", f.Subject) + ", then remove it with " +
			k.Command("job", "remove", f.Subject)
	case doctor.RemedySweep:
		return "end them with `" + k.CommandLine(f.Subject, "lease", "sweep") + "`"
	case doctor.RemedyTimer:
		if !k.HasTimers() {
			return "have `" + k.CommandLine(f.Subject, "lease", "sweep") + "` run every minute, such as by cron"
		}
		return "have them ended by a timer: `" + k.CommandLine(f.Subject, "lease", "timer", "install") + "`"
	case doctor.RemedyUpdate:
		return "download it from " + f.Subject
	case doctor.RemedyServiceStatus:
		return "wait, or ask the service's operator: the fault is not on this machine"
	}
	if f.Err == nil {
		return ""
	}
	err := *f.Err
	if f.Check == "dns" || strings.HasPrefix(f.Check, "host-") {
		err.Subject = "" // the line names the host, and what corrects one corrects others like it
	}
	if hint := k.Hint(&err); hint != "" {
		return hint
	}
	return otherwise[f.Check]
}

// otherwise are the fixes of checks that are broken by an error that has no hint.
var otherwise = map[string]string{
	"settings":    "correct the value: `telematicsctl profile show` says where it comes from",
	"token-store": "choose another store with TELEMATICSCTL_TOKEN_STORE or `token_store` of the profile",
	"network":     "check the network; set a longer limit with --timeout",
	"jobs":        "get access to the folder of jobs, or set TELEMATICSCTL_STATE_DIR to another one",
}

func absolute(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}
