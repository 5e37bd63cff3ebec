package cmd_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// A deletion is a command that deletes, on a machine that has what it deletes.
type deletion struct {
	args  func(*testing.T, *patient) []string
	count int // what --confirm must say
	plan  bool
}

func words(text string) func(*testing.T, *patient) []string {
	return func(*testing.T, *patient) []string { return strings.Fields(text) }
}

// userIn registers a user.
func userIn(t *testing.T, p *patient) string {
	t.Helper()
	return strings.TrimSpace(p.must(t, "user", "create", "-o", "ids", "--agent"))
}

func fileIn(t *testing.T, p *patient, name, text string) string {
	t.Helper()
	if err := os.WriteFile(p.dir+"/"+name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p.dir + "/" + name
}

// deletions are the commands that delete, some in several ways; one that is missing fails the test.
var deletions = map[string]deletion{
	"user delete": {func(t *testing.T, p *patient) []string {
		return []string{"user", "delete", userIn(t, p), userIn(t, p)}
	}, 2, false},
	"user delete --file": {func(t *testing.T, p *patient) []string {
		file := fileIn(t, p, "gone.txt", userIn(t, p)+"\n"+userIn(t, p)+"\n"+userIn(t, p)+"\n")
		return []string{"user", "delete", "--file", file}
	}, 3, false},
	"user update": {func(t *testing.T, p *patient) []string {
		return []string{"user", "update", userIn(t, p), "--status", "deleted"}
	}, 1, false},
	"user apply": {func(t *testing.T, p *patient) []string {
		before := fileIn(t, p, "fleet.csv", "ClientId,FirstName\nc-1,Ada\nc-2,Bob\n")
		p.must(t, "user", "apply", "--file", before, "--agent")
		after := fileIn(t, p, "fleet.csv", "ClientId,FirstName\nc-1,Ada\n")
		return []string{"user", "apply", "--file", after, "--absent", "deactivate", "--max-absent", "1",
			"--expect-rows", "1"}
	}, 1, false},
	"instance delete": {func(t *testing.T, p *patient) []string {
		p.must(t, "instance", "create", "--name", "ci-1", "--throw-away", "--no-profile", "--agent")
		return []string{"instance", "delete", "ci-1", "--with-users"}
	}, 0, false},
	"job remove": {func(t *testing.T, p *patient) []string {
		p.must(t, "user", "bulk", "--quantity", "2", "--agent")
		id, _, _ := strings.Cut(p.must(t, "job", "list", "-o", "ids"), "\n")
		return []string{"job", "remove", id}
	}, 1, false},
	"job prune": {func(t *testing.T, p *patient) []string {
		p.must(t, "user", "bulk", "--quantity", "2", "--agent")
		return strings.Fields("job prune --keep 0s")
	}, 1, false},
	"profile remove": {func(t *testing.T, p *patient) []string {
		p.must(t, "profile", "add", "other", "--instance-id", keptInstance, "--no-instance-key")
		return strings.Fields("profile remove other")
	}, 1, false},
	"token remove": {func(t *testing.T, p *patient) []string {
		p.must(t, "token", "refresh")
		return strings.Fields("token remove admin")
	}, 1, false},
	"auth logout": {func(t *testing.T, p *patient) []string {
		p.must(t, "token", "refresh")
		return strings.Fields("auth logout")
	}, 1, false},
	"sandbox reset": {words("sandbox reset"), 1, false},
	"api": {func(t *testing.T, p *patient) []string {
		return []string{"api", "DELETE", "/v1/Management/users/" + userIn(t, p)}
	}, 1, false},
}

// Under an agent nothing is deleted without --confirm and the right number: neither by --yes nor by
// an empty answer.
func TestAnAgentDeletesNothingWithoutTheRightNumber(t *testing.T) {
	t.Parallel()
	for name, d := range deletions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			args := d.args(t, p)
			p.env["CLAUDECODE"] = "1"
			for _, wrong := range [][]string{nil, {"--yes"}, {"--confirm", strconv.Itoa(d.count + 1)},
				{"--confirm", strconv.Itoa(d.count + 1), "--yes"}} {
				out, errs, code := p.run(t, append(slices.Clone(args), wrong...)...)
				var e struct {
					Error struct{ Code, Message, Hint string }
				}
				if err := json.Unmarshal([]byte(errs[strings.LastIndex(errs, `{"Error"`):]), &e); err != nil || code != 2 ||
					!strings.Contains(e.Error.Message, "nothing was ") && !strings.Contains(e.Error.Hint, "--confirm") {
					t.Errorf("%v: exit status %d\n%s%s", wrong, code, out, errs)
				}
			}
			if _, errs, code := p.run(t, append(slices.Clone(args), "--confirm", strconv.Itoa(d.count))...); code != 0 {
				t.Errorf("with the right number: exit status %d\n%s", code, errs)
			}
		})
	}
	known := map[string]bool{"job resume": true, "job retry": true} // the script agent-resumes-deletion
	for name := range maps.Keys(deletions) {
		known[strings.TrimSuffix(name, " --file")] = true
	}
	eachCommand(func(c *cobra.Command) {
		if name := strings.TrimPrefix(c.CommandPath(), "telematicsctl "); cmdutil.HasEffect(c, cmdutil.Deletes) &&
			!known[name] {
			t.Errorf("`%s` deletes, and has no line here", name)
		}
	})
}

// What an agent's variable means, and what overrides it.
func TestWhoIsAnAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		variable, value string
		args            string
		json            bool
	}{
		"nobody":                      {"", "", "version", false},
		"the flag":                    {"", "", "version --agent", true},
		"a variable":                  {"CLAUDECODE", "1", "version", true},
		"a standard one":              {"AI_AGENT", "some-agent@2", "version", true},
		"a variable that says no":     {"AGENT", "0", "version", false},
		"an empty variable":           {"CURSOR_AGENT", "", "version", false},
		"the flag against it":         {"CLAUDECODE", "1", "version --agent=false", false},
		"a format that is asked for":  {"CLAUDECODE", "1", "version -o table", false},
		"a format before the command": {"CLAUDECODE", "1", "-o csv version", false},
	} {
		p := newPatient(t)
		p.env[c.variable] = c.value
		if out := p.must(t, strings.Fields(c.args)...); json.Valid([]byte(out)) != c.json {
			t.Errorf("%s: %s", name, out)
		}
	}
	for name, c := range map[string]struct {
		args string
		json bool
	}{
		"wrong usage":                  {"version --nonsense", true},
		"with another format":          {"-o table version --nonsense", false},
		"of a command that is not one": {"nonsense", true},
	} {
		p := newPatient(t)
		p.env["GEMINI_CLI"] = "1"
		if _, errs, code := p.run(t, strings.Fields(c.args)...); json.Valid([]byte(errs)) != c.json || code != 2 {
			t.Errorf("%s: exit status %d: %s", name, code, errs)
		}
	}
}

// Every command that lists or shows prints JSON for an agent, and nothing else.
func TestAnAgentReadsJSON(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	user := userIn(t, p)
	p.env["AGENT"] = "amp"
	for _, args := range []string{"user list", "user get " + user, "user find --device-token " + user, "user report",
		"user explain " + user, "job list", "lease list", "audit list", "auth status", "token list", "profile list",
		"profile show", "instance list", "doctor", "commands", "version", "user set-logging off " + user} {
		if out := p.must(t, strings.Fields(args)...); !json.Valid([]byte(out)) {
			t.Errorf("%s: %s", args, out)
		}
	}
}
