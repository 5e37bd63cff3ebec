package cmd_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// house is a machine of its own: a service, whose secrets are learnt as it answers, a
// state folder, and a clock that goes on by two minutes with each command, so that the
// sign-in guard lets every one pass.
type house struct {
	url, dir string
	now      time.Time
	password string // the admin's
	store    string // TELEMATICSCTL_TOKEN_STORE
	// the service behaves, and the store keeps what it is given: a command's exit status
	// is the one that is expected
	well      bool
	terminal  bool          // a person is at a terminal
	without   []string      // what is missing in the environment
	given     string        // TELEMATICSCTL_ACCESS_TOKEN
	busyAfter time.Duration // when the spinner appears
	errs      io.Writer     // standard error goes there too
	keyring   *counted      // where tokens are kept; nil for the sealed file

	wire func(http.RoundTripper) http.RoundTripper // holds what the tool sends to the contract

	mu    sync.Mutex
	known map[string]bool

	fields map[string]map[string]bool // command → the members of what it printed as JSON
}

func newHouse(t *testing.T, answers func(http.Handler) http.Handler) *house {
	t.Helper()
	return newHouseWith(t, keptPassword, keptWrong, answers)
}

// newHouseWith is a house whose admin has this password, and another one by mistake.
func newHouseWith(t *testing.T, password, wrong string, answers func(http.Handler) http.Handler) *house {
	t.Helper()
	wire := func(next http.RoundTripper) http.RoundTripper {
		return theContract().Transport(next, contracttest.Hold{Requests: true}, func(err error) { t.Error(err) })
	}
	h := &house{wire: wire, dir: t.TempDir(), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		known: map[string]bool{}, password: password, store: "file"}
	for _, s := range []string{keptKey, password, wrong, keptPassphrase} {
		h.known[s] = true
	}
	layout := h.layout(t)
	box, err := sandbox.Open(sandbox.Options{Layout: &layout, Now: h.Now, SignInLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	// What comes to the sandbox itself and what it answers is held as well: processes
	// have a wire of their own, and some answers are spoilt on their way.
	held := theContract().Handler(box, contracttest.Hold{Requests: true, Answers: true}, func(err error) { t.Error(err) })
	server := httptest.NewServer(answers(h.learning(held)))
	t.Cleanup(server.Close)
	h.url = server.URL
	if err := os.WriteFile(filepath.Join(h.dir, "users.csv"), []byte("FirstName,ClientId\nEve,c-9\nMallory,c-10\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	h.knownStore(t)
	return h
}

// layout is the company of the house, as a sandbox reads it.
func (h *house) layout(t *testing.T) seed.Layout {
	t.Helper()
	layout, err := seed.ReadLayout(strings.NewReader(h.layoutText()))
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

func (h *house) layoutText() string {
	return `
Companies:
  - Id: 11111111-2222-4333-8444-00000000000c
    Name: Company
    Applications:
      - Id: 11111111-2222-4333-8444-00000000000a
        Name: App
        Instances:
          - {Id: ` + keptInstance + `, Key: ` + keptKey + `, Name: Common}
          - {Id: ` + otherInstance + `, Key: ` + otherKey + `, Name: Other, InviteCode: 4711abcd}
Admins:
  - {Email: ` + keptEmail + `, Password: ` + mustJSON(h.password) +
		`, Companies: [11111111-2222-4333-8444-00000000000c]}
`
}

// knownStore makes a sealed token file, without a record, whose key is known: the tool keeps the
// key that it finds, and must show it no more than any other secret.
func (h *house) knownStore(t *testing.T) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	passphrase, err := age.NewScryptRecipient(keptPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	passphrase.SetWorkFactor(1)
	key := base64.StdEncoding.EncodeToString(sealed(t, identity.String(), passphrase))
	text := atomicfile.Frame("tokens-encrypted", 1, []byte(key+"\n"+string(sealed(t, "{}", identity.Recipient()))))
	file := filepath.Join(h.dir, "state", "tokens.age")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	h.known[identity.String()] = true
}

func sealed(t *testing.T, text string, to age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Now is the clock of the service and of the tool.
func (h *house) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) secrets() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for s := range h.known {
		all = append(all, s)
	}
	return all
}

var issued = regexp.MustCompile(`"(?:Token|AccessToken|RefreshToken)": ?"([^"]+)"`)

// learning takes the tokens out of all that the service answers.
func (h *house) learning(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		h.learn(rec.Body.String())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// learn takes the tokens out of a text. Of a JWT each part that is its own counts, so
// that a piece of one is found too.
func (h *house) learn(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range issued.FindAllStringSubmatch(text, -1) {
		parts := strings.Split(m[1], ".")
		for _, part := range parts[max(0, len(parts)-2):] {
			h.known[part] = true
		}
	}
}

// echo has registrations and sign-ins done, so that there is something to keep secret,
// and answers everything else with all the secrets that came with the request, in several
// forms, wherever an answer has room for them.
func echo(next http.Handler, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		path := strings.ToLower(r.URL.Path)
		var members map[string]any
		_ = json.Unmarshal(body, &members)
		right := members["Password"] == keptPassword || members["Password"] == keptKey
		if strings.HasSuffix(path, "/registration/create") || (right && strings.HasSuffix(path, "/login")) {
			next.ServeHTTP(w, r)
			return
		}
		var sent []string
		for _, header := range []string{"InstanceKey", "Authorization"} {
			sent = append(sent, strings.TrimPrefix(r.Header.Get(header), "Bearer "))
		}
		for _, member := range []string{"Password", "AccessToken", "RefreshToken"} {
			if s, ok := members[member].(string); ok {
				sent = append(sent, s)
			}
		}
		var text []string
		for _, s := range sent {
			if s != "" {
				text = append(text, s, url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)),
					base64.URLEncoding.EncodeToString([]byte("u:"+s)), base64.RawStdEncoding.EncodeToString([]byte("u"+s+"x")))
			}
		}
		all := strings.Join(text, " ")
		w.Header().Set("Location", "/?"+all)
		w.Header().Set("Server", all)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, mustJSON(map[string]any{
			"Status": status, "Title": all, "Result": all, "Errors": []map[string]string{{"Key": all, "Message": all}},
		}))
	})
}

func mustJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// user makes a user, whose pair is stored, and a pair that is not.
func (h *house) user(t *testing.T) (deviceToken, pair string) {
	t.Helper()
	out, errs, _ := h.do(t.Context(), strings.Fields("user create -o ids"), "")
	if deviceToken = strings.TrimSpace(out); deviceToken == "" {
		t.Fatal(errs)
	}
	pair, _, _ = h.do(t.Context(), strings.Fields("user create --show-tokens --jq "+
		"{AccessToken:.AccessToken.Token,RefreshToken}"), "")
	return deviceToken, pair
}

// do runs the program to its end. It is served for a moment only.
func (h *house) do(ctx context.Context, args []string, stdin string) (stdout, stderr string, exit int) {
	h.mu.Lock()
	h.now = h.now.Add(2 * time.Minute)
	h.mu.Unlock()
	if slices.Contains(args, "serve") || slices.Contains(args, "proxy") {
		ended, end := context.WithCancel(ctx)
		end()
		ctx = ended
	}
	env := h.env()
	var out, errs bytes.Buffer
	if _, err := os.Stat(env["TELEMATICSCTL_CONFIG"]); err != nil {
		_ = os.WriteFile(env["TELEMATICSCTL_CONFIG"], []byte("profiles: {}\n"), 0o600)
	}
	w := cmdutil.Env{
		Args: args, Streams: h.streams(stdin, &out, &errs), Getenv: func(name string) string { return env[name] },
		Now: h.Now, Version: "v0", Retry: userservice.Retry{Tries: 2, First: time.Nanosecond}, StoreWorkFactor: 1,
		Wire: h.wire,
	}
	if h.keyring != nil {
		w.Keyring = h.keyring
	}
	exit = cmd.Run(ctx, w)
	return out.String(), errs.String(), exit
}

// env is the environment of a command.
func (h *house) env() map[string]string {
	env := map[string]string{
		"TELEMATICSCTL_USER_URL": h.url, "TELEMATICSCTL_ACCOUNTS_URL": h.url, "TELEMATICSCTL_PORTAL_URL": h.url,
		"TELEMATICSCTL_INSTANCE_ID": keptInstance, "TELEMATICSCTL_INSTANCE_KEY": keptKey,
		"TELEMATICSCTL_STATISTICS_URL": h.url, "TELEMATICSCTL_DEVICE_STATUS_URL": h.url,
		"TELEMATICSCTL_TOKEN_STORE": h.store, "TELEMATICSCTL_STORE_PASSPHRASE": keptPassphrase,
		"TELEMATICSCTL_ADMIN_EMAIL": keptEmail, "TELEMATICSCTL_ADMIN_PASSWORD": h.password,
		"TELEMATICSCTL_STATE_DIR": filepath.Join(h.dir, "state"), "TELEMATICSCTL_CONFIG": filepath.Join(h.dir, "config.yaml"),
	}
	env["TELEMATICSCTL_ACCESS_TOKEN"] = h.given
	if h.keyring != nil {
		env["TELEMATICSCTL_TOKEN_STORE"] = "keyring"
	}
	for _, name := range h.without {
		delete(env, name)
	}
	return env
}

func (h *house) streams(stdin string, out, errs io.Writer) *terminal.Streams {
	if h.errs != nil {
		errs = io.MultiWriter(errs, h.errs)
	}
	return &terminal.Streams{In: strings.NewReader(stdin), Out: out, Err: errs, InTTY: h.terminal, OutTTY: h.terminal,
		ErrTTY: h.terminal, BusyAfter: h.busyAfter}
}
