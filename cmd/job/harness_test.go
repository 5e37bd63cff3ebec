package job_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// asProgram makes the test binary be the program, in a process of its own that can be killed.
const asProgram = "TELEMATICSCTL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		// Its children get SIGHUP as usual, even where the tests were started with it ignored.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		os.Exit(m.Run())
	}
	os.Exit(runProgram())
}

func runProgram() int {
	ctx, stop := cmd.Interruptible(context.Background())
	defer stop()
	return cmd.Run(ctx, cmdutil.Env{
		Args: os.Args[1:], Streams: terminal.System(os.Stdin, os.Stdout, os.Stderr, os.Getenv), Getenv: os.Getenv,
		Environ: os.Environ, Now: time.Now,
		Version: "v0.0.0-test", Retry: userservice.Retry{First: 2 * time.Millisecond}, StoreWorkFactor: 1,
		Wire: contracttest.WritingDown(os.Getenv(exchangesFolder)),
	})
}

// program is a process of the program in a home of its own.
func program(t *testing.T, home string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append([]string{
		asProgram + "=1", "HOME=" + home, "USERPROFILE=" + home, "AppData=" + home, "LocalAppData=" + home,
		"XDG_STATE_HOME=" + filepath.Join(home, "state"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "PATH=" + os.Getenv("PATH"), "SystemRoot=" +
			os.Getenv("SystemRoot"), "TMPDIR=" + os.TempDir(),
	}, env...)
	return c
}

// service is a `sandbox serve` in a process of its own.
type service struct {
	process *exec.Cmd
	export  string
	url     string
	env     []string // what points the program at it
}

func serve(t *testing.T, faults ...string) *service {
	t.Helper()
	home := t.TempDir()
	s := &service{export: filepath.Join(home, "users.jsonl")}
	args := []string{"sandbox", "serve", "--memory", "--addr", "127.0.0.1:0", "-o", "json", "--control", "--export",
		s.export}
	for _, f := range faults {
		args = append(args, "--fault", f)
	}
	s.process = program(t, home, nil, args...)
	s.process.Stderr = os.Stderr
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var at struct{ UserURL, InstanceId, InstanceKey, AdminEmail, AdminPassword string }
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatal(err)
	}
	s.url = at.UserURL
	s.env = []string{
		"TELEMATICSCTL_USER_URL=" + at.UserURL, "TELEMATICSCTL_INSTANCE_ID=" + at.InstanceId,
		"TELEMATICSCTL_INSTANCE_KEY=" + at.InstanceKey,
		"TELEMATICSCTL_ADMIN_EMAIL=" + at.AdminEmail, "TELEMATICSCTL_ADMIN_PASSWORD=" + at.AdminPassword,
		"TELEMATICSCTL_TOKEN_STORE=file",
		"TELEMATICSCTL_STORE_PASSPHRASE=a passphrase for tests", exchangesFolder + "=" + heldToContract(t, faults),
	}
	return s
}

// users stops the service and returns the ClientId of each user by its DeviceToken.
func (s *service) users(t *testing.T) map[string]string {
	t.Helper()
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = s.process.Wait()
	data, err := os.ReadFile(s.export)
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]string{}
	for line := range bytes.Lines(data) {
		var u struct {
			DeviceToken string
			UserFields  json.RawMessage
		}
		if err := json.Unmarshal(line, &u); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		var fields struct{ ClientId *string }
		var list []json.RawMessage
		if json.Unmarshal(u.UserFields, &list) == nil && len(list) == 1 {
			u.UserFields = list[0]
		}
		_ = json.Unmarshal(u.UserFields, &fields) // a user without fields has no ClientId
		users[u.DeviceToken] = ""
		if fields.ClientId != nil {
			users[u.DeviceToken] = *fields.ClientId
		}
	}
	return users
}

// exit is a command's exit status.
func exit(t *testing.T, err error) int {
	t.Helper()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	if status == nil {
		return 0
	}
	return status.ExitCode()
}

// counters are what the service has counted.
type counters struct {
	Requests, Users int            // registrations that were asked for; users who are there
	Calls           map[string]int // by method and path
}

func (s *service) counters(t *testing.T) (c counters) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/_sandbox/counters", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var all struct {
		Users int
		Calls map[string]map[string]int
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	c.Users, c.Calls = all.Users, map[string]int{}
	for call, statuses := range all.Calls {
		for _, n := range statuses {
			c.Calls[call] += n
		}
	}
	c.Requests = c.Calls["POST /v1/Registration/create"]
	return c
}
