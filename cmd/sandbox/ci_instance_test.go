package sandbox_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// platform is a service with an admin, on which pipelines create throw-away instances.
type platform struct {
	url     string
	program string
	env     []string
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	dir := root(t)
	box, err := sandbox.Open(sandbox.Options{Now: time.Now, SignInLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	p := &platform{url: server.URL, program: filepath.Join(t.TempDir(), "telematicsctl")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.program, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(string(out), err)
	}
	p.env = append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir(), "TMPDIR="+t.TempDir(), "TELEMATICSCTL="+p.program,
		"TELEMATICSCTL_USER_URL="+p.url, "TELEMATICSCTL_ACCOUNTS_URL="+p.url, "TELEMATICSCTL_PORTAL_URL="+p.url,
		"TELEMATICSCTL_ADMIN_EMAIL="+sandbox.AdminEmail, "TELEMATICSCTL_ADMIN_PASSWORD="+sandbox.AdminPassword)
	return p
}

// run runs a shell script with more variables, on a machine of its own, and returns its
// standard output and error.
func (p *platform) run(t *testing.T, script string, more ...string) (out, errs string, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	var stdout, stderr strings.Builder
	c.Dir, c.Stdout, c.Stderr = t.TempDir(), &stdout, &stderr
	c.Env = slices.Concat(p.env, more, []string{"XDG_STATE_HOME=" + t.TempDir()})
	err = c.Run()
	return stdout.String(), stderr.String(), err
}

// throwAway lists the throw-away instances that are there.
func (p *platform) throwAway(t *testing.T) string {
	t.Helper()
	out, errs, err := p.run(t, `"$TELEMATICSCTL" instance list --throw-away -o ids`, "TELEMATICSCTL_TOKEN_STORE=memory")
	if err != nil {
		t.Fatal(errs, err)
	}
	return strings.TrimSpace(out)
}

// register is what a test run does with its instance.
func (p *platform) register(t *testing.T, env map[string]string) {
	t.Helper()
	c, err := userservice.New(userservice.Options{UserURL: p.url})
	if err != nil {
		t.Fatal(err)
	}
	in := userservice.Instance{ID: env["TELEMATICS_INSTANCE_ID"], Key: secret.New(env["TELEMATICS_INSTANCE_KEY"])}
	if _, err := c.Register(context.Background(), in, field.Set{}); err != nil {
		t.Error(err)
	}
}

// step runs the GitHub action, as a runner does, and returns the environment of the steps after it.
func (p *platform) step(t *testing.T, with, env map[string]string) (added map[string]string, printed string) {
	t.Helper()
	var a action
	dir := filepath.Join(root(t), "ci", "instance")
	readYAML(t, filepath.Join(dir, "action.yml"), &a)
	inputs := map[string]string{}
	for name, input := range a.Inputs {
		inputs[name] = input.Default
	}
	maps.Copy(inputs, with)
	file := filepath.Join(t.TempDir(), "env")
	more := []string{"GITHUB_ACTIONS=true", "GITHUB_ENV=" + file, "GITHUB_ACTION_PATH=" + dir}
	for name, value := range env {
		more = append(more, name+"="+value)
	}
	s := a.Runs.Steps[0]
	for name, value := range s.Env {
		more = append(more, name+"="+expand(t, value, inputs))
	}
	out, errs, err := p.run(t, s.Run, more...)
	if err != nil {
		t.Error(out, errs, err)
	}
	text, _ := os.ReadFile(file) // delete writes none
	return variables(string(text)), out + errs
}

func TestAPipelineHasAnInstanceOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlatform(t) // shared: each expects its own throw-away instance to be the only one
	t.Run("a GitHub job", p.gitHubJob)
	t.Run("deleted by its name", p.deletedByName)
	t.Run("a GitLab job that fails", p.gitLabJob)
}

func (p *platform) gitHubJob(t *testing.T) {
	env, printed := p.step(t, map[string]string{"program": p.program}, nil)
	key := env["TELEMATICS_INSTANCE_KEY"]
	if key == "" || strings.Count(printed, key) != 1 || !strings.HasPrefix(printed, "::add-mask::"+key+"\n") {
		t.Errorf("the key is not masked, or printed: %v\n%s", env, printed)
	}
	if id := p.throwAway(t); id != env["TELEMATICS_INSTANCE_ID"] || id != env["TELEMATICSCTL_INSTANCE_ID"] || id == "" {
		t.Errorf("instances %s, variables %v", id, env)
	}
	p.register(t, env)
	p.register(t, env)
	_, printed = p.step(t, map[string]string{"program": p.program, "command": "delete"}, env)
	if left := p.throwAway(t); left != "" || strings.Contains(printed, key) {
		t.Errorf("left behind: %s\n%s", left, printed)
	}
	// A job that is run again, or ended before an instance was created, has nothing to delete.
	p.step(t, map[string]string{"program": p.program, "command": "delete"}, env)
	p.step(t, map[string]string{"program": p.program, "command": "delete"}, nil)
}

// deletedByName: a job may be killed when the service has created the instance, and its ID is not
// known yet: its name is.
func (p *platform) deletedByName(t *testing.T) {
	env, _ := p.step(t, map[string]string{"program": p.program, "name": "nightly run 7; touch $(touch x)"}, nil)
	if env["TELEMATICS_INSTANCE_NAME"] != "nightly run 7; touch $(touch x)" {
		t.Error(env)
	}
	p.register(t, env)
	delete(env, "TELEMATICS_INSTANCE_ID")
	p.step(t, map[string]string{"program": p.program, "command": "delete"}, env)
	if left := p.throwAway(t); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// gitLabJob: GitLab runs before_script and script in one shell, and after_script in
// another, however these have ended.
func (p *platform) gitLabJob(t *testing.T) {
	dir := root(t)
	var include map[string]struct {
		Variables    map[string]string
		BeforeScript []string `yaml:"before_script"`
		AfterScript  []string `yaml:"after_script"`
	}
	readYAML(t, filepath.Join(dir, "ci", "gitlab.yml"), &include)
	job := include[".telematics-instance"]
	more := []string{"SANDBOX_SOURCE=" + dir, "CI_JOB_ID=4711"}
	for name, value := range job.Variables {
		more = append(more, name+"="+value)
	}
	script := append(slices.Clone(job.BeforeScript), `printenv | grep '^TELEMATICS_' >&2`,
		`TELEMATICSCTL_TOKEN_STORE=memory "$TELEMATICSCTL" user create`, "false")
	out, errs, err := p.run(t, strings.Join(script, "\n"), more...)
	env := variables(errs)
	registered := regexp.MustCompile(`[0-9a-f-]{36}`).MatchString(out)
	if err == nil || env["TELEMATICS_INSTANCE_NAME"] != "ci-4711" || !registered {
		t.Errorf("%s%s%v", out, errs, err)
	}
	if p.throwAway(t) != env["TELEMATICS_INSTANCE_ID"] || strings.Contains(out, env["TELEMATICS_INSTANCE_KEY"]) {
		t.Errorf("%s%s", out, errs)
	}
	if out, errs, err := p.run(t, strings.Join(job.AfterScript, "\n"), more...); err != nil {
		t.Error(out, errs, err)
	}
	if left := p.throwAway(t); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// The examples of the page are copied into pipelines: the instance is deleted in any
// case, by inputs that there are.
func TestTheExamplesOfInstancesInTheDocsAreTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/instances.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	var a action
	readYAML(t, "../../ci/instance/action.yml", &a)
	var github struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses, If string
				With     map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(blocks[0][1]), &github); err != nil {
		t.Fatal(err)
	}
	steps := github.Jobs["test"].Steps
	for _, s := range steps {
		for name := range s.With {
			if _, ok := a.Inputs[name]; !ok {
				t.Errorf("the action has no input %s", name)
			}
		}
	}
	last := steps[len(steps)-1]
	if last.If != "always()" || last.With["command"] != "delete" || !strings.Contains(last.Uses, "/ci/instance@") {
		t.Errorf("the last step does not delete the instance in any case: %+v", last)
	}
	var include map[string]any
	readYAML(t, "../../ci/gitlab.yml", &include)
	var gitlab struct{ Test struct{ Extends string } }
	if err := yaml.Unmarshal([]byte(blocks[1][1]), &gitlab); err != nil || include[gitlab.Test.Extends] == nil {
		t.Errorf("no job %q to extend: %v", gitlab.Test.Extends, err)
	}
}
