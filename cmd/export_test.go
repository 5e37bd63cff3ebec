//go:build !windows

package cmd_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"testing"
)

// A list of which a part is missing is not printed, not even in part: a file of it would say that
// the others are gone.
func TestExportPrintsAllUsersOrNothing(t *testing.T) {
	t.Parallel()
	total := regexp.MustCompile(`"TotalUsers":2\b`)
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			w.WriteHeader(answer.Code)
			_, _ = w.Write(total.ReplaceAll(answer.Body.Bytes(), []byte(`"TotalUsers":3`)))
		})
	})
	h.tell(t, 0, "user create --client-id c-1", "")
	h.tell(t, 0, "user export --columns ClientId", "")
	h.tell(t, 0, "user create --client-id c-2", "")
	for _, format := range []string{"csv", "json", "jsonl", "yaml", "ids"} {
		if out, _ := h.tell(t, 7, "user export -o "+format, ""); out != "" {
			t.Errorf("%s: printed %q", format, out)
		}
	}
}

// Where an export cannot be kept until it is complete, it says so, and prints nothing.
func TestExportThatCannotBeKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, well)
	h.tell(t, 0, "user create --client-id c-1", "")
	p := h.process(t, "user", "export")
	p.Env = append(p.Env, "TMPDIR="+filepath.Join(h.dir, "missing"))
	var out, says bytes.Buffer
	p.Stdout, p.Stderr = &out, &says
	if err := p.Run(); err == nil || out.Len() > 0 {
		t.Errorf("%v, printed %q", err, &out)
	}
	wantIn(t, says.String(), "Error: the export cannot be kept until it is complete: ")
}
