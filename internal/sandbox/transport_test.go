package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

func through(h http.HandlerFunc) *http.Client {
	return &http.Client{Transport: sandbox.Transport(h)}
}

func TestTheHandlerSeesARequestAsAServerWould(t *testing.T) {
	client := through(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.RequestURI != "/a?b=c" || r.Host != "sandbox" || r.RemoteAddr == "" || string(body) != "hello" ||
			r.ContentLength != 5 {
			t.Errorf("%s %s %s %q", r.RequestURI, r.Host, r.RemoteAddr, body)
		}
		w.Header().Set("X-One", "1")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "2")
		if _, err := io.WriteString(w, "there"); err != nil {
			t.Error(err)
		}
	})
	resp, err := client.Post("http://sandbox/a?b=c", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusTeapot || string(body) != "there" || resp.ContentLength != 5 ||
		resp.Header.Get("X-One") != "1" || resp.Header.Get("X-Late") != "" {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
}

func TestTheRequestsContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := through(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		for name, c := range map[string]struct {
			ctx  func() (context.Context, context.CancelFunc)
			want error
		}{
			"deadline": {func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(t.Context(), time.Second)
			}, context.DeadlineExceeded},
			"cancelled": {func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, context.Canceled},
			"before": {func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				return ctx, cancel
			}, context.Canceled},
		} {
			ctx, cancel := c.ctx()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://sandbox/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Do(req); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
		}
	})
}

func TestAHandlerThatAbortsIsABrokenConnection(t *testing.T) {
	client := through(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/after" {
			if _, err := io.WriteString(w, "half"); err != nil {
				t.Error(err)
			}
		}
		panic(http.ErrAbortHandler)
	})
	if resp, err := client.Get("http://sandbox/before"); err == nil {
		t.Errorf("got %s", resp.Status)
	}
	resp, err := client.Get("http://sandbox/after")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if string(body) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", body, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}
