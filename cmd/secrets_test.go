package cmd_test

import (
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// The secrets that are known beforehand; those that the service issues are learnt from its answers.
const (
	keptInstance   = "11111111-2222-4333-8444-555555555555"
	keptKey        = "c0ffee00-dead-4bee-8fee-d00d1e5ca1e5"
	keptPassword   = `p/ss"w\rd+<&>=ä1`
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

// everyCommand is each command of the tree, some in several ways, in an order in which they find what they need. ADA is a user's DeviceToken
// PAIR a pair, JOB the last bulk run, DIR the folder whose files are searched, OUT the one of what was asked for. A command that is missing here fails the test.
func everyCommand() []line {
	plain := func(words string) line { return line{args: strings.Fields(words)} }
	return []line{
		{args: strings.Fields("auth login --email " + keptEmail + " --password-stdin --save-password"), stdin: keptPassword + "\n"},
		{args: strings.Fields("auth login --email " + keptEmail + " --password-stdin"), stdin: keptWrong, fails: true},
		plain("auth login --device-token ADA"),
		plain("auth status"),
		plain("user create --client-id c-1 --custom-token new"),
		{args: strings.Fields("user create --show-tokens"), shows: true},
		{args: strings.Fields("user create --data -"), stdin: `{"FirstName": "Ada", "Email": "nobody"}`, fails: true},
		plain("user bulk --quantity 2 --create-access-token"),
		plain("user bulk --quantity 2 --client-id-template ci-{{.N}} --create-access-token"),
		{args: strings.Fields("user bulk --file - --format csv --create-access-token"), stdin: "FirstName,ClientId\nAda,c-7\nBob,c-8\n"},
		plain("user bulk --file DIR/users.csv --results DIR/results.csv --failed-out DIR/failed.csv"),
		plain("user bulk --file DIR/users.csv --restart --create-access-token --tokens-out OUT/tokens.jsonl"),
		plain("job merge --file DIR/users.csv DIR/results.csv"),
		plain("job list"),
		plain("job show JOB"),
		plain("job resume JOB"),
		plain("job remove JOB --yes"),
		plain("user set-tracking off ADA --as user"),
		plain("user set-logging off ADA"),
		plain("user set-realtime on ADA"),
		plain("user set-enabled off ADA"),
		plain("token refresh ADA"),
		plain("token refresh"),
		{args: strings.Fields("token refresh --stdin --show-tokens"), stdin: "PAIR", shows: true},
		plain("token refresh --all --within 9999h"),
		plain("token list"),
		{args: strings.Fields("token print"), shows: true},
		{args: strings.Fields("token print ADA"), shows: true},
		plain("token remove ADA"),
		plain("user delete ADA --yes"),
		{args: strings.Fields("profile add other --token-store file --instance-id " + keptInstance + " --instance-key-stdin"), stdin: keptKey},
		{args: strings.Fields("profile add wrong --token-store file --instance-id " + keptInstance + " --instance-key-stdin"), stdin: keptKey + "0", fails: true},
		plain("profile list"),
		plain("profile show"),
		plain("profile use other"),
		plain("profile remove other --yes"),
		plain("auth logout --all"),
		{args: strings.Fields("sandbox serve --addr 127.0.0.1:0"), fails: true}, // it is interrupted at once
		plain("sandbox reset"),
		plain("version"),
		plain("completion bash"),
		plain("completion fish"),
		plain("completion powershell"),
		plain("completion zsh"),
		plain("help auth"),
	}
}

const wellService = "a service that is well"

// Every command with every output and --verbose: no secret is in anything that is printed or written, nor is it there in Base64 or
// URL-escaped; not even where the service answers with what it was sent.
func TestNoSecretIsPrintedOrWritten(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]func(http.Handler) http.Handler{
		wellService:              func(h http.Handler) http.Handler { return h },
		"a refusal that echoes":  func(h http.Handler) http.Handler { return echo(h, http.StatusUnprocessableEntity) },
		"a 401 that echoes":      func(h http.Handler) http.Handler { return echo(h, http.StatusUnauthorized) },
		"a 200 that only echoes": func(h http.Handler) http.Handler { return echo(h, http.StatusOK) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formats := render.Formats()
			if name != wellService {
				formats = []string{render.Table, render.JSON} // an error has but two forms
			}
			for _, format := range formats {
				h := newHouse(t, answers)
				h.well = name == wellService
				ada, pair := h.user(t)
				words := strings.NewReplacer("ADA", ada, "PAIR", pair, "DIR", h.dir, "OUT", t.TempDir())
				for _, l := range everyCommand() {
					h.run(t, l.with(words), format)
				}
				h.searchFiles(t)
				if n := len(h.secrets()); n < 8 {
					t.Errorf("only %d secrets were looked for", n)
				}
			}
		})
	}
}

func TestTheSecretsTestKnowsEveryCommand(t *testing.T) {
	root := cmd.New(&kit.Kit{}, nil)
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

// forms are the ways in which a secret may be written: as it is, in JSON, in a URL, in Base64 at each of the three places where it may begin in it.
func forms(s string) []string {
	all := []string{s, strings.Trim(mustJSON(s), `"`), url.QueryEscape(s), url.PathEscape(s), strings.ToUpper(s), strings.ToLower(s)}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := e.EncodeToString([]byte(strings.Repeat("x", before) + s))
			// The first characters are made of what stands before, the last of what may stand behind.
			all = append(all, text[(before*8+5)/6:len(text)-1])
		}
	}
	return all
}

// searchFiles looks into all that was written. The token store's own file is sealed, and so is searched like the others.
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
