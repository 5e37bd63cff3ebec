package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/proxy"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// differing is a sandbox that differs from the contract by replacing the given texts in its
// answers. It remembers the secrets that it gives out.
type differing struct {
	box http.Handler
	how []difference

	mu      sync.Mutex
	secrets []string
}

// difference changes the answers of a call (method, and the beginning of the path).
type difference struct {
	call   string
	change func(w *httptest.ResponseRecorder) // its body is JSON; Code may be changed too
	where  string                             // what is reported: call, status and place
}

var givenOut = regexp.MustCompile(`"(?:Token|RefreshToken|Key)":"([^"]{30,})"`)

func (d *differing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := httptest.NewRecorder()
	d.box.ServeHTTP(got, r)
	d.mu.Lock()
	for _, m := range givenOut.FindAllStringSubmatch(got.Body.String(), -1) {
		d.secrets = append(d.secrets, m[1])
	}
	how := d.how
	d.mu.Unlock()
	for _, how := range how {
		method, path, _ := strings.Cut(how.call, " ")
		if r.Method == method && strings.HasPrefix(r.URL.Path, path) {
			how.change(got)
		}
	}
	got.Header().Del("Content-Length")
	maps.Copy(w.Header(), got.Header())
	w.WriteHeader(got.Code)
	_, _ = w.Write(got.Body.Bytes())
}

// replaced replaces a pattern in successful answers.
func replaced(pattern, by string) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) {
		if w.Code == http.StatusOK {
			text := regexp.MustCompile(pattern).ReplaceAllString(w.Body.String(), by)
			w.Body = bytes.NewBufferString(text)
		}
	}
}

// bareWhere takes the body from the answers of a status.
func bareWhere(status int) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) {
		if w.Code == status {
			w.Body.Reset()
		}
	}
}

const usersPath = "/v1/Management/users"

// tenDifferences are what the service might well turn out to do.
func tenDifferences() []difference {
	return []difference{
		{"POST /v1/Auth/Login", replaced(`"ExpiresIn":(\d+)`, `"ExpiresIn":"$1"`),
			"POST /v1/Auth/Login 200 /Result/AccessToken/ExpiresIn"},
		{"POST /v1/Registration/create",
			replaced(`"DeviceToken":"(\w+)-(\w+)-(\w+)-(\w+)-(\w+)"`, `"DeviceToken":"$1$2$3$4$5"`),
			"POST /v1/Registration/create 200 /Result/DeviceToken"},
		{"GET " + usersPath + "/find", replaced(`"IdentityId"`, `"Shoe":43,"IdentityId"`),
			"GET /v1/Management/users/find 200 /Result/*/Shoe"},
		{"GET " + usersPath + "/find", replaced(`"ActivityStatus":"[^"]*"`, `"ActivityStatus":"Paused"`),
			"GET /v1/Management/users/find 200 /Result/*/ActivityStatus"},
		{"POST " + usersPath + "/GetFilteredPage", replaced(`"DateCreated":"([^"]*)"`, `"DateCreated":"${1}Z"`),
			"POST /v1/Management/users/GetFilteredPage 200 /Result/Users/*/DateCreated"},
		{"POST " + usersPath + "/GetFilteredPage", replaced(`"TotalPages":\d+,`, ``),
			"POST /v1/Management/users/GetFilteredPage 200 /Result/TotalPages"},
		{"PUT " + usersPath, replaced(`^\{`, `{"Result":{},`),
			"PUT /v1/Management/users 200 /Result"},
		{"DELETE " + usersPath, func(w *httptest.ResponseRecorder) {
			if w.Code == http.StatusOK {
				w.Code = http.StatusNoContent
				w.Body.Reset()
			}
		}, "DELETE /v1/Management/users/{DeviceToken} 204 status"},
		{"DELETE " + usersPath, bareWhere(http.StatusNotFound),
			"DELETE /v1/Management/users/{DeviceToken} 404 body"},
		{"GET /auth/permissions", func(w *httptest.ResponseRecorder) { w.Header().Set("Content-Type", "text/html") },
			"GET /auth/permissions 200 body"},
	}
}

// passing is a `sandbox proxy` that runs.
type passing struct {
	url string
	end func() proxy.Report // ends it, and gives its report
}

func pass(t *testing.T, record string, to ...string) passing {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	var out bytes.Buffer
	errs, says := io.Pipe()
	var running sync.WaitGroup
	running.Go(func() {
		args := []string{"sandbox", "proxy", "--addr", "127.0.0.1:0", "--record", record}
		for _, one := range to {
			args = append(args, "--to", one)
		}
		if exit := tool(ctx, t, &out, says, nil, args...); exit != 0 {
			t.Errorf("the proxy ended with %d", exit)
		}
		_ = says.Close()
	})
	lines := bufio.NewReader(errs)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://[\d.:]+`).FindString(line)
	warned := 0
	running.Go(func() {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if strings.Contains(line, "the service differs: ") {
				warned++
			}
		}
	})
	return passing{url, func() proxy.Report {
		end()
		running.Wait()
		var report proxy.Report
		if err := json.Unmarshal(out.Bytes(), &report); err != nil {
			t.Fatalf("%v in %s", err, out.Bytes())
		}
		if warned != len(report.Differences) {
			t.Errorf("%d differences were told of, and %d are in the report", warned, len(report.Differences))
		}
		return report
	}}
}

// tool runs the program in an environment.
func tool(ctx context.Context, t *testing.T, out, errs io.Writer, env map[string]string, args ...string) int {
	t.Helper()
	all := map[string]string{"XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	maps.Copy(all, env)
	return cmd.Run(ctx, cmdutil.Env{
		Args: args, Streams: &terminal.Streams{In: strings.NewReader(""), Out: out, Err: errs},
		Getenv: func(name string) string { return all[name] }, Now: time.Now, Version: "v0",
		Retry: userservice.Retry{Tries: 1, First: time.Nanosecond},
	})
}

// A user's life with the tool, through the proxy.
func lifeThrough(t *testing.T, url string) (printed string) {
	t.Helper()
	env := environment(url)
	env["TELEMATICSCTL_TOKEN_STORE"] = "memory" // no guard of sign-ins from one command to the next
	const ada = "5f0c64e1-0000-4000-8000-00000000ada1"
	var out bytes.Buffer
	for _, line := range []string{
		"user create --custom-token " + ada + " --first-name Ada --email ada@example.com --jq .Outcome",
		"user find --email ada@example.com --jq .", "user list --jq .", "instance list -o json",
		"user update " + ada + " --last-name Lovelace --as admin", "user delete " + ada + " --yes",
		"api DELETE /v1/Management/users/" + ada + " --yes --jq .Status",
	} {
		fmt.Fprintf(&out, "exit %d\n", tool(t.Context(), t, &out, io.Discard, env, strings.Fields(line)...))
	}
	return out.String()
}

func servedBox(t *testing.T, how []difference) (*differing, string) {
	t.Helper()
	box, err := sandbox.Open(sandbox.Options{SignInLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	d := &differing{box: box, how: how}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return d, server.URL
}

func wheres(all []proxy.Difference) []string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%s %d %s", d.Call, d.Status, d.Where))
	}
	slices.Sort(out)
	return out
}

// A service that differs in ten ways is reported in these ten, and no secret is in the recording.
func TestTheProxyReportsWhereTheServiceDiffers(t *testing.T) {
	t.Parallel()
	how := tenDifferences()
	d, service := servedBox(t, how)
	record := filepath.Join(t.TempDir(), "record.jsonl")
	p := pass(t, record, service)
	// The differences are taken one by one, so that the tool gets as far with each as it
	// does in real life.
	printed := ""
	for i := range how {
		d.mu.Lock()
		d.how = how[i : i+1]
		d.mu.Unlock()
		printed += lifeThrough(t, p.url)
	}
	report := p.end()
	var want []string
	for _, each := range how {
		want = append(want, each.where)
	}
	slices.Sort(want)
	if got := wheres(report.Differences); !slices.Equal(got, want) {
		t.Errorf("reported\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), printed)
	}
	recording, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	secrets := append(slices.Clone(d.secrets), sandbox.InstanceKey, sandbox.AdminPassword,
		strings.ReplaceAll(sandbox.InstanceKey, "-", ""))
	if len(secrets) < 20 || bytes.Count(recording, []byte("\n")) != report.Exchanges {
		t.Errorf("%d secrets; %d exchanges", len(secrets), report.Exchanges)
	}
	for _, s := range secrets {
		if bytes.Contains(bytes.ToLower(recording), []byte(strings.ToLower(s))) {
			t.Errorf("%.12s… is in the recording", s)
		}
	}
}

// A sandbox is reported in nothing, and what was recorded of it can stand in its place.
func TestARecordingStandsInPlaceOfTheService(t *testing.T) {
	t.Parallel()
	_, service := servedBox(t, nil)
	record := filepath.Join(t.TempDir(), "record.jsonl")
	p := pass(t, record, service)
	live := lifeThrough(t, p.url)
	if report := p.end(); len(report.Differences) > 0 || report.Exchanges < 7 {
		t.Errorf("%+v", report)
	}
	f, err := os.Open(record)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	again, err := proxy.Replay(f)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(again)
	defer server.Close()
	if replayed := lifeThrough(t, server.URL); replayed != live || !strings.Contains(live, "Ada") {
		t.Errorf("live\n%s\nreplayed\n%s", live, replayed)
	}
}

// One proxy stands in front of all hosts: each request goes to the host that the contract names
// for its path.
func TestTheProxyPassesToTheHostOfACall(t *testing.T) {
	t.Parallel()
	d, _ := servedBox(t, nil)
	var mu sync.Mutex
	came := map[string]bool{} // host and path
	var to, want []string
	for _, host := range []string{"accounts", "", "user", "portal"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			came[host+" "+strings.Join(strings.SplitAfterN(r.URL.Path, "/", 4)[:3], "")] = true
			mu.Unlock()
			d.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		to, want = append(to, strings.TrimPrefix(host+"="+server.URL, "=")), append(want, server.URL)
	}
	p := pass(t, filepath.Join(t.TempDir(), "record.jsonl"), to...)
	for _, line := range []string{"instance list", "api GET /indicators/admin/v3/Statistics/Dates --host statistics"} {
		tool(t.Context(), t, io.Discard, io.Discard, environment(p.url), strings.Fields(line)...)
	}
	report := p.end()
	slices.Sort(want)
	if len(report.Differences) > 0 || !slices.Equal(report.To, want) {
		t.Errorf("%+v", report)
	}
	got := strings.Join(slices.Sorted(maps.Keys(came)), ", ")
	if got != " /indicators/admin/, accounts /v1/applications/, accounts /v1/companies/, portal /auth/permissions, "+
		"user /v1/Auth/" {
		t.Error(got)
	}
}
