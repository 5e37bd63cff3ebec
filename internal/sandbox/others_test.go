package sandbox_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

// A client in another language goes through a user's whole life. It needs python3 and is
// skipped only where there is none.
func TestAWholeLifeInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here, whose HTTP client this test is about")
	}
	served, _ := serving(t, sandbox.Options{})
	out, err := exec.CommandContext(t.Context(), python, "testdata/life.py", held(t, served), sandbox.InstanceID,
		sandbox.InstanceKey,
		seed.SecondInstanceID, seed.SecondInstanceKey, sandbox.InviteCode, sandbox.AdminEmail, sandbox.AdminPassword).
		CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "a whole life" {
		t.Errorf("%v\n%s", err, out)
	}
}

// held is the URL of a server that passes everything on to another, and holds the answers
// to the contract.
func held(t *testing.T, served string) string {
	t.Helper()
	to, err := url.Parse(served)
	if err != nil {
		t.Fatal(err)
	}
	between := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: theContract().Transport(http.DefaultTransport, contracttest.Hold{Answers: true}, func(err error) {
			t.Error(err)
		}),
	})
	t.Cleanup(between.Close)
	return between.URL
}

// soak is how long TestManyClientsAtOnce goes on.
var soak = flag.Duration("sandbox.soak", 500*time.Millisecond, "how long the 64 clients go on")

// 64 clients do everything at once, on either engine: no answer but those that are meant,
// every user accounted for, and the memory in use reported before and after.
func TestManyClientsAtOnce(t *testing.T) {
	for name, o := range map[string]sandbox.Options{"memory": {SignInLimit: -1},
		"folder": {SignInLimit: -1, Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			server := httptest.NewServer(w.box)
			socket := &http.Transport{MaxIdleConnsPerHost: 64}
			wire := theContract().Transport(socket, contracttest.Hold{Answers: true}, func(err error) { t.Error(err) })
			client := &http.Client{Transport: wire}
			before := inUse()
			begun := time.Now()
			var wg sync.WaitGroup
			alive := make([]int, 64)
			for i := range alive {
				wg.Go(func() { alive[i] = manyLives(t, client, server.URL, uint64(i), begun.Add(*soak)) })
			}
			wg.Wait()
			socket.CloseIdleConnections()
			server.Close()
			total := 0
			for _, n := range alive {
				total += n
			}
			if got := w.list(t, w.asAdmin(t),
				`{"PageNumber": 1, "PageSize": 1, "ShowInactiveUsers": true}`).TotalUsers; got != total {
				t.Errorf("%d users are there, %d should be", got, total)
			}
			t.Logf("%v: %d users left; memory in use %d KiB before, %d KiB after", time.Since(begun).
				Round(time.Millisecond), total, before>>10, inUse()>>10)
		})
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// manyLives registers, finds, updates, refreshes and mostly deletes users until a moment;
// it returns how many it left. Nine of ten are deleted, so that a long soak shows whether
// memory is given back.
func manyLives(t *testing.T, client *http.Client, base string, seed uint64, until time.Time) (left int) {
	dice := rand.New(rand.NewPCG(seed, seed))
	login := `{"LoginFields": {"email": "` + sandbox.AdminEmail + `"}, "Password": "` + sandbox.AdminPassword + `"}`
	admin := bearer(send(t, client, base, "POST", "/v1/Auth/Login", nil, login).tokens(t).AccessToken.Token)
	for n := 0; n == 0 || time.Now().Before(until); n++ {
		name := fmt.Sprintf("n%d-%d", seed, n)
		u := send(t, client, base, "POST", "/v1/Registration/create", theInstance,
			`{"FirstName": "`+name+`", "Country": "UK"}`).tokens(t)
		if r := send(t, client, base, "PUT", "/v1/Management/users", forUser(admin, u.DeviceToken),
			`{"LastName": "x", "UserFields": {"EnableLogging": true}}`); r.HTTP != 200 {
			t.Errorf("update: %s", r.Raw)
		}
		refresh := fmt.Sprintf(`{"AccessToken": %q, "RefreshToken": %q}`, u.AccessToken.Token, *u.RefreshToken)
		if r := send(t, client, base, "POST", "/v1/Auth/RefreshToken", nil, refresh); r.HTTP != 200 {
			t.Errorf("refresh: %s", r.Raw)
		}
		if r := send(t, client, base, "GET", "/v1/Management/users/find?FullName="+name+"+x", admin,
			""); !strings.Contains(r.Raw, u.DeviceToken) {
			t.Errorf("find: %s", r.Raw)
		}
		if dice.IntN(20) == 0 {
			if r := send(t, client, base, "POST", "/v1/Management/users/GetFilteredPage", admin,
				`{"PageNumber": 1, "PageSize": 10, "Country": "UK"}`); r.HTTP != 200 {
				t.Errorf("list: %s", r.Raw)
			}
		}
		if dice.IntN(10) == 0 {
			left++
			continue
		}
		if r := send(t, client, base, "DELETE", "/v1/Management/users/"+u.DeviceToken, admin, ""); r.HTTP != 200 {
			t.Errorf("delete: %s", r.Raw)
		}
	}
	return left
}
