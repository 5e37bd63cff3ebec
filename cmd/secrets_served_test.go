package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// What a served sandbox logs, and what its control API shows of requests, holds no secret
// of those who called it: in either format of the log, for calls that are granted and for
// those that are refused.
func TestAServedSandboxLogsNoSecret(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, answering("", 0))
			served := h.serve(t, "--memory", "--control", "--sign-in-limit", "-1", "--log-format", format)
			h.url = served.url
			ada, pair := h.user(t)
			words := strings.NewReplacer("ADA", ada, "PAIR", pair, "PASSWORD", h.password, "WRONG", keptWrong, "DIR", h.dir,
				"OUT", t.TempDir())
			for _, l := range everyCommand() {
				if l.args[0] == "sandbox" {
					continue
				}
				out, _, _ := h.do(t.Context(), append(l.with(words).args, "-o", "json"), l.with(words).stdin)
				h.learn(out + pair)
			}
			shown, status := get(t, served.url+"/_sandbox/requests")
			if status != http.StatusOK || strings.Count(shown, "/v1/Auth/Login") < 3 {
				t.Errorf("the control API answered %d\n%s", status, shown)
			}
			h.search(t, "the requests of the control API", shown)
			log := served.end()
			if strings.Count(log, "/v1/Auth/Login") < 3 || strings.Count(log, "\n") < 20 {
				t.Errorf("little was logged:\n%s", log)
			}
			h.search(t, "the log", log)
		})
	}
}

// servedSandbox is a `sandbox serve` that runs.
type servedSandbox struct {
	url string
	end func() (log string) // ends it, and gives all that it wrote to standard error
}

// serve runs a `sandbox serve` with the house's company.
func (h *house) serve(t *testing.T, flags ...string) servedSandbox {
	t.Helper()
	if _, _, exit := h.do(t.Context(), []string{"version"}, ""); exit != 0 { // from then on there is a configuration
		t.Fatal("the house has no configuration")
	}
	layout := filepath.Join(t.TempDir(), "layout.yaml")
	if err := os.WriteFile(layout, []byte(h.layoutText()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	out, ready := io.Pipe()
	var errs bytes.Buffer
	var running sync.WaitGroup
	running.Go(func() {
		env := h.env()
		cmd.Run(ctx, cmdutil.Env{
			Args:    append([]string{"sandbox", "serve", "--addr", "127.0.0.1:0", "-o", "json", "--layout", layout}, flags...),
			Streams: h.streams("", ready, &errs), Getenv: func(name string) string {
				return env[name]
			}, Now: h.Now, Version: "v0",
		})
		_ = ready.Close()
	})
	t.Cleanup(func() { end(); running.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		running.Wait()
		t.Fatalf("nothing is served: %v\n%s", err, &errs)
	}
	var says struct{ UserURL string }
	if err := json.Unmarshal([]byte(line), &says); err != nil {
		t.Fatal(err)
	}
	return servedSandbox{says.UserURL, func() string { end(); running.Wait(); return errs.String() }}
}

// get reads a URL.
func get(t *testing.T, url string) (body string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return string(data), resp.StatusCode
}
