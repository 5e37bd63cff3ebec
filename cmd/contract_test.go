package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/contracttest"
)

// The scripts run the program in processes of its own. Each writes down what goes between it and the service, in the folder that this variable
// names; when the script has ended, all of it is held to the contract: what the program sent, whatever the service was like, and what it was
// answered, unless the service misbehaved on purpose.
const exchangesFolder = "CONTRACT_TEST_EXCHANGES"

// written is an exchange as it is written down.
type written struct {
	Method, URL string
	Header      http.Header
	Sent        []byte
	Status      int // 0: there was no answer
	Answer      http.Header
	Got         []byte
}

// writingDown is the wire of a process under test; nil where nobody wants to know.
func writingDown(folder string) func(http.RoundTripper) http.RoundTripper {
	if folder == "" {
		return nil
	}
	var mu sync.Mutex
	return func(next http.RoundTripper) http.RoundTripper {
		return contracttest.Watch(next, func(e contracttest.Exchange) {
			mu.Lock()
			defer mu.Unlock()
			if err := writeDown(folder, e); err != nil {
				panic(err)
			}
		})
	}
}

func writeDown(folder string, e contracttest.Exchange) error {
	w := written{Method: e.Request.Method, URL: e.Request.URL.String(), Header: e.Request.Header, Sent: e.Sent, Got: e.Got}
	if e.Response != nil {
		w.Status, w.Answer = e.Response.StatusCode, e.Response.Header
	}
	line, err := json.Marshal(w)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(folder, fmt.Sprint(os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n')) // in one go: a process that is killed leaves no half line
	return errors.Join(err, f.Close())
}

// theContract is read once for all scripts.
var theContract = sync.OnceValue(func() *contracttest.Contract {
	c, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return c
})

// wellKinds are the services of newService whose answers are the sandbox's own, if there are any. The others answer what the service itself never
// would: pages of proxies, bare failures, redirects, batches of which one is missing.
var wellKinds = []string{"", "well", "no-multiple", "lost", "slow"}

// unwell is a script's services that misbehave, by their URL.
type unwell struct {
	mu   sync.Mutex
	urls []string
}

type unwellKey struct{}

func (u *unwell) add(kind, url string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Contains(wellKinds, kind) {
		u.urls = append(u.urls, url)
	}
}

func (u *unwell) has(url string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.urls, func(base string) bool { return strings.HasPrefix(url, base+"/") })
}

// holdToContract has a script's processes write down what they send, and holds it when the script has ended.
func holdToContract(t *testing.T, e *testscript.Env) {
	folder := t.TempDir()
	e.Setenv(exchangesFolder, folder)
	ill := &unwell{}
	e.Values[unwellKey{}] = ill
	script := filepath.Base(e.WorkDir)
	e.Defer(func() {
		if err := holdFolder(folder, ill); err != nil {
			t.Errorf("%s: %v", script, err)
		}
	})
}

// exchanged METHOD PATH STATUS...: holds a script to what its programs have sent so far, to one path, and to how that was answered, the statuses
// sorted.
func exchanged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: exchanged METHOD PATH STATUS...")
	}
	files, err := filepath.Glob(filepath.Join(ts.Getenv(exchangesFolder), "*"))
	ts.Check(err)
	var got []string
	for _, file := range files {
		ts.Check(eachWritten(file, func(e contracttest.Exchange) error {
			if e.Request.Method == args[0] && e.Request.URL.Path == args[1] && e.Response != nil {
				got = append(got, fmt.Sprint(e.Response.StatusCode))
			}
			return nil
		}))
	}
	slices.Sort(got)
	if !slices.Equal(got, args[2:]) {
		ts.Fatalf("%s %s was answered %v, not %v", args[0], args[1], got, args[2:])
	}
}

func holdFolder(folder string, ill *unwell) error {
	both := theContract().Holder(contracttest.Hold{Requests: true, Answers: true})
	requests := theContract().Holder(contracttest.Hold{Requests: true})
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		errs = append(errs, eachWritten(file, func(e contracttest.Exchange) error {
			if ill.has(e.Request.URL.String()) {
				return requests(e)
			}
			return both(e)
		}))
	}
	return errors.Join(errs...)
}

func eachWritten(file string, fn func(contracttest.Exchange) error) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for lines.Scan() {
		var w written
		if err := json.Unmarshal(lines.Bytes(), &w); err != nil {
			return err
		}
		r, err := http.NewRequest(w.Method, w.URL, bytes.NewReader(w.Sent))
		if err != nil {
			return err
		}
		r.Header = w.Header
		e := contracttest.Exchange{Request: r, Sent: w.Sent, Got: w.Got}
		if w.Status != 0 {
			e.Response = &http.Response{StatusCode: w.Status, Header: w.Answer, Body: io.NopCloser(bytes.NewReader(nil))}
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return lines.Err()
}
