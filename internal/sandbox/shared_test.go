package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// The test binary is also the other process: with -sandbox.register it registers users in a folder and prints each
// DeviceToken as soon as it has it.
var (
	childFolder = flag.String("sandbox.register", "", "be a process that registers users in this folder")
	childUsers  = flag.Int("sandbox.users", 0, "how many")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *childFolder != "" {
		registerAsChild(*childFolder, *childUsers)
		return
	}
	goleak.VerifyTestMain(m)
}

func registerAsChild(dir string, users int) {
	box, err := sandbox.Open(sandbox.Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	client := &http.Client{Transport: sandbox.Transport(box)}
	for range users {
		resp, err := client.Do(registration(context.Background()))
		if err != nil {
			panic(err)
		}
		var r struct{ Result tokens }
		if err := json.NewDecoder(resp.Body).Decode(&r); err != nil || r.Result.DeviceToken == "" {
			panic(fmt.Sprint(resp.Status, err))
		}
		_, err = fmt.Fprintln(os.Stdout, r.Result.DeviceToken)
		if err != nil {
			panic(err)
		}
	}
	if err := box.Close(); err != nil {
		panic(err)
	}
}

func registration(ctx context.Context) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sandbox/v1/Registration/create", strings.NewReader(`{"City": "Bonn"}`))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range theInstance {
		req.Header.Set(k, v)
	}
	return req
}

func child(t *testing.T, dir string, users int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), self, "-sandbox.register="+dir, fmt.Sprintf("-sandbox.users=%d", users))
}

func TestEightProcessesRegisterInOneFolderAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const processes, each = 8, 25
	outs := make([]bytes.Buffer, processes)
	var wg sync.WaitGroup
	for i := range processes {
		cmd := child(t, dir, each)
		var complaint bytes.Buffer
		cmd.Stdout, cmd.Stderr = &outs[i], &complaint
		wg.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %s", err, complaint.String())
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for i := range outs {
		for _, token := range strings.Fields(outs[i].String()) {
			seen[token] = true
		}
	}
	w := newWorld(t, sandbox.Options{Dir: dir})
	p := w.list(t, w.asAdmin(t), `{"PageNumber": 1, "PageSize": 1000, "City": "bonn"}`)
	if len(seen) != processes*each || p.TotalUsers != processes*each {
		t.Errorf("%d tokens were given, %d users are there", len(seen), p.TotalUsers)
	}
}

func TestAKilledProcessLosesNoUserThatItAnswered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := child(t, dir, 100000)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var given []string
	lines := bufio.NewScanner(out)
	for len(given) < 200 && lines.Scan() {
		given = append(given, lines.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	w := newWorld(t, sandbox.Options{Dir: dir})
	as := w.asAdmin(t)
	for _, token := range given {
		if len(w.find(t, as, "DeviceToken="+token)) != 1 {
			t.Fatalf("%s is gone", token)
		}
	}
}

// Two sandboxes on one folder are to each other as two processes are: the file's lock is the descriptor's.
func TestUnderContinuousLoadOthersGetTheirTurn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	busy, other := newWorld(t, sandbox.Options{Dir: dir}), newWorld(t, sandbox.Options{Dir: dir})
	ctx, stop := context.WithCancel(t.Context())
	underLoad := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if i == 0 && n == 50 {
					close(underLoad)
				}
				resp, err := busy.client.Do(registration(t.Context()))
				if err != nil {
					t.Error(err)
					return
				}
				if resp.StatusCode != http.StatusOK {
					t.Error(resp.Status)
				}
				_ = resp.Body.Close()
			}
		})
	}
	<-underLoad
	begun := time.Now()
	for range 3 {
		other.register(t, `{}`)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("three registrations took %v", took)
	}
	stop()
	wg.Wait()
}

// Between two requests of one process another gets in, however long that process then does something else: else two
// commands that wait for each other elsewhere would wait for ever.
func TestNobodyHoldsTheFolderBetweenRequests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := newWorld(t, sandbox.Options{Dir: dir}), newWorld(t, sandbox.Options{Dir: dir})
	for range 10 {
		a.register(t, `{}`)
		b.register(t, `{}`)
	}
}

func TestABusyFolderIsWaitedForAsLongAsTheContextAllows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, sandbox.Options{Dir: dir})
	w.register(t, `{}`)
	if err := w.box.Close(); err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, sandbox.Options{Dir: dir})
	holder, err := bbolt.Open(filepath.Join(dir, "sandbox.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := w.client.Do(registration(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() {
		if err := holder.Close(); err != nil {
			t.Error(err)
		}
	})
	w.register(t, `{}`)
}

func TestOpeningTouchesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	box, err := sandbox.Open(sandbox.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheStateIsForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sandbox")
	newWorld(t, sandbox.Options{Dir: dir}).register(t, `{}`)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "sandbox.db"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestAFileThatIsNoStateIsAClearError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sandbox.db"), bytes.Repeat([]byte("no state "), 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, sandbox.Options{Dir: dir})
	_, err := w.client.Do(registration(t.Context()))
	if !failure.Is(err, failure.Failed) || failure.From(err).Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestResetEmpties(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		u := w.register(t, `{"City": "Bonn"}`)
		if err := w.box.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.do(t, "GET", "/v1/Management/users", theInstance.and(bearer(u.AccessToken.Token)), "").want(t, 401)
		if p := w.list(t, w.asAdmin(t), `{"PageNumber": 1, "PageSize": 10}`); p.TotalUsers != 0 {
			t.Errorf("%d users", p.TotalUsers)
		}
		w.register(t, `{}`)
	})
}

// serving starts Serve on a sandbox of the folder; stop ends it and returns its error.
func serving(t *testing.T, o sandbox.Options) (url string, stop func() error) {
	t.Helper()
	w := newWorld(t, o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- sandbox.Serve(ctx, w.box, ln, func(url string) { ready <- url }) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() {
			cancel()
			result = <-ended
		})
		return result
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case url = <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return url, stop
}

func TestWhoServesTheFolderIsFound(t *testing.T) {
	dir := t.TempDir()
	waiting := newWorld(t, sandbox.Options{Dir: dir})
	waiting.register(t, `{}`)
	url, stop := serving(t, sandbox.Options{Dir: dir})
	if got, ok := sandbox.Serving(t.Context(), dir); !ok || got != url {
		t.Errorf("Serving: %q, %t", got, ok)
	}

	// Whoever waits for the file learns where to go, and nothing was done.
	_, err := waiting.client.Do(registration(t.Context()))
	var served *sandbox.ErrServed
	if !errors.As(err, &served) || served.URL != url {
		t.Fatalf("got %v", err)
	}
	send(t, http.DefaultClient, url, "POST", "/v1/Registration/create", theInstance, `{"City": "Bonn"}`).want(t, 200)

	if err := waiting.box.Reset(t.Context()); !failure.Is(err, failure.Failed) || !strings.Contains(err.Error(), url) {
		t.Errorf("Reset: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Serve(t.Context(), waiting.box, ln, nil); !failure.Is(err, failure.Failed) || !strings.Contains(err.Error(), url) {
		t.Errorf("a second server: %v", err)
	}

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if url, ok := sandbox.Serving(t.Context(), dir); ok {
		t.Errorf("Serving after the end: %s", url)
	}
	if got := waiting.find(t, waiting.asAdmin(t), "FirstName=x"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if p := waiting.list(t, waiting.asAdmin(t), `{"PageNumber": 1, "PageSize": 10}`); p.TotalUsers != 2 {
		t.Errorf("%d users", p.TotalUsers)
	}
}

func TestANoteOfADeadServerIsNotBelieved(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "serving.json"), []byte(`{"URL": "http://127.0.0.1:1", "PID": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if url, ok := sandbox.Serving(t.Context(), dir); ok {
		t.Errorf("believed %s", url)
	}
	newWorld(t, sandbox.Options{Dir: dir}).register(t, `{}`)
}

func TestRequestsUnderWayFinishWhenTheServerStops(t *testing.T) {
	url, stop := serving(t, sandbox.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /v1/Registration/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nInstanceId: %s\r\nInstanceKey: %s\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
		sandbox.InstanceID, sandbox.InstanceKey)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") { // the handler is reading the body
		t.Fatalf("%q %v", line, err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for { // new connections are refused as soon as the stop has begun
		probe, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		_ = probe.Close()
	}
	if _, err := io.WriteString(conn, "{}"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_ = conn.Close()
}
