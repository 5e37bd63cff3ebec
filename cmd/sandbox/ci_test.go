package sandbox_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What other projects put into their pipelines is run here as GitHub and GitLab run it:
// the shell steps of the YAML, with the variables that the two set.

// root is the folder of the project: the action's own checkout, or what Go fetches for GitLab.
func root(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the steps are for a Unix shell")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash not found")
	}
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(path, err)
	}
}

// action is what a composite action is made of.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Using string
		Steps []struct {
			Shell, Run string
			Env        map[string]string
		}
	}
}

// runAction runs the steps as a GitHub runner does, and returns what they add to the
// environment of the steps after them.
func runAction(t *testing.T, with map[string]string) (added map[string]string, output string, err error) {
	t.Helper()
	var a action
	dir := root(t)
	readYAML(t, filepath.Join(dir, "action.yml"), &a)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("no composite action: %+v", a.Runs)
	}
	inputs := map[string]string{}
	for name, input := range a.Inputs {
		inputs[name] = input.Default
	}
	maps.Copy(inputs, with)
	work, temporary := t.TempDir(), t.TempDir()
	defer isEmpty(t, temporary)
	file := filepath.Join(work, "env")
	for _, step := range a.Runs.Steps {
		env := append(os.Environ(), "GITHUB_ENV="+file, "GITHUB_ACTION_PATH="+dir, "TMPDIR="+temporary)
		for name, value := range step.Env {
			env = append(env, name+"="+expand(t, value, inputs))
		}
		c := exec.CommandContext(t.Context(), step.Shell, "--noprofile", "--norc", "-eo", "pipefail", "-c",
			expand(t, step.Run, inputs))
		c.Dir, c.Env = work, env
		data, err := c.CombinedOutput()
		if err != nil {
			return nil, string(data), err
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return variables(string(data)), "", nil
}

// isEmpty holds a step to leaving nothing behind in the folder for temporary files, not
// even the program that it built.
func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

var expression = regexp.MustCompile(`\$\{\{ *inputs\.([a-z-]+) *\}\}`)

func expand(t *testing.T, text string, inputs map[string]string) string {
	t.Helper()
	text = expression.ReplaceAllStringFunc(text, func(found string) string {
		name := expression.FindStringSubmatch(found)[1]
		value, ok := inputs[name]
		if !ok {
			t.Errorf("no input %s", name)
		}
		return value
	})
	if strings.Contains(text, "${{") {
		t.Errorf("an expression that no input answers: %s", text)
	}
	return text
}

func variables(lines string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		out[name] = value
	}
	return out
}

// answers checks that the sandbox serves by the variables, as a back-end's tests would
// use them, and stops it.
func answers(t *testing.T, env map[string]string, users int) {
	t.Helper()
	pid, err := strconv.Atoi(env["TELEMATICS_SANDBOX_PID"])
	if err != nil {
		t.Fatalf("no process in %v", env)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, process, env["TELEMATICS_URL"])
	call := func(method, path, body string) (result json.RawMessage) {
		req, err := http.NewRequestWithContext(t.Context(), method, env["TELEMATICS_URL"]+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("InstanceId", env["TELEMATICS_INSTANCE_ID"])
		req.Header.Set("InstanceKey", env["TELEMATICS_INSTANCE_KEY"])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, data, err)
		}
		return data
	}
	call("GET", "/healthz", "")
	call("POST", "/v1/Registration/create", `{"FirstName": "Ada"}`)
	fields, err := json.Marshal(map[string]string{"email": env["TELEMATICS_ADMIN_EMAIL"]})
	if err != nil {
		t.Fatal(err)
	}
	login, err := json.Marshal(map[string]string{"LoginFields": string(fields),
		"Password": env["TELEMATICS_ADMIN_PASSWORD"]})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 { // the limit of five a minute is lifted
		call("POST", "/v1/Auth/Login", string(login))
	}
	var counters struct{ Users int }
	if err := json.Unmarshal(call("GET", "/_sandbox/counters", ""), &counters); err != nil || counters.Users != users+1 {
		t.Errorf("%d users, want %d and Ada; %v", counters.Users, users, err)
	}
	log, err := os.ReadFile(env["TELEMATICS_SANDBOX_LOG"])
	if err != nil || !strings.Contains(string(log), "path=/v1/Registration/create status=200") {
		t.Errorf("the log: %s %v", log, err)
	}
}

// stop ends the sandbox as a pipeline does, and waits until nobody answers any more.
func stop(t *testing.T, process *os.Process, url string) {
	http.DefaultClient.CloseIdleConnections()
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	for {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}

func TestTheGitHubActionStartsASandbox(t *testing.T) {
	t.Parallel()
	env, output, err := runAction(t, map[string]string{
		"addr": "127.0.0.1:0", "args": "--users=50\n--fault\nGET *: latency 1ms 50%\n",
	})
	if err != nil {
		t.Fatal(output, err)
	}
	answers(t, env, 50)
}

// The pages' examples are copied into pipelines: they are YAML, and what they give the
// action and the include is known to these.
func TestTheExamplesInTheDocsAreTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	readYAML(t, "../../action.yml", &a)
	var include map[string]struct{ Variables map[string]string }
	readYAML(t, "../../ci/gitlab.yml", &include)
	uses, extends := 0, 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(block[1]), &root); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
			continue
		}
		var github struct {
			Jobs map[string]struct {
				Steps []struct {
					Uses string
					With map[string]string
				}
			}
		}
		if root.Decode(&github) == nil && github.Jobs != nil {
			for _, step := range github.Jobs["test"].Steps {
				if !strings.HasPrefix(step.Uses, "telematicsctl/") {
					continue
				}
				uses++
				for name := range step.With {
					if _, ok := a.Inputs[name]; !ok {
						t.Errorf("the action has no input %s", name)
					}
				}
			}
			continue
		}
		var gitlab struct {
			Test struct {
				Extends   string
				Variables map[string]string
			}
		}
		if root.Decode(&gitlab) == nil && gitlab.Test.Extends != "" {
			extends++
			for name := range gitlab.Test.Variables {
				if _, ok := include[gitlab.Test.Extends].Variables[name]; !ok {
					t.Errorf("%s has no variable %s", gitlab.Test.Extends, name)
				}
			}
		}
	}
	if uses != 1 || extends != 1 {
		t.Errorf("%d examples for GitHub, %d for GitLab", uses, extends)
	}
}

func TestTheGitHubActionFailsWithTheLogOfASandboxThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, output, err := runAction(t, map[string]string{"args": "--fault\n/v1/nowhere: 503"})
	if err == nil || !strings.Contains(output, "unknown call /v1/nowhere") {
		t.Errorf("%s %v", output, err)
	}
}

// An argument is passed on as it is: no shell expands it, splits it or runs it.
func TestArgumentsOfAPipelineAreNotRun(t *testing.T) {
	t.Parallel()
	dir := root(t)
	work := t.TempDir()
	program := filepath.Join(work, "program")
	const script = "#!/bin/sh\nfor a in \"$@\"; do printf '[%s]\\n' \"$a\"; done >args\nprintf 'ready\\n'\nexec sleep 30\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	hostile := []string{"$(touch run)", "`touch run`", "a b; touch run", "--x='$HOME'", "*", "\\n", "ARGUMENTS '",
		"${IFS}", "-"}
	c := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "ci", "sandbox"))
	c.Dir = work
	c.Env = append(os.Environ(), "TELEMATICSCTL="+program, "SANDBOX_ARGS="+strings.Join(hostile, "\n")+"\r\n")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(variables(string(out))["TELEMATICS_SANDBOX_PID"])
	if err != nil {
		t.Fatal(err)
	}
	if p, err := os.FindProcess(pid); err != nil || p.Kill() != nil {
		t.Error("the program is still running")
	}
	args, err := os.ReadFile(filepath.Join(work, "args"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range hostile {
		if !strings.Contains(string(args), "["+a+"]\n") {
			t.Errorf("%q did not arrive: %s", a, args)
		}
	}
	if _, err := os.Stat(filepath.Join(work, "run")); err == nil {
		t.Error("an argument was run")
	}
}

func TestTheGitLabIncludeStartsASandbox(t *testing.T) {
	t.Parallel()
	var include map[string]struct {
		Variables    map[string]string
		BeforeScript []string `yaml:"before_script"`
	}
	dir := root(t)
	readYAML(t, filepath.Join(dir, "ci", "gitlab.yml"), &include)
	job := include[".telematics-sandbox"]
	temporary := t.TempDir()
	env := append(os.Environ(), "SANDBOX_SOURCE="+dir, "TMPDIR="+temporary)
	for name, value := range job.Variables {
		env = append(env, name+"="+value)
	}
	script := strings.Join(append(job.BeforeScript, "env"), "\n") // the job's own script comes behind, in the same shell
	c := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", script)
	c.Dir = t.TempDir()
	var stderr strings.Builder
	env = append(env, "SANDBOX_ADDR=127.0.0.1:0", "SANDBOX_ARGS=--users=20\n--seed=7\n") // as a job's own variables
	c.Env, c.Stderr = env, &stderr
	data, err := c.Output()
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	isEmpty(t, temporary)
	answers(t, variables(string(data)), 20)
}
