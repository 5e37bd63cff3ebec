package cmd_test

import (
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// The secrets that are known beforehand; those that the service issues are learnt from its answers.
const (
	keptInstance   = "11111111-2222-4333-8444-555555555555"
	keptKey        = "c0ffee00-dead-4bee-8fee-d00d1e5ca1e5"
	keptPassword   = `p/ss"w\rd+<&>=ä1`
	otherInstance  = "11111111-2222-4333-8444-666666666666" // of the same company
	otherKey       = "0ddba115-dead-4bee-8fee-d00d1e5ca1e5"
	keptShort      = "Qz7!k" // another admin's
	keptWrong      = `wr/ong"pass\word`
	keptPassphrase = "open + sesame/2"
	keptEmail      = "ops@example.com"
)

// A line is a command as the secrets test runs it.
type line struct {
	args  []string
	stdin string
	shows bool // what it prints on standard output is a secret, as the user asked for
	fails bool // a service that is well refuses it, or it is wrong
}

// everyCommand is each command of the tree, some in several ways, in an order in which
// they find what they need. ADA is a user's DeviceToken PAIR a pair, PASSWORD the
// admin's, WRONG one that is not, JOB the last bulk run, DIR the folder whose files are
// searched, OUT the one of what was asked for. A command that is missing here fails the
// test.
func everyCommand() []line {
	plain := func(words string) line { return line{args: strings.Fields(words)} }
	return []line{
		{args: strings.Fields("auth login --email " + keptEmail + " --password-stdin --save-password"), stdin: "PASSWORD\n"},
		{args: strings.Fields("auth login --email " + keptEmail + " --password-stdin"), stdin: "WRONG", fails: true},
		plain("auth login --device-token ADA"),
		plain("auth status"),
		plain("user create --client-id c-1 --custom-token new"),
		plain("user token --client-id c-1"),
		{args: strings.Fields("user create --show-tokens"), shows: true},
		{args: strings.Fields("user create --data -"), stdin: `{"FirstName": "Ada", "Email": "nobody"}`, fails: true},
		plain("user bulk --quantity 2 --create-access-token"),
		plain("user bulk --quantity 2 --set ClientId=ci-{{.N}} --create-access-token"),
		{args: strings.Fields("user bulk --file - --format csv --create-access-token"),
			stdin: "FirstName,ClientId\nAda,c-7\nBob,c-8\n"},
		plain("user bulk --file DIR/users.csv --results DIR/results.csv --failed-out DIR/failed.csv"),
		plain("user bulk --file DIR/users.csv --restart --create-access-token --tokens-out OUT/tokens.jsonl"),
		plain("job merge --file DIR/users.csv DIR/results.csv"),
		plain("job list"),
		plain("job show JOB"),
		plain("job resume JOB"),
		plain("job retry JOB"),
		plain("job prune --keep 9000h"),
		plain("job remove JOB --yes"),
		plain("user set-tracking off ADA --as user"),
		plain("user set-logging off ADA"),
		plain("user set-realtime on ADA"),
		plain("user set-enabled off ADA"),
		plain("user set-enabled on ADA"),
		plain("user set-logging on ADA --for 1h"),
		plain("user set-logging --undo ADA"),
		plain("user update ADA --first-name Ada --logging off"),
		{args: strings.Fields("user update --file - --format csv"), stdin: "ClientId,City\nc-7,Bonn\nc-8,Berlin\n"},
		{args: strings.Fields("doctor"), fails: true}, // the clock of the house is not the machine's
		{args: strings.Fields("doctor --bundle DIR/report.md"), fails: true},
		plain("lease list"),
		plain("lease sweep"),
		plain("lease cancel --all"),
		plain("lease timer install --dry-run"),
		plain("lease timer remove"),
		{args: strings.Fields("user move ADA --to-instance-id " + otherInstance), fails: true}, // the key is not set
		{args: strings.Fields("user join ADA --invite-code none"), fails: true},
		plain("user list"),
		plain("user find --device-token ADA"),
		plain("user get ADA"),
		plain("user explain ADA"),
		plain("user report"),
		{args: strings.Fields("user browse"), stdin: "client:c-7\n1\n4\n1h\ny\n9\n"},
		plain("audit list"),
		plain("api GET /v1/Management/users/find?DeviceToken=ADA"),
		plain("user export"),
		{args: strings.Fields("user plan --file - --format csv --out DIR/a.plan"), stdin: "ClientId,FirstName\nc-77,Ada\n"},
		plain("user plan show DIR/a.plan"),
		plain("user apply --plan DIR/a.plan"),
		{args: strings.Fields("user apply --file - --format csv"), stdin: "ClientId,FirstName\nc-77,Ada\n"},
		{args: strings.Fields("user drift --file - --format csv"), stdin: "ClientId,FirstName\nc-77,Ada\n"},
		plain("token refresh ADA"),
		plain("token refresh"),
		{args: strings.Fields("token refresh --stdin --show-tokens"), stdin: "PAIR", shows: true},
		plain("token refresh --all --within 9999h"),
		plain("token list"),
		{args: strings.Fields("token print"), shows: true},
		{args: strings.Fields("token print ADA"), shows: true},
		plain("token remove ADA"),
		plain("user delete ADA --yes"),
		plain("instance list"),
		plain("instance create --name ci-1 --throw-away --no-profile"),
		{args: strings.Fields("instance create --name ci-2 --no-profile --show-tokens"), shows: true},
		{args: strings.Fields("instance create --name ci-1"), fails: true},
		plain("instance delete ci-1 --with-users --yes"),
		plain("instance delete ci-2 --yes"),
		plain("instance use " + keptInstance + " --save-as used --token-store file"),
		plain("profile remove used --yes"),
		{args: strings.Fields("profile add other --token-store file --instance-id " + keptInstance +
			" --instance-key-stdin"), stdin: keptKey},
		{args: strings.Fields("profile add wrong --token-store file --instance-id " + keptInstance +
			" --instance-key-stdin"), stdin: keptKey + "0", fails: true},
		plain("profile list"),
		plain("profile show"),
		plain("profile use other"),
		plain("profile remove other --yes"),
		plain("auth logout --all"),
		{args: strings.Fields("sandbox serve --addr 127.0.0.1:0"), fails: true}, // it is interrupted at once
		{args: strings.Fields("sandbox proxy --addr 127.0.0.1:0 --to https://user.example.invalid"), fails: true},
		plain("sandbox reset"),
		plain("version"),
		plain("commands"),
		plain("environment"),
		plain("exit-codes"),
		plain("output"),
		plain("tokens"),
		plain("jobs"),
		plain("identity"),
		plain("agents"),
		plain("completion bash"),
		plain("completion fish"),
		plain("completion powershell"),
		plain("completion zsh"),
		plain("help auth"),
	}
}

// Every command with every output and --verbose: no secret is in anything that is printed
// or written, nor is it there in Base64 or URL-escaped; not even where the service
// answers with what it was sent, and however short the password is.
func TestNoSecretIsPrintedOrWritten(t *testing.T) {
	t.Parallel()
	behaves := func(h http.Handler) http.Handler { return h }
	echoes := func(status int) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler { return echo(h, status) }
	}
	// wide is a table, and ids are a column of it.
	everyForm := []string{render.Table, render.JSON, render.JSONL, render.CSV, render.YAML}
	if os.Getenv("EVERY_FORMAT") == "" { // .ci/run sets it
		everyForm = []string{render.Table, render.JSON}
	}
	oneForm, errorForms := []string{render.JSON}, []string{render.Table, render.JSON}
	for name, c := range map[string]struct {
		answers                func(http.Handler) http.Handler
		password, wrong, store string
		formats                []string
		well                   bool
	}{
		"a service that is well":   {behaves, keptPassword, keptWrong, "file", everyForm, true},
		"a short password":         {behaves, keptShort, keptWrong, "file", oneForm, true},
		"the store memory":         {behaves, keptPassword, keptWrong, "memory", oneForm, false},
		"a store that is not here": {behaves, keptPassword, keptWrong, "keyring", oneForm, false},
		"a refusal that echoes": {echoes(http.StatusUnprocessableEntity), keptPassword, keptWrong, "file",
			errorForms, false},
		"a 401 that echoes":        {echoes(http.StatusUnauthorized), keptPassword, keptWrong, "file", oneForm, false},
		"an echoed short password": {echoes(http.StatusUnauthorized), keptPassword, keptShort, "memory", oneForm, false},
		"a 200 that only echoes":   {echoes(http.StatusOK), keptPassword, keptWrong, "file", oneForm, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, format := range c.formats {
				t.Run(format, func(t *testing.T) {
					t.Parallel()
					h := newHouseWith(t, c.password, c.wrong, c.answers)
					ada, pair := h.user(t)
					h.well, h.store = c.well, c.store
					words := strings.NewReplacer("ADA", ada, "PAIR", pair, "PASSWORD", c.password, "WRONG", c.wrong, "DIR", h.dir,
						"OUT", t.TempDir())
					for _, l := range everyCommand() {
						h.run(t, l.with(words), format)
					}
					h.searchFiles(t)
					if format == render.JSON && c.well && c.password == keptPassword {
						h.checkFields(t)
					}
					if n := len(h.secrets()); n < 8 {
						t.Errorf("only %d secrets were looked for", n)
					}
				})
			}
		})
	}
}

// A password in a base URL is refused, and shown by no command: not those that would use
// it, nor those that show profiles.
func TestNoPasswordOfABaseURLIsPrinted(t *testing.T) {
	t.Parallel()
	const inURL, broken = "hunter2secret", "hunter3%zzsecret"
	h := newHouse(t, answering("", 0))
	h.known = map[string]bool{inURL: true, broken: true}
	h.without = []string{"TELEMATICSCTL_USER_URL", "TELEMATICSCTL_ACCOUNTS_URL", "TELEMATICSCTL_PORTAL_URL"}
	text := "current_profile: leaky\nprofiles:\n  leaky:\n    user_url: https://ops:" + inURL + "@user.example.invalid\n" +
		"    accounts_url: https://ops:" + broken +
		"@accounts.example.invalid\n    portal_url: https://portal.example.invalid/?key=" + inURL + "\n"
	if err := os.WriteFile(filepath.Join(h.dir, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	words := strings.NewReplacer("DIR", h.dir, "OUT", t.TempDir())
	lines := append(everyCommand(),
		line{args: []string{"profile", "show", "leaky"}},
		line{args: []string{"profile", "add", "more", "--no-instance-key", "--instance-id", keptInstance, "--user-url",
			"https://ops:" + inURL + "@user.example.invalid"}},
		line{args: []string{"profile", "add", "more", "--no-instance-key", "--instance-id", keptInstance, "--portal-url",
			"https://ops:" + broken + "@user.example.invalid"}})
	for _, l := range lines {
		if l.args[0] == "profile" && (l.args[1] == "use" || l.args[1] == "remove") {
			continue // another profile would be in force
		}
		for _, format := range []string{render.Table, render.JSON} {
			h.run(t, l.with(words), format)
		}
	}
	_, says := h.tell(t, 2, "auth status", "")
	wantIn(t, says, "a base URL may hold no user and no password (its value is not shown)")
}

func TestTheSecretsTestKnowsEveryCommand(t *testing.T) {
	root := cmd.New(&cmdutil.App{}, nil)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	known := map[*cobra.Command]bool{}
	for _, l := range everyCommand() {
		c, _, err := root.Find(l.args)
		if err != nil {
			t.Errorf("%v: %v", l.args, err)
		}
		known[c] = true
	}
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		if !c.HasSubCommands() && !known[c] {
			t.Errorf("everyCommand has no line for `%s`: add one that reaches the service and the store", c.CommandPath())
		}
		for _, child := range c.Commands() {
			check(child)
		}
	}
	check(root)
}

// with has the line's words replaced by what they stand for.
func (l line) with(words *strings.Replacer) line {
	args := make([]string, len(l.args))
	for i := range args {
		args[i] = words.Replace(l.args[i])
	}
	l.args, l.stdin = args, words.Replace(l.stdin)
	return l
}

// run runs a command and searches what it has printed.
func (h *house) run(t *testing.T, l line, format string) {
	t.Helper()
	if i := slices.Index(l.args, "JOB"); i >= 0 {
		jobs, _, _ := h.do(t.Context(), strings.Fields("job list -o ids"), "")
		l.args[i], _, _ = strings.Cut(jobs, "\n")
	}
	out, errs, exit := h.do(t.Context(), append(l.args, "-o", format, "--verbose"), l.stdin)
	what := strings.Join(l.args, " ") + " -o " + format
	if h.well && format == render.JSON && (exit != 0) != l.fails {
		t.Errorf("%s: exit status %d\n%s", what, exit, errs) // it is to reach what it could give away
	}
	if h.well && format == render.JSON {
		h.checkEffects(t, l.args, errs)
		h.noteFields(t, l.args, out)
	}
	if !l.shows {
		h.search(t, what+": standard output", out)
	}
	h.search(t, what+": standard error", errs)
}

// search looks for every secret in every form.
func (h *house) search(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range h.secrets() {
		for _, form := range forms(s) {
			if strings.Contains(text, form) {
				t.Errorf("%s: %q is in\n%s", where, form, text)
				return
			}
		}
	}
}

// lowerHex finds URL escapes, whose digits some encoders write small.
var lowerHex = regexp.MustCompile(`%[0-9A-F]{2}`)

// forms are the ways in which a secret may be written: as it is, in JSON, in a URL, in
// Base64 at each of the three places where it may begin in it.
func forms(s string) []string {
	all := []string{s, strings.Trim(mustJSON(s), `"`), url.QueryEscape(s), url.PathEscape(s), strings.ToUpper(s),
		strings.ToLower(s)}
	all = append(all, strings.ReplaceAll(url.QueryEscape(s), "+", "%20"),
		lowerHex.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower))
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := e.EncodeToString([]byte(strings.Repeat("x", before) + s))
			// The first characters are made of what stands before, the last of what may stand behind.
			all = append(all, text[(before*8+5)/6:len(text)-1])
		}
	}
	return all
}

// searchFiles looks into all that was written. The token store's own file is sealed, and
// so is searched like the others.
func (h *house) searchFiles(t *testing.T) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		h.search(t, path, string(data))
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files were searched: %v", files, err)
	}
}
