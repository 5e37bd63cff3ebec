package job_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifests are the YAML blocks of docs/scale.md.
func manifests(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		out = append(out, string(m[1]))
	}
	if len(out) != 3 {
		t.Fatalf("docs/scale.md has %d manifests, not 3", len(out))
	}
	return out
}

// shell runs a command line of a manifest as its runner would, with the program on the
// path. It must exit with 0.
func shell(t *testing.T, s *service, dir, line string, env ...string) {
	t.Helper()
	if status, out := shellStatus(t, s, dir, line, env...); status != 0 {
		t.Fatalf("%s: exit status %d\n%s", line, status, out)
	}
}

func shellStatus(t *testing.T, s *service, dir, line string, env ...string) (status int, out string) {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %q \"$@\"\n", os.Args[0])
	if err := os.WriteFile(filepath.Join(bin, "telematicsctl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c := program(t, dir, append(append([]string{}, s.env...), env...))
	c.Path, c.Args, c.Dir = "/bin/sh", []string{"sh", "-c", line}, dir
	if strings.Contains(line, "10#") { // a runner of GitHub's has bash
		bash, err := exec.LookPath("bash")
		if err != nil {
			t.Skip("bash is required")
		}
		c.Path = bash
	}
	c.Env = append(c.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	text, err := c.CombinedOutput()
	return exit(t, err), string(text)
}

func drivers(t *testing.T, dir string, n int) {
	t.Helper()
	text := "ClientId,FirstName\n"
	for i := range n {
		text += fmt.Sprintf("driver-%d,Name %d\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "drivers.csv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// needShell skips where the manifests' commands cannot be run: they are for Linux.
func needShell(t *testing.T) {
	t.Helper()
	t.Parallel()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no /bin/sh here")
	}
}

// kubernetesJob is what is looked at of the manifest.
type kubernetesJob struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Spec       struct {
		CompletionMode       string `yaml:"completionMode"`
		Completions          int
		Parallelism          int
		BackoffLimitPerIndex int `yaml:"backoffLimitPerIndex"`
		Template             struct {
			Spec struct {
				RestartPolicy string `yaml:"restartPolicy"`
				Containers    []struct {
					Command, Args []string
					Env           []struct{ Name, Value string }
				}
			}
		}
	}
}

// kubernetes reads the manifest of the Indexed Job.
func kubernetes(t *testing.T) (job kubernetesJob) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(manifests(t)[0]), &job); err != nil {
		t.Fatal(err)
	}
	return job
}

func TestTheKubernetesJobMakesExactlyTheUsersOfTheWhole(t *testing.T) {
	needShell(t)
	job := kubernetes(t)
	c := job.Spec.Template.Spec.Containers[0]
	if job.APIVersion != "batch/v1" || job.Kind != "Job" || job.Spec.CompletionMode != "Indexed" ||
		job.Spec.Template.Spec.RestartPolicy != "Never" ||
		strings.Join(c.Command, " ") != "/bin/sh -c" || len(c.Args) != 1 {
		t.Fatalf("the manifest is %+v", job)
	}
	if !strings.Contains(c.Args[0], fmt.Sprintf("$shard/%d\"", job.Spec.Completions)) {
		t.Errorf("%d completions, and the command is %s", job.Spec.Completions, c.Args[0])
	}
	s, dir := serve(t), t.TempDir()
	drivers(t, dir, 100)
	var results []string
	for index := range job.Spec.Completions {
		shell(t, s, dir, c.Args[0], "DATA="+dir, fmt.Sprintf("JOB_COMPLETION_INDEX=%d", index))
		results = append(results, fmt.Sprintf("results-%02d.csv", index+1))
	}
	shell(t, s, dir, "telematicsctl job merge --file drivers.csv --results results.csv "+strings.Join(results, " "))
	whole(t, s, dir, 100)
}

// An index with rows that the service refuses for good fails each time it is tried, and
// never counts as succeeded: its exit status is that of all its rows, and none of them is
// sent again.
func TestAKubernetesIndexWithRowsThatFailedEndsAsFailed(t *testing.T) {
	needShell(t)
	job := kubernetes(t)
	s, dir := serve(t, "POST /v1/Registration/create: 400"), t.TempDir()
	drivers(t, dir, 100)
	requests := 0
	for try := range job.Spec.BackoffLimitPerIndex + 1 {
		status, out := shellStatus(t, s, dir, job.Spec.Template.Spec.Containers[0].Args[0], "DATA="+dir,
			"JOB_COMPLETION_INDEX=0")
		if status != 5 {
			t.Fatalf("try %d exits with %d: %s", try+1, status, out)
		}
		if n := s.counters(t).Requests; try == 0 {
			requests = n
		} else if n != requests {
			t.Errorf("try %d sent %d more requests", try+1, n-requests)
		}
	}
	if requests == 0 {
		t.Error("nothing was sent")
	}
}

// whole holds the joined results against the users of the service.
func whole(t *testing.T, s *service, dir string, total int) {
	t.Helper()
	users := s.users(t)
	if len(users) != total {
		t.Errorf("the service has %d users, not %d", len(users), total)
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		cells := strings.Split(line, ",")
		if cells[0] != fmt.Sprintf("driver-%d", i) || cells[2] != strconv.Itoa(i+1) || users[cells[3]] != cells[0] ||
			cells[4] != "created" {
			t.Errorf("row %d is %s", i+1, line)
		}
	}
}

func TestTheMatrixOfGitHubActionsMakesExactlyTheUsersOfTheWhole(t *testing.T) {
	needShell(t)
	type step struct{ Name, Run string }
	var flow struct {
		Jobs map[string]struct {
			Strategy struct{ Matrix struct{ Shard []string } }
			Steps    []step
		}
	}
	if err := yaml.Unmarshal([]byte(manifests(t)[1]), &flow); err != nil {
		t.Fatal(err)
	}
	run := func(job, name string) string {
		for _, s := range flow.Jobs[job].Steps {
			if s.Name == name {
				return s.Run
			}
		}
		t.Fatalf("job %s has no step %s", job, name)
		return ""
	}
	s, dir := serve(t), t.TempDir()
	drivers(t, dir, 100)
	for _, shard := range flow.Jobs["shard"].Strategy.Matrix.Shard {
		shell(t, s, dir, strings.ReplaceAll(run("shard", "register"), "${{ matrix.shard }}", shard))
	}
	shell(t, s, dir, run("merge", "merge"))
	whole(t, s, dir, 100)
}

func TestTheMatrixOfGitLabMakesExactlyTheUsersOfTheWhole(t *testing.T) {
	needShell(t)
	var flow struct {
		Register struct {
			Parallel int
			Script   []string
		}
		Merge struct{ Script []string }
	}
	if err := yaml.Unmarshal([]byte(manifests(t)[2]), &flow); err != nil {
		t.Fatal(err)
	}
	s, dir := serve(t), t.TempDir()
	drivers(t, dir, 100)
	for index := 1; index <= flow.Register.Parallel; index++ {
		shell(t, s, dir, strings.Join(flow.Register.Script, "\n"), fmt.Sprintf("CI_NODE_INDEX=%d", index),
			fmt.Sprintf("CI_NODE_TOTAL=%d", flow.Register.Parallel))
	}
	shell(t, s, dir, strings.Join(flow.Merge.Script, "\n"))
	whole(t, s, dir, 100)
}
