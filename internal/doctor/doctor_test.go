package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A check that waits for something that never comes is given up, and the others are not.
func TestACheckThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	hangs := Check{Name: "hangs", Title: "Hangs", Run: func(context.Context) []Finding {
		<-never
		return nil
	}}
	t.Cleanup(func() { close(never) })
	works := Check{Name: "works"}
	works.Run = func(context.Context) []Finding { return works.good("yes") }
	found := Run(t.Context(), time.Millisecond, hangs, works)
	if len(found) != 2 || found[0].State != Broken || found[0].Check != "hangs" || found[1].State != Good ||
		found[0].Detail != "not done within 1ms" {
		t.Errorf("%+v", found)
	}
}

func TestACheckWhoseTimeIsUpSaysSo(t *testing.T) {
	t.Parallel()
	c := Check{Name: "slow"}
	c.Run = func(ctx context.Context) []Finding {
		<-ctx.Done()
		return c.broken(ctx.Err())
	}
	if found := Run(t.Context(), time.Millisecond, c); len(found) != 1 || found[0].Detail != "not done in time" {
		t.Errorf("%+v", found)
	}
}

func TestVerdictIsTheWorstState(t *testing.T) {
	t.Parallel()
	for want, states := range map[State][]State{
		Unknown: {}, Good: {Unknown, Good}, Warning: {Good, Warning, Unknown}, Broken: {Warning, Broken, Good},
	} {
		var found []Finding
		for _, s := range states {
			found = append(found, Finding{State: s})
		}
		if got := Verdict(found); got != want {
			t.Errorf("%v: %s, not %s", states, got, want)
		}
	}
}

func TestDiskRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		free uint64
		err  error
		want State
		says string
	}{
		"plenty":                   {80 << 30, nil, Good, "80.0 GiB free for "},
		"too little for a big job": {100 << 20, nil, Warning, "only 100 MiB free for "},
		"none for a journal":       {1 << 20, nil, Broken, "only 1 MiB free for "},
		"the system does not say":  {0, errors.New("no"), Unknown, "the system does not say"},
	} {
		found := diskWith(dir+"/not/yet/there", func(string) (uint64, error) { return c.free, c.err }).Run(t.Context())
		if len(found) != 1 || found[0].State != c.want || !strings.HasPrefix(found[0].Detail, c.says) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if n, err := freeBytes(dir); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// answer is a service that gives one answer to everything, and remembers what it was asked.
type answer struct {
	status int
	body   string
	asked  *http.Request
}

func (a *answer) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = r
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.body)), Header: http.Header{}}, nil
}

func TestTheNewestVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version string
		answer  answer
		want    State
	}{
		"the newest":             {"v1.2.0", answer{status: 200, body: `{"tag_name": "v1.2.0"}`}, Good},
		"an older one":           {"1.9.1", answer{status: 200, body: `{"tag_name": "v1.10.0"}`}, Warning},
		"a release candidate":    {"v2.0.0-rc.1", answer{status: 200, body: `{"tag_name": "v2.0.0"}`}, Warning},
		"newer than released":    {"2.0.1", answer{status: 200, body: `{"tag_name": "v2.0.0"}`}, Good},
		"built from a checkout":  {"dev", answer{status: 200, body: `{"tag_name": "v2.0.0"}`}, Good},
		"nothing released yet":   {"1.0.0", answer{status: 404, body: `{"message": "Not Found"}`}, Unknown},
		"an answer of something": {"1.0.0", answer{status: 200, body: `<html>`}, Unknown},
	} {
		found := Newest(c.version, &c.answer).Run(t.Context())
		if len(found) != 1 || found[0].State != c.want {
			t.Errorf("%s: %+v", name, found)
		}
		if c.answer.body == "<html>" && !strings.HasSuffix(found[0].Detail, "the answer names no version") {
			t.Errorf("%s: %q", name, found[0].Detail)
		}
		if c.answer.asked.URL.String() != NewestURL || c.answer.asked.Header.Get("Authorization") != "" {
			t.Errorf("%s: asked %s", name, c.answer.asked.URL)
		}
	}
}
