package cmd_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

// The scripts run the program in processes of its own. Each writes down what goes between
// it and the service, in the folder that this variable names; when the script has ended,
// all of it is held to the contract: what the program sent, whatever the service was
// like, and what it was answered, unless the service misbehaved on purpose.
const exchangesFolder = "CONTRACT_TEST_EXCHANGES"

// theContract is read once for all scripts.
var theContract = sync.OnceValue(func() *contracttest.Contract {
	c, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return c
})

// wellKinds are the services of newService whose answers are the sandbox's own, if there
// are any. The others answer what the service itself never would: pages of proxies, bare
// failures, redirects, batches of which one is missing.
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

// holdToContract has a script's processes write down what they send, and holds it when
// the script has ended.
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

// exchanged METHOD PATH STATUS...: holds a script to what its programs have sent so far,
// to one path, and to how that was answered, the statuses sorted.
func exchanged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: exchanged METHOD PATH STATUS...")
	}
	var got []string
	ts.Check(contracttest.Written(ts.Getenv(exchangesFolder), func(e contracttest.Exchange) error {
		if e.Request.Method == args[0] && e.Request.URL.Path == args[1] && e.Response != nil {
			got = append(got, fmt.Sprint(e.Response.StatusCode))
		}
		return nil
	}))
	slices.Sort(got)
	if !slices.Equal(got, args[2:]) {
		ts.Fatalf("%s %s was answered %v, not %v", args[0], args[1], got, args[2:])
	}
}

func holdFolder(folder string, ill *unwell) error {
	both := theContract().Holder(contracttest.Hold{Requests: true, Answers: true})
	requests := theContract().Holder(contracttest.Hold{Requests: true})
	return contracttest.Written(folder, func(e contracttest.Exchange) error {
		if ill.has(e.Request.URL.String()) {
			return requests(e)
		}
		return both(e)
	})
}
