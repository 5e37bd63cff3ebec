package job_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// applyTrouble makes the calls slow enough for a kill to hit, and loses answers of what was done.
var applyTrouble = []string{
	"/v1/Management/users*: latency 5ms±5ms, drop-after 1%, 503 1%",
	"POST /v1/Registration/create: latency 5ms±5ms, drop-after 1%, 503 1%",
}

// applied are the rows of a plan, in the order in which it is carried out: so many of each.
var applied = []struct {
	users    string // what their ClientIds begin with
	action   string
	outcomes []string // the process that did it may have been killed
}{
	{"create", "create", []string{"created", "confirmed"}},
	{"update", "update", []string{"updated", "unchanged"}},
	{"move", "update", []string{"updated", "unchanged"}},
	{"move", "move", []string{"moved", "unchanged"}},
	{"deactivate", "deactivate", []string{"updated", "unchanged"}},
	{"delete", "delete", []string{"deleted", "unchanged"}},
}

// appliedUser is what a plan says of a user.
type appliedUser struct{ instance, city, status string }

// appliedUsers are the users in the end, by what their ClientIds begin with.
var appliedUsers = map[string]appliedUser{
	"create":     {sandbox.InstanceID, "Bonn", "Active"},
	"update":     {sandbox.InstanceID, "Bonn", "Active"},
	"move":       {sandbox.InstanceID, "Bonn", "Active"},
	"deactivate": {sandbox.InstanceID, "Rome", "Inactive"},
}

// A plan that creates, updates, moves, deactivates and deletes is one job. Its process is killed
// in the middle of each of these, and the same command resumes it: in the end every user is as
// the plan says, and nobody is there twice.
func TestAPlanIsCarriedOutOnceHoweverOftenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	if os.PathSeparator == '\\' {
		t.Skip("signals are required")
	}
	const each = 40
	home := t.TempDir()
	j := &torture{t: t, service: serve(t, applyTrouble...), home: home, total: each * len(applied)}
	plan := j.planned(each)
	j.args = []string{"user", "apply", "--plan", plan, "--confirm", fmt.Sprint(2 * each),
		"--max-absent", "1000", "--max-update", "1000"}
	for kind := range applied {
		for _, part := range []int{each / 4, each * 3 / 4} {
			j.endAt(kind*each+part, endings[0])
		}
	}
	c, stderr := j.command()
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the last run exits with %d: %s", exit(t, err), stderr)
	}
	checkApplied(t, out, each)
	j.service.checkUsers(t, each)
}

// planned brings the service to where a plan has each kind of action, and returns the saved plan.
func (j *torture) planned(each int) (plan string) {
	j.t.Helper()
	file, plan := filepath.Join(j.home, "fleet.csv"), filepath.Join(j.home, "fleet.plan")
	second := []string{"TELEMATICSCTL_INSTANCE_ID=" + sandbox.SecondInstanceID,
		"TELEMATICSCTL_INSTANCE_KEY=" + sandbox.SecondInstanceKey}
	rows := fmt.Sprint(each)
	for _, step := range []struct {
		kinds, city string
		env         []string
		args        []string
	}{
		{"move", "Rome", second, []string{"user", "bulk", "--retries", "20"}},
		{"update deactivate delete", "Rome", nil, []string{"user", "apply"}},
		{"update deactivate", "Rome", nil, []string{"user", "apply", "--absent", "deactivate", "--confirm", rows}},
		{"create update move", "Bonn", nil,
			[]string{"user", "plan", "--absent", "delete", "--grace", "1ms", "--moves", "--out", plan}},
	} {
		var text strings.Builder
		text.WriteString("ClientId,City\n")
		for _, kind := range strings.Fields(step.kinds) {
			for i := range each {
				fmt.Fprintf(&text, "%s-%d,%s\n", kind, i, step.city)
			}
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			j.t.Fatal(err)
		}
		args := slices.Concat(step.args, []string{"--file", file})
		if step.args[1] != "bulk" {
			args = append(args, "--expect-rows", fmt.Sprint(strings.Count(text.String(), "\n")-1), "--max-absent", "1000",
				"--max-update", "1000")
		}
		c := program(j.t, j.home, slices.Concat(j.service.env, step.env), args...)
		if says, err := c.CombinedOutput(); err != nil {
			j.t.Fatalf("%v exits with %d: %s", args, exit(j.t, err), says)
		}
	}
	return plan
}

// checkApplied checks the rows of the last run: all of the plan, in its order.
func checkApplied(t *testing.T, out []byte, each int) {
	t.Helper()
	n := 0
	for line := range bytes.Lines(out) {
		var row struct{ Key, Action, Outcome string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		kind := applied[min(n/each, len(applied)-1)]
		if row.Action != kind.action || !strings.HasPrefix(row.Key, kind.users+"-") ||
			!slices.Contains(kind.outcomes, row.Outcome) {
			t.Fatalf("row %d is %s", n+1, line)
		}
		n++
	}
	if n != each*len(applied) {
		t.Fatalf("%d rows were printed", n)
	}
}

// checkUsers stops the service, and checks that it has whom the plan says, each once.
func (s *service) checkUsers(t *testing.T, each int) {
	t.Helper()
	tokens := s.users(t)
	data, err := os.ReadFile(s.export)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]appliedUser{}
	for line := range bytes.Lines(data) {
		var u struct {
			DeviceToken, Status string
			UserProfile         struct{ City string }
			AccountInfo         struct{ InstanceId string }
		}
		if err := json.Unmarshal(line, &u); err != nil {
			t.Fatal(err)
		}
		client := tokens[u.DeviceToken]
		if _, twice := got[client]; twice {
			t.Errorf("%s is there twice", client)
		}
		got[client] = appliedUser{u.AccountInfo.InstanceId, u.UserProfile.City, u.Status}
	}
	for kind, want := range appliedUsers {
		for i := range each {
			client := fmt.Sprintf("%s-%d", kind, i)
			if got[client] != want {
				t.Errorf("%s is %+v, not %+v", client, got[client], want)
			}
			delete(got, client)
		}
	}
	if len(got) != 0 {
		t.Errorf("users whom no row names: %v", got)
	}
}
