package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// SandboxURL is the base URL of the built-in sandbox: nothing is ever sent to it over a network.
const SandboxURL = "http://sandbox.localhost"

// Session is a command's way to the service, by one profile.
type Session struct {
	Profile config.Profile
	API     *userservice.Client
	Store   tokenstore.Store
	Auth    *auth.Source

	app    *App
	given  bool             // the JWT is from the environment, and nothing is stored
	preset seed.Credentials // of the sandbox, where the profile is its own
	close  []func() error
	keyFor func(context.Context) (secret.String, error)
}

// SessionOptions say how a command uses the service.
type SessionOptions struct {
	InFlight   int  // requests in flight at most; 1 where 0
	WaitsAlone bool // waits for the limit of sign-ins although nobody is at a terminal: giving up would cost more
}

// Session makes the way to the service by the profile in force. Nothing is opened, asked or sent
// yet.
func (k *App) Session(o SessionOptions) (*Session, error) {
	cfg, err := k.Config()
	if err != nil {
		return nil, err
	}
	p, err := cfg.Resolve()
	if err != nil {
		return nil, err
	}
	if k.Flags.Timeout <= 0 {
		return nil, failure.Newf(failure.Invalid, "--timeout %s is not a time to wait", k.Flags.Timeout)
	}
	s := &Session{Profile: p, app: k, given: !cfg.AccessToken.IsZero()}
	if err := CheckFolder(s.dir(cfg)); err != nil {
		return nil, err
	}
	if p.Sandbox {
		if s.preset, err = SandboxCredentials(cfg); err != nil {
			return nil, err
		}
	}
	transport, err := s.transport(cfg, max(o.InFlight, 1))
	if err != nil {
		return nil, err
	}
	if k.Wire != nil {
		transport = k.Wire(transport)
	}
	api := k.clientOptions(p, transport)
	if s.API, err = userservice.New(api); err != nil {
		return nil, err
	}
	if s.Store, err = s.openStore(cfg); err != nil {
		return nil, err
	}
	s.keyFor = once(s.readKey)
	s.Auth = auth.New(auth.Options{
		API: s.API, Store: s.Store, Profile: p.Name, Dir: s.dir(cfg), Now: k.Now, EnvToken: cfg.AccessToken,
		Guard: k.guard(s.dir(cfg), o.WaitsAlone), Instance: s.Instance, Saving: k.Saving,
		AdminEmail: s.adminEmail(), AdminPassword: s.adminPassword(cfg), AskPassword: k.askPassword(),
		Timeout: k.Flags.Timeout, OnLockWait: k.noteLockWait(),
	})
	s.API = s.API.WithAuthorizer(s.Auth)
	s.warnOfLeases()
	return s, nil
}

// Now returns the time.
func (s *Session) Now() time.Time { return s.app.Now() }

// Close lets go of what the session holds.
func (s *Session) Close() error {
	var errs []error
	for _, c := range s.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// dir is where the profile's own state is: the sandbox keeps its tokens and its guard
// apart from the real ones.
func (s *Session) dir(cfg *config.Config) string {
	if s.Profile.Sandbox {
		return SandboxDir(cfg)
	}
	return cfg.StateDir
}

// SandboxDir is where the sandbox keeps its users.
func SandboxDir(cfg *config.Config) string { return filepath.Join(cfg.StateDir, "sandbox") }

// SandboxCredentials are those by which the profile "sandbox" acts: of the first instance
// and the first admin of the sandbox's layout.
func SandboxCredentials(cfg *config.Config) (seed.Credentials, error) {
	l, err := sandbox.LayoutOf(SandboxDir(cfg))
	if err != nil {
		return seed.Credentials{}, err
	}
	return l.Credentials(), nil
}

func (k *App) clientOptions(p config.Profile, transport http.RoundTripper) userservice.Options {
	o := userservice.Options{
		UserURL: p.UserURL, AccountsURL: p.AccountsURL, PortalURL: p.PortalURL,
		StatisticsURL: p.StatisticsURL, DeviceStatusURL: p.DeviceStatusURL, InsecureHTTP: k.Flags.InsecureHTTP,
		RegisterMultiplePath: p.RegisterMultiplePath, Transport: transport, Timeout: k.Flags.Timeout,
		UserAgent: "telematicsctl/" + k.Version, Retry: k.Retry,
	}
	if p.Sandbox {
		o.UserURL, o.AccountsURL, o.PortalURL, o.StatisticsURL, o.DeviceStatusURL = SandboxURL, SandboxURL, SandboxURL,
			SandboxURL, SandboxURL
		o.InsecureHTTP = true // nothing of it is sent over a network
	}
	if k.Flags.Verbose {
		o.Trace = cleanWriter{k.Streams}
	}
	if o.Retry.Notify == nil {
		o.Retry.Notify = func(err error, wait time.Duration) {
			k.Streams.Note(fmt.Sprintf("%s; trying again in %s", err, wait.Round(100*time.Millisecond)))
		}
	}
	return o
}

// cleanWriter shows control characters rather than letting the terminal obey them.
type cleanWriter struct{ streams *terminal.Streams }

func (c cleanWriter) Write(p []byte) (int, error) {
	defer c.streams.HoldBusy()()
	if _, err := io.WriteString(c.streams.Err, sanitize.CleanLines(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *Session) transport(cfg *config.Config, workers int) (http.RoundTripper, error) {
	if !s.Profile.Sandbox {
		return userservice.NewTransport(workers, s.Profile.CAFile)
	}
	socket, err := userservice.NewTransport(workers, "")
	if err != nil {
		return nil, err
	}
	return s.mountSandbox(SandboxDir(cfg), socket)
}

func (s *Session) mountSandbox(dir string, socket http.RoundTripper) (http.RoundTripper, error) {
	box, err := sandbox.Open(sandbox.Options{Dir: dir, Now: s.app.Now})
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, box.Close)
	return sandbox.Mount(box, socket), nil
}

func (s *Session) openStore(cfg *config.Config) (tokenstore.Store, error) {
	if s.given {
		return tokenstore.Open(tokenstore.Options{Kind: tokenstore.KindMemory}) // empty, and gone with the process
	}
	return s.app.openStore(cfg, s.Profile)
}

// openedFile is what tells one token file from another, and how it is opened.
type openedFile struct{ dir, passphraseCommand string }

// openStore returns the token store of a profile; it reads nothing yet. A token file is opened
// once, so that a person types its passphrase once.
func (k *App) openStore(cfg *config.Config, p config.Profile) (tokenstore.Store, error) {
	o := tokenstore.Options{
		Kind: p.TokenStore, Dir: cfg.StateDir, Interactive: k.Streams.CanPrompt(), Getenv: k.Getenv, Backend: k.Keyring,
		WorkFactor: k.StoreWorkFactor,
	}
	if p.Sandbox {
		o.Dir, o.Plain = SandboxDir(cfg), true // its tokens open nothing
	}
	o.Passphrase = k.passphrase(cfg, p, k.Streams.Password, "Passphrase of the token file")
	o.NewPassphrase = k.passphrase(cfg, p, k.Streams.NewPassword, "New passphrase of the token file")
	if cfg.StorePassphrase.IsZero() && p.StorePassphraseCommand == "" {
		o.PassphraseTries = 3 // a typed one is easily mistyped
	}
	file := openedFile{o.Dir, p.StorePassphraseCommand}
	k.openFiles.Lock()
	defer k.openFiles.Unlock()
	if s, ok := k.fileStores[file]; ok && o.Kind == tokenstore.KindFile {
		return s, nil
	}
	opened, err := tokenstore.Open(o)
	if err != nil {
		return nil, err
	}
	s := tokenstore.Noted(opened, tokenstore.Usage{Dir: o.Dir})
	if o.Kind == tokenstore.KindFile {
		if k.fileStores == nil {
			k.fileStores = map[openedFile]tokenstore.Store{}
		}
		k.fileStores[file] = s
	}
	return s, nil
}

// StoreOf opens the token store of the profile in force, for the commands that manage it.
func (k *App) StoreOf(p config.Profile) (tokenstore.Store, error) {
	cfg, err := k.Config()
	if err != nil {
		return nil, err
	}
	if !cfg.AccessToken.IsZero() {
		return nil, noStore()
	}
	return k.openStore(cfg, p)
}

// NeedStore is the error of a command that is about what is stored, where a JWT from the
// environment stands for all of it.
func (s *Session) NeedStore() error {
	if s.given {
		return noStore()
	}
	return nil
}

func noStore() error {
	return failure.New(failure.Invalid,
		"TELEMATICSCTL_ACCESS_TOKEN is set: with it nothing is read from or written to a token store").
		Because(ReasonStoreUnused, "")
}

// guard keeps the profile's sign-ins within the service's limit; bulk tells that a wait
// is worth it without a person.
func (k *App) guard(dir string, bulk bool) *auth.Guard {
	return &auth.Guard{
		Dir: dir, Now: k.Now,
		MayWait: func(d time.Duration) bool { return d < k.Flags.Timeout && (bulk || k.Streams.CanPrompt()) },
		Wait:    wait.Sleep,
		Notify: func(d time.Duration) {
			k.Streams.Note("waiting " + roundUp(d).String() + ": the service takes five sign-ins a minute from one address")
		},
	}
}

// roundUp returns a wait in whole seconds, and never less than it is.
func roundUp(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// plainInShell are the characters that no shell gives a meaning.
const plainInShell = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// Instance gives the instance and its key: from the environment or the file, from
// instance_key_command, or from the token store. A missing one is failure.Invalid.
func (s *Session) Instance(ctx context.Context) (userservice.Instance, error) {
	if s.Profile.Sandbox {
		return userservice.Instance{ID: s.preset.InstanceID, Key: secret.New(s.preset.InstanceKey)}, nil
	}
	if err := s.Profile.NeedInstance(); err != nil {
		return userservice.Instance{}, err
	}
	key, err := s.keyFor(ctx)
	return userservice.Instance{ID: s.Profile.InstanceID, Key: key}, err
}

func (s *Session) readKey(ctx context.Context) (secret.String, error) {
	p := s.Profile
	switch {
	case !p.InstanceKey.IsZero():
		return p.InstanceKey, nil
	case p.InstanceKeyCommand != "":
		return p.RunKeyCommand(ctx)
	case s.given:
		return secret.String{}, failure.New(failure.Invalid, "no InstanceKey is set for profile "+p.Name+
			", and with TELEMATICSCTL_ACCESS_TOKEN set none is read from a token store").Because(ReasonNoKeyWithToken, p.Name)
	}
	rec, err := s.Store.Get(ctx, tokenstore.Key{Profile: p.Name, Subject: tokenstore.SubjectInstanceKey})
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return secret.String{}, failure.New(failure.Invalid, "no InstanceKey is set for profile "+p.Name).
			Because(ReasonNoKey, p.Name)
	case err != nil:
		return secret.String{}, err
	case p.InstanceID != rec.InstanceID:
		return secret.String{}, failure.Newf(failure.Invalid,
			"the stored InstanceKey of profile %s belongs to instance %s, not to %s", p.Name, rec.InstanceID, p.InstanceID).
			Because(ReasonNoKey, p.Name)
	}
	return rec.Value, nil
}

// HasInstanceKey reports whether there is an InstanceKey by which users can be signed in. A
// command that would print it is not run for that.
func (s *Session) HasInstanceKey(ctx context.Context) (bool, error) {
	if !s.Profile.Sandbox && s.Profile.InstanceID != "" && s.Profile.InstanceKey.IsZero() &&
		s.Profile.InstanceKeyCommand != "" {
		return true, nil
	}
	_, err := s.Instance(ctx)
	if failure.Is(err, failure.Invalid) {
		return false, nil
	}
	return err == nil, err
}

// InstanceID is the profile's InstanceId, "" where none is set.
func (s *Session) InstanceID() string {
	if s.Profile.Sandbox {
		return s.preset.InstanceID
	}
	return s.Profile.InstanceID
}

// Stored is what "Stored" prints: the kind of store, or "" where nothing is stored.
func (s *Session) Stored() string {
	if s.given {
		return ""
	}
	return s.Store.Kind()
}

func (s *Session) adminEmail() string {
	if s.Profile.Sandbox {
		return s.preset.AdminEmail
	}
	return s.Profile.AdminEmail
}

// adminPassword is the one that can be had without asking: the sandbox's own, or the environment's.
func (s *Session) adminPassword(cfg *config.Config) secret.String {
	if s.Profile.Sandbox {
		return secret.New(s.preset.AdminPassword)
	}
	return cfg.AdminPassword
}

// once makes a function that does its work at the first call and remembers what came of it.
func once[T any](f func(context.Context) (T, error)) func(context.Context) (T, error) {
	type result struct {
		v   T
		err error
	}
	ready := make(chan *result, 1)
	ready <- nil
	return func(ctx context.Context) (T, error) {
		r := <-ready
		if r == nil {
			v, err := f(ctx)
			r = &result{v, err}
		}
		ready <- r
		return r.v, r.err
	}
}

// StateDir returns the folder of the profile's own state: the sandbox keeps its apart.
func (s *Session) StateDir() (string, error) {
	cfg, err := s.app.Config()
	if err != nil {
		return "", err
	}
	return s.dir(cfg), nil
}
