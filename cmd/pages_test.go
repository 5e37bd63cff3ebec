package cmd_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// A list fetches no more pages than it prints users of.
func TestPagesThatAListFetches(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int32{
		"user list --limit 20 -o ids":                1,
		"user list -o ids":                           1, // there is one page
		"user list --limit 1 --tracking on":          1,
		"user find --device-token " + explainedToken: 0, // find is one call of its own
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var pages atomic.Int32
			b := newBench(t, recordingUser(), func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/GetFilteredPage") {
						pages.Add(1)
					}
					next.ServeHTTP(w, r)
				})
			})
			out, errs, exit := b.run(strings.Fields(line)...)
			if exit != 0 || !strings.Contains(out, explainedToken) || pages.Load() != want {
				t.Errorf("%d, %d pages: %s%s", exit, pages.Load(), out, errs)
			}
		})
	}
}
