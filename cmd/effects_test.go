package cmd_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// sentRequest is the first line of a request as --verbose shows it; its headers follow.
var sentRequest = regexp.MustCompile(`(?m)^> (GET|HEAD|POST|PUT|PATCH|DELETE) https?://[^/\s]+(/\S*)\n((?:> .*\n)*)`)

// notWrites are the calls that are no GET and yet change nothing but who is signed in.
var notWrites = []string{"/v1/Auth/Login", "/v1/Auth/RefreshToken", "/v1/Management/users/GetFilteredPage",
	"/api/heartbeats/get/v1/raw/users/latest"}

// unsigned are commands that act signed in if they can, and work without: registrations by the
// InstanceKey alone, the checks of doctor, and sign-ins themselves.
var unsigned = []string{"doctor", "user create", "user bulk", "auth login", "audit list", "token remove"}

// checkEffects holds what a command has sent to what its annotation says.
func (h *house) checkEffects(t *testing.T, args []string, verbose string) {
	t.Helper()
	c, _, err := cmd.New(&cmdutil.App{}, nil).Find(args)
	if err != nil {
		t.Errorf("%v: %v", args, err)
		return
	}
	name := strings.TrimPrefix(c.CommandPath(), "telematicsctl ")
	for _, m := range sentRequest.FindAllStringSubmatch(verbose, -1) {
		path, _, _ := strings.Cut(m[2], "?")
		write := m[1] != "GET" && m[1] != "HEAD" && !slices.ContainsFunc(notWrites, func(p string) bool {
			return strings.EqualFold(p, path)
		})
		if write && !cmdutil.HasEffect(c, cmdutil.Changes) {
			t.Errorf("`%s` sent %s %s, and its annotation does not say that it changes something", name, m[1], path)
		}
		if strings.Contains(m[3], "> Authorization:") && !cmdutil.HasEffect(c, cmdutil.SignsIn) &&
			!slices.Contains(unsigned, name) {
			t.Errorf("`%s` acted signed in (%s %s), and its annotation does not say so", name, m[1], path)
		}
	}
}

// Every command that does something says what: a command without the annotation would look
// harmless.
func TestEveryCommandSaysItsEffects(t *testing.T) {
	t.Parallel()
	eachCommand(func(c *cobra.Command) {
		if !c.HasSubCommands() && !cmdutil.SaysItsEffects(c) {
			t.Errorf("`%s` has no cmdutil.Effects", c.CommandPath())
		}
		if cmdutil.HasEffect(c, cmdutil.Deletes) &&
			(c.Flags().Lookup("confirm") == nil || !cmdutil.HasEffect(c, cmdutil.Changes)) {
			t.Errorf("`%s` deletes: it needs --confirm, and changes something", c.CommandPath())
		}
	})
}

// byValue are members whose own members are named by what users have, not by this program.
var byValue = []string{"ActivityStatus", "OsType", "SdkVersion", "AppVersion", "Country", "Registered"}

// noteFields notes the members of what a command prints as JSON.
func (h *house) noteFields(t *testing.T, args []string, out string) {
	t.Helper()
	c, _, err := cmd.New(&cmdutil.App{}, nil).Find(args)
	if err != nil || c.Name() == "api" || slices.Contains(args, "--jq") {
		return // the service's own answer, or what the user made of it
	}
	if h.fields == nil {
		h.fields = map[string]map[string]bool{}
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var value any
		if decoder.Decode(&value) != nil {
			return // the end, or a command that prints no JSON
		}
		if h.fields[c.CommandPath()] == nil {
			h.fields[c.CommandPath()] = map[string]bool{}
		}
		addFields(h.fields[c.CommandPath()], "", value)
	}
}

func addFields(into map[string]bool, at string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if slices.Contains(byValue, at[strings.LastIndexByte(at, '.')+1:]) && strings.HasPrefix(at, ".By.") {
				name = "*"
			}
			addFields(into, at+"."+name, member)
		}
	case []any:
		into[at+"[]"] = true
		for _, element := range v {
			addFields(into, at+"[]", element)
		}
		return
	default:
		into[at] = true
	}
}

// checkFields holds the members of JSON to the promise of docs/scripting.md.
func (h *house) checkFields(t *testing.T) {
	t.Helper()
	var lines []string
	for command, fields := range h.fields {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			lines = append(lines, strings.TrimPrefix(command, "telematicsctl ")+" "+name)
		}
	}
	slices.Sort(lines)
	promised(t, "json-fields.txt", lines)
}

// promised holds lines to a golden file: none of it may go without a new major version. -update
// rewrites it.
func promised(t *testing.T, name string, lines []string) {
	t.Helper()
	path := "testdata/promises/" + name
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.MkdirAll("testdata/promises", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(golden), "\n"), "\n")
	for _, line := range want {
		if !slices.Contains(lines, line) {
			t.Errorf("%s promises %q, and it is gone", path, line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(want, line) {
			t.Errorf("%q is new: add it to %s with `go test ./cmd -run %s -update`, and to the changelog", line, path,
				strings.Split(t.Name(), "/")[0])
		}
	}
}
