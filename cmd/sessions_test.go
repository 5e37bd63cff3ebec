//go:build !windows

package cmd_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// A typed line of a session, and the answers to the questions that it asks, as "question=>answer".
type typedLine struct {
	line    string
	answers []string
}

// sessions are a day of each of the three users, at a terminal of 80 columns and 24 lines.
// operator and support sit before a served sandbox; the CI job has a terminal as its log.
var sessions = map[string][]typedLine{
	"operator": {
		{line: "telematicsctl profile add prod --token-store file --instance-id " + sandbox.InstanceID,
			answers: []string{"New passphrase=>hush", "Once more=>hush", "InstanceKey=>" + sandbox.InstanceKey}},
		{line: "export TELEMATICSCTL_STORE_PASSPHRASE=hush"},
		{line: "telematicsctl user bulk --file drivers.csv --report fix.csv"},
		{line: "cat fix.csv"},
		{line: "sed 's/;w;/;Female;/; s/1,23E+09/c-3/; s/31.02.1990/1990-02-28/; s/yesterday/1990-05-31/; " +
			"1!s/;nobody/;grace@example.com/' fix.csv > fixed.csv"},
		{line: "telematicsctl user bulk --file drivers.csv --skip-invalid --concurrency 1"},
		{line: "telematicsctl user bulk --file fixed.csv --concurrency 1"},
		{line: "telematicsctl job list"},
		{line: "telematicsctl user list --columns ClientId,Name,Tracking"},
		{line: "telematicsctl user list --columns ClientId,Name,EnableTracking"},
	},
	"support": {
		{line: "export TELEMATICSCTL_STORE_PASSPHRASE=hush"},
		{line: "telematicsctl profile add prod --protected --token-store file --instance-id " + sandbox.InstanceID,
			answers: []string{"InstanceKey=>" + sandbox.InstanceKey}},
		{line: "telematicsctl auth login --email " + sandbox.AdminEmail,
			answers: []string{"Password=>" + sandbox.AdminPassword}},
		{line: "telematicsctl auth status"},
		{line: "telematicsctl user find --last-name Lovelace"},
		{line: "telematicsctl user get client:c-1"},
		{line: "telematicsctl user set-logging on client:c-1", answers: []string{"[y/N]=>y"}},
		{line: "telematicsctl user set-logging on client:c-1"},
		{line: "telematicsctl user set-logging --undo client:c-1", answers: []string{"[y/N]=>y"}},
		{line: "telematicsctl user set-trackin off client:c-1"},
		{line: "telematicsctl user get client:c-111"},
		{line: "telematicsctl user explain client:c-1"},
		{line: "telematicsctl user delete client:c-2", answers: []string{"[y/N]=>n"}},
		{line: "telematicsctl user delete client:c-1 client:c-2", answers: []string{"2 users=>2"}},
		{line: "telematicsctl audit list"},
	},
	"ci": {
		{line: "telematicsctl user bulk --quantity 50 --token-store memory"},
		{line: "telematicsctl user bulk --quantity 3 --set 'ClientId=ci-{{.N}}' --concurrency 1 --no-input -o ids " +
			"> tokens.txt"},
		{line: "telematicsctl user set-tracking off --file tokens.txt --concurrency 1 --no-input -o jsonl"},
		{line: "telematicsctl user delete --file tokens.txt --concurrency 1 --no-input"},
		{line: "telematicsctl user delete --file tokens.txt --concurrency 1 --no-input --yes --jq '.[].Outcome'"},
		{line: "telematicsctl auth login --no-input"},
		{line: "telematicsctl user list --limit 1 -o json --jq '.[].UserFields.ClientIdd'"},
		{line: "TELEMATICSCTL_PROFIEL=x telematicsctl user create --birthday 1990-13-01 -o json"},
	},
}

// What each of the users sees is in testdata/sessions (go test ./cmd -run Sessions -update
// rewrites it).
func TestSessions(t *testing.T) {
	t.Parallel()
	for name, lines := range sessions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, name)
			for _, l := range lines {
				s.types(t, l)
			}
			got, path := s.text(), filepath.Join("testdata", "sessions", name+".txt")
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the session differs from %s:\n%s", path, firstDifference(got, string(want)))
			}
		})
	}
}

// session is a person at a terminal.
type session struct {
	*home
	screen vt10x.Terminal
}

func newSession(t *testing.T, name string) *session {
	t.Helper()
	s := &session{home: newHome(t), screen: vt10x.New(vt10x.WithSize(300, 400))}
	url, stop, err := newService("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	text := "First name;Last name;E-mail;Client ID;Gender;Birthday\n"
	for _, row := range []string{"Ada;Lovelace;ada@example.com;c-1;Female;1990-05-31", "Grace;Hopper;nobody;c-2;Female;",
		"Edsger;Dijkstra;edsger@example.com;1,23E+09;Male;", "Mary;Shelley;mary@example.com;c-4;w;",
		"Alan;Turing;alan@example.com;c-5;Male;31.02.1990", "Emmy;Noether;emmy@example.com;c-6;Female;yesterday"} {
		text += row + "\n"
	}
	if err := os.WriteFile(filepath.Join(s.dir, "drivers.csv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment(url)
	s.env = append(s.env, "TELEMATICSCTL_PROFILE=", "NO_COLOR=", "TERM=xterm-256color", "DBUS_SESSION_BUS_ADDRESS=")
	for name, value := range env {
		s.env = append(s.env, name+"="+value)
	}
	switch name {
	case "operator":
		s.env = append(s.env, "TELEMATICSCTL_TOKEN_STORE=", "TELEMATICSCTL_STORE_PASSPHRASE=", "TELEMATICSCTL_INSTANCE_ID=",
			"TELEMATICSCTL_INSTANCE_KEY=")
	case "support":
		s.must(t, "telematicsctl user create --first-name Ada --last-name Lovelace --client-id c-1 --email ada@example.com")
		s.must(t, "telematicsctl user create --first-name Grace --last-name Hopper --client-id c-2")
		s.env = append(s.env, "TELEMATICSCTL_TOKEN_STORE=", "TELEMATICSCTL_STORE_PASSPHRASE=", "TELEMATICSCTL_INSTANCE_ID=",
			"TELEMATICSCTL_INSTANCE_KEY=", "TELEMATICSCTL_ADMIN_EMAIL=", "TELEMATICSCTL_ADMIN_PASSWORD=",
			"XDG_STATE_HOME="+s.dir+"/support")
	default:
		s.env = append(s.env, "TELEMATICSCTL_TOKEN_STORE=memory")
	}
	return s
}

// types types a line, and its answers when they are asked for.
func (s *session) types(t *testing.T, l typedLine) {
	t.Helper()
	_, _ = io.WriteString(s.screen, "$ "+l.line+"\r\n")
	if set, ok := strings.CutPrefix(l.line, "export "); ok {
		s.env = append(s.env, set)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", l.line)
	c.Dir, c.Env = s.dir, s.env
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	shown, answers, b := "", l.answers, make([]byte, 4096)
	raw := ""
	for {
		n, err := f.Read(b)
		_, _ = s.screen.Write(b[:n])
		shown, raw = shown+string(b[:n]), raw+string(b[:n])
		if len(answers) > 0 {
			question, answer, _ := strings.Cut(answers[0], "=>")
			if _, behind, found := strings.Cut(shown, question); found {
				shown, answers = behind, answers[1:]
				_, _ = io.WriteString(f, answer+"\r")
			}
		}
		if err != nil { // the terminal has gone
			break
		}
	}
	err = c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || len(answers) > 0 {
		t.Fatalf("%s: %v, not asked: %q\n%s", l.line, err, answers, raw)
	}
	s.checkWidth(t, raw)
	if code := c.ProcessState.ExitCode(); code != 0 {
		_, _ = io.WriteString(s.screen, "=> "+string(rune('0'+code))+"\r\n")
	}
	_, _ = io.WriteString(s.screen, "\r\n")
}

var (
	escapes    = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
	hasCommand = regexp.MustCompile("^(    |\\S+: )`[^`]*`")
	isData     = regexp.MustCompile(`^\{|;"`) // JSON, or a file that is shown
)

// checkWidth checks that the terminal breaks no line, except a command that is to be pasted,
// data, and the name of a file.
func (s *session) checkWidth(t *testing.T, raw string) {
	t.Helper()
	for _, line := range strings.Split(escapes.ReplaceAllString(raw, ""), "\n") {
		line = strings.TrimRight(line, "\r")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		if render.Width(line) > 80 && !hasCommand.MatchString(line) && !isData.MatchString(line) &&
			!strings.Contains(line, s.dir) {
			t.Errorf("%d columns: %s", render.Width(line), line)
		}
	}
}

var varying = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(^|[^0-9a-f-])[0-9a-f]{12}\b`), "${1}0123456789ab"},
	{regexp.MustCompile(`-([0-9a-f]{12}|\d{8}T[\d.]+)\.jsonl`), "-0123456789ab.jsonl"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs|s)\b`), "9ms"},
	{regexp.MustCompile(` \([\d.]+/s\)`), ""},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d( UTC)?`), "2026-11-29 12:00$1"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:8077"},
	{regexp.MustCompile(`(just now|\d+ (second|minute)s? ago)`), "just now"},
}

// text is what the terminal shows, without what differs from run to run.
func (s *session) text() string {
	var lines []string
	for _, l := range strings.Split(s.screen.String(), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n    "+s.dir, " "+s.dir), s.dir, "/home/me")
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}
