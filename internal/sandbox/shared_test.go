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
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"go.uber.org/goleak"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// The test binary is also the other process: with -sandbox.register it registers users in
// a folder and prints each DeviceToken as soon as it has it.
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sandbox/v1/Registration/create",
		strings.NewReader(`{"City": "Bonn"}`))
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

// Two sandboxes on one folder are to each other as two processes are: the file's lock is
// the descriptor's.
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

// Between two requests of one process another gets in, however long that process then
// does something else: else two commands that wait for each other would wait forever.
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
	holder := flock.New(filepath.Join(dir, "sandbox.lock"))
	if err := holder.Lock(); err != nil {
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
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes there; the folder's own access list counts")
	}
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
	if !failure.Is(err, failure.Failed) || !failure.HasReason(err, sandbox.ReasonDamaged) {
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
