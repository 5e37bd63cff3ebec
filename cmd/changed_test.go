package cmd_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Files of changingRows rows, large enough that most of a file is not read yet when the first rows of it are sent.
const changingRows = 550

func usersFile(mark string) string {
	var b strings.Builder
	b.WriteString("ClientId,Address\n")
	for n := range changingRows {
		fmt.Fprintf(&b, "%s-%03d,%s\n", mark, n, strings.Repeat("Lane ", 220))
	}
	return b.String()
}

// packed is a text as gzip has it, in as many bytes for one text as for another of its length.
func packed(text string) string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.NoCompression) // the level is a known one
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// What people do to a file while a run reads it. All but the last leave the run without what was checked.
var changesOfAFile = []struct {
	name  string
	whole bool
	do    func(path, old, other string) error
}{
	{name: "overwritten in place", do: func(path, _, other string) error { return os.WriteFile(path, []byte(other), 0o600) }},
	{name: "truncated", do: func(path, old, _ string) error { return os.Truncate(path, int64(len(old)/2)) }},
	{name: "grown", do: func(path, old, other string) error { return os.WriteFile(path, []byte(old+other), 0o600) }},
	{name: "replaced by rename", whole: true, do: func(path, _, other string) error {
		return errors.Join(os.WriteFile(path+".new", []byte(other), 0o600), os.Rename(path+".new", path))
	}},
}

// witness remembers what was said of the users of a file, and does something at the tenth time.
type witness struct {
	named *regexp.Regexp // what a call of such a user has in it
	do    func()

	mu   sync.Mutex
	said map[string]int // how often the service has done what it was asked to, for each user
	all  int
}

func (o *witness) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		user := o.named.FindString(fmt.Sprint(r.URL, r.Header, string(body)))
		o.mu.Lock()
		if user != "" {
			if o.all++; o.all == 10 {
				o.do()
			}
		}
		o.mu.Unlock()
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		o.mu.Lock()
		if user != "" && rec.Code == http.StatusOK {
			o.said[user]++
		}
		o.mu.Unlock()
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// users holds the witness to users of the old file, each once, and gives their number.
func (o *witness) users(t *testing.T) int {
	t.Helper()
	for user, n := range o.said {
		if n != 1 || !strings.HasPrefix(user, "old") && !strings.HasPrefix(user, "01d") {
			t.Fatalf("%s: %d times", user, n)
		}
	}
	return len(o.said)
}

// A file that is saved over while its users are registered brings nobody in who was not checked; and once it is as it was, the same command makes
// every user that is missing, each once.
func TestAFileOfUsersThatIsSavedOverDuringTheRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"fleet.csv", "fleet.csv.gz"} {
		for _, c := range changesOfAFile {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				if c.whole && runtime.GOOS == "windows" {
					t.Skip("an open file keeps its name")
				}
				old, other := usersFile("old"), usersFile("new")
				if strings.HasSuffix(name, ".gz") {
					old, other = packed(old), packed(other)
				}
				seen := &witness{named: regexp.MustCompile(`(old|new)-\d+`), said: map[string]int{}}
				h := newHouse(t, seen.watch)
				path, results := filepath.Join(h.dir, name), filepath.Join(h.dir, "results.csv")
				seen.do = func() {
					if err := c.do(path, old, other); err != nil {
						t.Error(err)
					}
				}
				h.write(t, path, old)
				command := "user bulk -o ids --file " + path + " --results " + results
				if c.whole {
					h.tell(t, 0, command, "")
					if made := seen.users(t); made != changingRows {
						t.Errorf("%d users were made", made)
					}
					return
				}
				_, errs := h.tell(t, 1, command, "")
				wantIn(t, errs, name+": the file was changed while it was read")
				wantIn(t, errs, "Hint: what was sent came from the content that was checked: put the file back as it was; then go on with the same command or `telematicsctl job resume ")
				if made := seen.users(t); made < 10 || made == changingRows {
					t.Errorf("%d users were made", made)
				}
				h.write(t, path, old)
				_, errs = h.tell(t, 0, command, "")
				wantIn(t, errs, "Going on with job ")
				if made := seen.users(t); made != changingRows {
					t.Errorf("%d users were made in all", made)
				}
			})
		}
	}
}

func (h *house) write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whoever saves over the file by which users are deleted or changed loses nobody but those whom it named when it was checked.
func TestAFileOfTokensThatIsSavedOverDuringTheRun(t *testing.T) {
	t.Parallel()
	list := func(mark string) string {
		var b strings.Builder
		for n := range changingRows {
			fmt.Fprintf(&b, "%s00000-0000-4000-8000-%012d\n# %s\n", mark, n, strings.Repeat("a note ", 160))
		}
		return b.String()
	}
	for _, words := range []string{"user delete --yes --file ", "user set-tracking off --file "} {
		for _, name := range []string{"tokens", "tokens.gz"} {
			for _, c := range changesOfAFile {
				t.Run(words+name+" "+c.name, func(t *testing.T) {
					t.Parallel()
					if c.whole && runtime.GOOS == "windows" {
						t.Skip("an open file keeps its name")
					}
					old, other := list("01d"), list("4e3")
					if strings.HasSuffix(name, ".gz") {
						old, other = packed(old), packed(other)
					}
					seen := &witness{named: regexp.MustCompile(`(01d|4e3)00000-0000-4000-8000-\d+`), said: map[string]int{}}
					h := newHouse(t, seen.watch)
					path := filepath.Join(h.dir, name)
					h.write(t, path, old)
					seen.do = func() {
						if err := c.do(path, old, other); err != nil {
							t.Error(err)
						}
					}
					out, errs, exit := h.do(t.Context(), append(strings.Fields(words), path), "")
					seen.users(t)
					if strings.Contains(out, "4e300000") || strings.Contains(out, fmt.Sprintf("%012d", changingRows-1)) != c.whole {
						t.Errorf("%d calls, %d lines", seen.all, strings.Count(out, "\n"))
					}
					if c.whole {
						return
					}
					if exit != 1 {
						t.Errorf("exit status %d", exit)
					}
					wantIn(t, errs, name+": the file was changed while it was read")
					wantIn(t, errs, "Hint: those users stood in the file as it was checked: put it back as it was, and give the same command again")
				})
			}
		}
	}
}

// A file that is saved over when all of its users are sent leaves nothing to be done but the results, which repeat its columns.
func TestTheResultsOfAFileThatWasSavedOver(t *testing.T) {
	t.Parallel()
	seen := &witness{named: regexp.MustCompile(`(old|new)-\d+`), said: map[string]int{}}
	h := newHouse(t, seen.watch)
	path, results := filepath.Join(h.dir, "fleet.csv"), filepath.Join(h.dir, "results.csv")
	old := "ClientId\n"
	for n := range 10 {
		old += fmt.Sprintf("old-%d\n", n)
	}
	h.write(t, path, old)
	seen.do = func() { h.write(t, path, strings.ReplaceAll(old, "old", "new")) }
	command := "user bulk -o ids --file " + path + " --results " + results
	_, errs := h.tell(t, 1, command, "")
	wantIn(t, errs, "Error: 10 of 10 users created, but the files that were asked for are not written: "+path+": the file was changed while it was read")
	wantIn(t, errs, "put the file back as it was; then the same command or `telematicsctl job resume ")
	if _, err := os.Stat(results); err == nil {
		t.Error("there are results")
	}
	h.write(t, path, old)
	h.tell(t, 0, command, "")
	data, err := os.ReadFile(results)
	if err != nil || strings.Count(string(data), ",created,") != 10 || seen.users(t) != 10 {
		t.Errorf("%v\n%s", err, data)
	}
}
