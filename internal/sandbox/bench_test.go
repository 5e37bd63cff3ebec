package sandbox_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

// fleetSize is how many users are there while the benchmarks run; the figures in
// docs/sandbox.md are for 200,000.
var fleetSize = flag.Int("sandbox.fleet", 20000, "users that are there while the benchmarks run")

// fleet is a sandbox in memory with fleetSize users, made once.
var fleet = sync.OnceValue(func() *sandbox.Sandbox {
	box, err := sandbox.Open(sandbox.Options{SignInLimit: -1})
	if err != nil {
		panic(err)
	}
	return box
})

var filled sync.Once

func fullWorld(b *testing.B) *world {
	b.Helper()
	w := &world{clock: newClock(), box: fleet(), client: &http.Client{Transport: sandbox.Transport(fleet())}}
	filled.Do(func() {
		begun := time.Now()
		w.fill(b, *fleetSize, 7)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.Logf("%d users made in %v; %d MiB in use", *fleetSize, time.Since(begun).Round(time.Millisecond), m.HeapAlloc>>20)
	})
	return w
}

var bodies atomic.Int64

// fullBody is a registration with the usual fields, no two alike.
func fullBody() string {
	n := bodies.Add(1)
	return fmt.Sprintf(`{"FirstName":"Ada%d","LastName":"Lovelace%d","Email":"ada%d@example.com","Phone":"+44%d",`+
		`"Country":"UK","City":"London","UserFields":{"ClientId":"c-%d","EnableTracking":true}}`, n, n, n, n, n)
}

// serve answers one request without any transport.
func serve(b *testing.B, box *sandbox.Sandbox, method, path string, h headers, body string) {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for k, v := range h {
		req.Header.Set(k, v)
	}
	out := nowhere{header: http.Header{}}
	box.ServeHTTP(&out, req)
	if out.status != http.StatusOK {
		b.Fatal(method, path, out.status)
	}
}

// nowhere is where an answer goes whose content does not count.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(status int)      { n.status = status }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkRegister is a registration without a transport, beside fleetSize users.
func BenchmarkRegister(b *testing.B) {
	w := fullWorld(b)
	for name, body := range map[string]func() string{
		"empty": func() string {
			return `{}`
		}, "full": fullBody, "without tokens": func() string { return `{"CreateAccessToken":false}` },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve(b, w.box, "POST", "/v1/Registration/create", theInstance, body())
			}
		})
	}
}

// BenchmarkRegisterOverLoopback is 64 clients on as many connections, in the same
// process, against a server on 127.0.0.1.
func BenchmarkRegisterOverLoopback(b *testing.B) {
	w := fullWorld(b)
	server := httptest.NewServer(w.box)
	defer server.Close()
	const clients = 64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var left atomic.Int64
	left.Store(int64(b.N))
	var slowest atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				begun := time.Now()
				if err := post(client, server.URL, fullBody()); err != nil {
					b.Error(err)
					return
				}
				for took := int64(time.Since(begun)); ; {
					was := slowest.Load()
					if took <= was || slowest.CompareAndSwap(was, took) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "registrations/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "slowest-ms")
	client.CloseIdleConnections()
}

func post(client *http.Client, base, body string) error {
	req, err := http.NewRequest(http.MethodPost, base+"/v1/Registration/create", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range theInstance {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("got %s", resp.Status)
	}
	return err
}

// BenchmarkFind is a find by each field.
func BenchmarkFind(b *testing.B) {
	w := fullWorld(b)
	as := w.asAdmin(b)
	p := w.list(b, as, `{"PageNumber": 7, "PageSize": 100, "ShowInactiveUsers": true, "Sort": "DateCreated"}`).Users
	for _, u := range p {
		if u.UserFields[0]["ClientId"] == nil {
			continue
		}
		first, last := fmt.Sprint(u.UserProfile["FirstName"]), fmt.Sprint(u.UserProfile["LastName"])
		for _, q := range [][2]string{
			{"DeviceToken", u.DeviceToken}, {"Email", fmt.Sprint(u.UserProfile["Email"])},
			{"Phone", fmt.Sprint(u.UserProfile["Phone"])},
			{"ClientId", fmt.Sprint(u.UserFields[0]["ClientId"])}, {"FirstName", first}, {"LastName", last},
			{"FullName", first + " " + last},
		} {
			b.Run(q[0], func(b *testing.B) {
				n := len(w.find(b, as, q[0]+"="+url.QueryEscape(q[1])))
				for b.Loop() {
					serve(b, w.box, "GET", "/v1/Management/users/find?"+q[0]+"="+url.QueryEscape(q[1]), as, "")
				}
				b.ReportMetric(float64(n), "found")
			})
		}
		return
	}
	b.Fatal("nobody with a ClientId")
}

// BenchmarkList is the first page of a list, the state having just changed (so that
// nothing is remembered), and a page far behind on the way through the list.
func BenchmarkList(b *testing.B) {
	w := fullWorld(b)
	as := w.asAdmin(b)
	for name, filter := range map[string]string{
		"by date":                  `"Sort": "DateCreatedDesc", "ShowInactiveUsers": true`,
		"by name":                  `"Sort": "LastName", "ShowInactiveUsers": true`,
		"active only":              `"Sort": "LastName"`,
		"of a city":                `"Sort": "LastName", "ShowInactiveUsers": true, "City": "Boston"`,
		"of a country":             `"Sort": "LastName", "ShowInactiveUsers": true, "Country": "Canada"`,
		"active ones of a country": `"Sort": "LastName", "Country": "Canada", "ActivityStatuses": ["Active"]`,
		"searched":                 `"Sort": "LastName", "ShowInactiveUsers": true, "SearchTerm": "smith"`,
	} {
		b.Run("first page "+name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				serve(b, w.box, "POST", "/v1/Registration/create", theInstance, `{"CreateAccessToken": false}`)
				b.StartTimer()
				serve(b, w.box, "POST", "/v1/Management/users/GetFilteredPage", as,
					`{"PageNumber": 1, "PageSize": 100, `+filter+`}`)
			}
		})
	}
	b.Run("next page", func(b *testing.B) {
		page := 1
		for b.Loop() {
			page = page%(*fleetSize/100) + 1
			serve(b, w.box, "POST", "/v1/Management/users/GetFilteredPage", as,
				fmt.Sprintf(`{"PageNumber": %d, "PageSize": 100, "Sort": "LastName", "ShowInactiveUsers": true}`, page))
		}
	})
}

// BenchmarkFirstRequestInAFolder is what a command pays for the sandbox: opening it, one
// request, letting go.
func BenchmarkFirstRequestInAFolder(b *testing.B) {
	dir := b.TempDir()
	var body bytes.Buffer
	for b.Loop() {
		box, err := sandbox.Open(sandbox.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		resp, err := (&http.Client{Transport: sandbox.Transport(box)}).Do(registration(b.Context()))
		if err != nil {
			b.Fatal(err)
		}
		body.Reset()
		_, _ = body.ReadFrom(resp.Body)
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is what the first request pays in a folder with fleetSize users.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	start := func(fleet int) {
		box, err := sandbox.Open(sandbox.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if err := box.Fill(b.Context(), seed.Fleet{Users: fleet, Seed: 7}); err != nil {
			b.Fatal(err)
		}
		serve(b, box, "POST", "/v1/Registration/create", theInstance, `{"CreateAccessToken": false}`)
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
	start(*fleetSize)
	runtime.GC()
	for b.Loop() {
		start(0)
	}
}
