package job_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// trouble is what the service does to registrations: answers lost after the user was
// made, bodies cut, resets, 503s, 429s.
const trouble = "POST /v1/Registration/create: drop-after 2%, reset after 2%, truncated 2%, drop-before 1%, " +
	"reset 1%, 503 after html 1%, 503 2%, 429 1%, latency 10ms±10ms"

// atOnce is the maximum of requests in flight of a tortured process.
const atOnce = 16

// unwritten is the maximum of rows whose calls are made and whose outcomes are not in the journal
// when a process is killed: those in flight, those that are answered and wait for a write of the
// journal to end, and those of that write. Each is called again.
const unwritten = 3 * atOnce

// The torture can be made longer (see docs/performance.md); as it stands it is part of the suite.
var (
	tortureRows  = flag.Int("torture.rows", 2000, "rows of the torture test")
	tortureKills = flag.Int("torture.kills", 20, "how often its process is killed")
	tortureRate  = flag.String("torture.rate", "", "its --rate")

	tortureChanged  = flag.Int("torture.changed", 400, "users that are updated, and then deleted")
	tortureSIGKILLs = flag.Int("torture.sigkills", 0,
		"how often each of these two commands is killed; 0: ended once in each way")
)

// torture is a job whose process is killed again and again.
type torture struct {
	t           *testing.T
	service     *service
	home        string
	in, results string // results is "" for a command that writes none
	total       int
	args        []string // of another command than `user bulk`
}

// The promise of the whole: 2,000 rows, a service that misbehaves and a process that is
// ended twenty times at any moment, by every signal and by a reader that goes away, and
// at the end the service has each user exactly once, and the results file names them all.
func TestEveryRowIsAUserOnceHoweverOftenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	if os.PathSeparator == '\\' {
		t.Skip("the service cannot be asked to stop and write its users: there are no signals here")
	}
	home := t.TempDir()
	j := &torture{t: t, service: serve(t, trouble), home: home, total: *tortureRows,
		in: filepath.Join(home, "drivers.csv"), results: filepath.Join(home, "results.csv")}
	if err := os.WriteFile(j.in, []byte(strings.Join(tortured(j.total), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range *tortureKills {
		// One in each stretch of the file, so that the kills are spread over the whole job.
		stretch := j.total * 9 / 10 / *tortureKills
		j.endAt(i*stretch+rand.N(stretch+1), endings[i%len(endings)])
	}
	j.finish()
	requests := j.service.counters(t).Requests
	if most := j.total*4/3 + atOnce**tortureKills; requests > most {
		t.Errorf("%d requests for %d rows: rows that were done were sent again", requests, j.total)
	}
	t.Logf("%d rows, %d kills, %d requests", j.total, *tortureKills, requests)
	j.finish() // there is nothing left to be done
	if after := j.service.counters(t); after.Requests != requests || after.Users != j.total {
		t.Errorf("a finished job that is given again takes the service from %d requests to %+v", requests, after)
	}
	compare(t, j.service.users(t), j.results, j.total)
}

// What changes users from a file is a job as well: ended in every way, resumed by the
// same command, and at the end every row has its outcome.
func TestEveryChangeOfAFileIsMadeHoweverOftenTheProcessIsEnded(t *testing.T) {
	t.Parallel()
	if os.PathSeparator == '\\' {
		t.Skip("signals are required")
	}
	home := t.TempDir()
	j := &torture{t: t, service: serve(t), home: home, total: *tortureChanged,
		in: filepath.Join(home, "drivers.csv"), results: filepath.Join(home, "registered.csv")}
	if err := os.WriteFile(j.in, []byte(strings.Join(tortured(j.total), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.finish()
	ends := endings
	if n := *tortureSIGKILLs; n > 0 {
		ends = slices.Repeat(endings[:1], n)
	}
	for _, c := range []struct {
		name, call string
		args       []string
		outcomes   []string
	}{
		{"updated", "PUT /v1/Management/users", []string{"user", "set-logging", "on", "--file",
			filepath.Join(home, "registered.csv")},
			[]string{"updated", "unchanged"}},
		{"deleted", "DELETE /v1/Management/users/{DeviceToken}",
			[]string{"user", "delete", "--file", filepath.Join(home, "registered.csv"), "--yes"},
			[]string{"deleted", "unchanged"}},
	} {
		j.args, j.results = c.args, filepath.Join(home, c.name+".csv")
		for i, e := range ends {
			j.endAt((i+1)*j.total/(len(ends)+2), e)
		}
		j.finish()
		j.hasOutcomes(c.outcomes)
		calls := j.service.counters(t).Calls[c.call]
		t.Logf("%d users %s, ended %d times, %d calls", j.total, c.name, len(ends), calls)
		if calls < j.total || calls > j.total+unwritten*len(ends) {
			t.Errorf("%d calls of %s for %d users: users who were done were done again", calls, c.call, j.total)
		}
	}
	if left := j.service.counters(t).Users; left != 0 {
		t.Errorf("%d users are left", left)
	}
}

// hasOutcomes makes sure that the results have every row of the input, each with one of
// the outcomes.
func (j *torture) hasOutcomes(outcomes []string) {
	j.t.Helper()
	file, err := os.Open(j.results)
	if err != nil {
		j.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil || len(records) != j.total+1 {
		j.t.Fatalf("%s has %d rows: %v", j.results, len(records)-1, err)
	}
	at := slices.Index(records[0], "Outcome")
	for _, r := range records[1:] {
		if !slices.Contains(outcomes, r[at]) {
			j.t.Fatalf("%s: row %v has the outcome %q", j.results, r, r[at])
		}
	}
}

// tortured is the input: each row has a ClientId, as the file has the column.
func tortured(rows int) []string {
	lines := []string{"ClientId,FirstName,tracking"}
	for i := range rows {
		client := fmt.Sprintf("driver-%07d", i+1)
		lines = append(lines, fmt.Sprintf("%s,Name %d,on", client, i+1))
	}
	return lines
}

func (j *torture) command() (*exec.Cmd, *bytes.Buffer) {
	args := []string{"user", "bulk", "--file", j.in, "--results", j.results, "--concurrency", strconv.Itoa(atOnce), "-o",
		"jsonl", "--retries", "20"}
	if j.args != nil {
		args = append(slices.Clone(j.args), "-o", "jsonl")
	}
	if j.args != nil && j.results != "" {
		args = append(args, "--results", j.results, "--concurrency", strconv.Itoa(atOnce))
	}
	if *tortureRate != "" {
		args = append(args, "--rate", *tortureRate)
	}
	c := program(j.t, j.home, j.service.env, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	return c, &stderr
}

// ending is one way in which a process is ended from outside.
type ending struct {
	name string
	do   func(p *os.Process, out io.Closer) error
	is   func(how syscall.WaitStatus) bool // the process was ended so
}

func signaled(name string, with syscall.Signal, exit int) ending {
	return ending{name, func(p *os.Process, _ io.Closer) error { return p.Signal(with) },
		func(how syscall.WaitStatus) bool {
			return how.Signaled() && how.Signal() == with || how.Exited() && exit > 0 && how.ExitStatus() == exit
		}}
}

// endings are all that a process may meet: killed, interrupted, a terminal that is
// closed, a reader that goes away.
var endings = []ending{
	signaled("SIGKILL", syscall.SIGKILL, 0),
	signaled("SIGHUP", syscall.SIGHUP, 130),
	signaled("SIGKILL", syscall.SIGKILL, 0),
	{"closed pipe", func(_ *os.Process, out io.Closer) error { return out.Close() },
		func(how syscall.WaitStatus) bool { return how.Exited() && how.ExitStatus() == 141 }},
	signaled("SIGTERM", syscall.SIGTERM, 130),
	signaled("SIGINT", syscall.SIGINT, 130),
}

// endAt runs the job and ends its process once it has printed so many rows, those that
// were done before included. A process that is done before it can be ended must have
// ended well, and another takes its place: it has every row to print again.
func (j *torture) endAt(rows int, e ending) {
	j.t.Helper()
	for range 10 {
		c, stderr := j.command()
		out, err := c.StdoutPipe()
		if err != nil {
			j.t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			j.t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for printed := 0; printed < rows && lines.Scan(); printed++ {
		}
		_ = e.do(c.Process, out) // one that has ended is found out by its status
		err = c.Wait()
		if how, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && e.is(how) {
			return
		}
		if code := exit(j.t, err); code != 0 && code != 5 {
			j.t.Fatalf("a process that was not ended by %s exits with %d: %s", e.name, code, stderr)
		}
	}
	j.t.Fatalf("no process could be ended by %s at row %d", e.name, rows)
}

// finish lets the job come to its end.
func (j *torture) finish() {
	j.t.Helper()
	c, stderr := j.command()
	if _, err := c.Output(); err != nil {
		j.t.Fatalf("the last run exits with %d: %s", exit(j.t, err), stderr)
	}
}

// compare holds a results file against the users of the service: every row in its order,
// made by the job, and each user there once.
func compare(t *testing.T, users map[string]string, results string, total int) {
	t.Helper()
	file, err := os.Open(results)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(users) != total || len(records) != total+1 {
		t.Fatalf("the service has %d users and the results file %d rows, not %d", len(users), len(records)-1, total)
	}
	input := tortured(total)
	for i, r := range records[1:] {
		number, token, outcome, failed := r[3], r[4], r[5], r[6]
		if strings.Join(r[:3], ",") != input[i+1] || number != strconv.Itoa(i+1) ||
			(outcome != "created" && outcome != "confirmed") || failed != "" {
			t.Fatalf("row %d is %v, and the input has %s", i+1, r, input[i+1])
		}
		if client, known := users[token]; !known || client != r[0] {
			t.Fatalf("row %d is %v, and the service has %q for its DeviceToken (%v)", i+1, r, client, known)
		}
		delete(users, token)
	}
}
