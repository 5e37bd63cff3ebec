package contracttest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errBroken = errors.New("the connection broke")

// Whoever is watched sees what they would see alone: a body, a body that breaks off, an error.
func TestWatchingChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		answer io.Reader // nil: the connection breaks before
		whole  bool
	}{
		"a whole answer":                {strings.NewReader("whole"), true},
		"an answer that breaks off":     {io.MultiReader(strings.NewReader("half"), broken{}), false},
		"a connection that breaks soon": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var seen contracttest.Exchange
			next := tripper(func(r *http.Request) (*http.Response, error) {
				if sent, err := io.ReadAll(r.Body); err != nil || string(sent) != "sent" {
					t.Errorf("the service got %q (%v)", sent, err)
				}
				if c.answer == nil {
					return nil, errBroken
				}
				return &http.Response{StatusCode: 200, Body: io.NopCloser(c.answer)}, nil
			})
			resp, err := contracttest.Watch(next, func(e contracttest.Exchange) {
				seen = e
			}).RoundTrip(httptest.NewRequest("POST", "/", strings.NewReader("sent")))
			if string(seen.Sent) != "sent" || (seen.Response != nil) != c.whole {
				t.Errorf("seen was %+v", seen)
			}
			if c.answer == nil {
				if !errors.Is(err, errBroken) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if want := map[bool]string{true: "whole", false: "half"}[c.whole]; string(got) != want ||
				errors.Is(err, errBroken) == c.whole {
				t.Errorf("got %q (%v)", got, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }
