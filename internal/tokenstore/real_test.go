//go:build !windows && !darwin

package tokenstore

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// realPassword is the password of the keyring that .ci/keyring makes for these tests.
const realPassword = "test"

// environ is the process's own environment: the tests of the real keyring have no main that would
// hand it in.
var environ = os.Getenv

func init() { children["check"] = childCheck }

// renamed keeps the records of one test apart from all others, by the service under which they
// stand.
type renamed struct {
	Backend
	service string
}

func (r renamed) Get(_, user string) (string, error) { return r.Backend.Get(r.service, user) }
func (r renamed) Set(_, user, secret string) error   { return r.Backend.Set(r.service, user, secret) }
func (r renamed) Delete(_, user string) error        { return r.Backend.Delete(r.service, user) }
func (r renamed) Limit(string, string) int           { return 0 }
func (r renamed) Items(ctx context.Context, _ string) ([]string, error) {
	return r.Backend.Items(ctx, r.service)
}

// moreChildOptions are stores over the system's keyring: "system" finds it as a user's command
// does, but for the folder of the user's sockets; "real:<service>" is the one of the real tests.
func moreChildOptions(kind, dir string) Options {
	backend := Backend(system{getenv: environ, userDir: dir})
	if service, ok := strings.CutPrefix(kind, "real:"); ok {
		backend = renamed{backend, service}
	}
	if service, ok := strings.CutPrefix(kind, "real, Windows:"); ok {
		backend = within{renamed{backend, service}, windowsFake()}
	}
	return Options{Kind: KindKeyring, Dir: dir, Backend: backend}
}

// childCheck says on standard error what Check and a Get find: kind, folder.
func childCheck(args []string) error {
	s, err := Open(childOptions(args[0], args[1]))
	if err != nil {
		return err
	}
	err = s.Check(context.Background())
	if err == nil {
		_, err = s.Fresh(context.Background(), key(alice))
	}
	for name, kind := range map[string]error{"unavailable": ErrUnavailable, "locked": ErrLocked,
		"not found": ErrNotFound} {
		if errors.Is(err, kind) {
			println(name + ": " + failure.From(err).Message)
		}
	}
	return nil
}

// hasReal reports whether the tests were given a real keyring.
func hasReal() bool { return environ("TELEMATICSCTL_TEST_KEYRING") == "1" }

// needReal skips where no keyring was given to the tests; with one, it must be there.
func needReal(t testing.TB) {
	t.Helper()
	if !hasReal() {
		t.Skip("needs a Secret Service of its own: run .ci/keyring, which sets TELEMATICSCTL_TEST_KEYRING=1")
	}
	if err := newSystem(environ).State(t.Context()); err != nil {
		t.Fatalf("TELEMATICSCTL_TEST_KEYRING=1, and the keyring cannot be used: %v", err)
	}
}

// realKeyring is the Secret Service, with a service's name of the test's own.
func realKeyring(t testing.TB) Backend {
	t.Helper()
	service := "telematicsctl-test-" + strings.NewReplacer("/", "-", ",", "").Replace(t.Name())
	t.Cleanup(func() {
		if err := keyring.DeleteAll(service); err != nil {
			t.Error(err)
		}
	})
	return renamed{newSystem(environ), service}
}

func TestRealKeyringManyProcesses(t *testing.T) {
	needReal(t)
	for _, kind := range []string{"real:", "real, Windows:"} {
		testProcesses(t, kind+realKeyring(t).(renamed).service, t.TempDir(), 4, 6)
	}
}

// Without an address in the environment the library would launch a bus, were it not told of the
// user's.
func TestRealKeyringIsFoundByItsSocket(t *testing.T) {
	needReal(t)
	address := environ(busVariable)
	path, _, _ := strings.Cut(strings.TrimPrefix(address, "unix:path="), ",")
	dir := shortDir(t)
	if err := os.Symlink(path, filepath.Join(dir, "bus")); err != nil {
		t.Fatal(err)
	}
	launched := filepath.Join(dir, "launched")
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte("#!/bin/sh\n: > "+launched+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := runChild(t, []string{"XDG_RUNTIME_DIR=" + dir, "PATH=" + dir, "HOME=" + dir}, "check", "system",
		shortDir(t))
	if err != nil || !strings.Contains(out, "not found: ") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(launched); err == nil {
		t.Error("dbus-launch was run")
	}
}

func TestRealKeyringLocked(t *testing.T) {
	needReal(t)
	dir, backend := t.TempDir(), realKeyring(t)
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)})
	conn := realBus(t)
	lockCollection(t, conn)
	begun := time.Now()
	for name, err := range every(t, keyringOver(t, dir, backend)) {
		t.Log(name)
		wantBroken(t, err, ErrLocked, "the keyring is locked", ReasonKeyringLocked)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("six answers took %v", took)
	}
	unlockCollection(t, conn)
	wantRecord(t, keyringOver(t, dir, backend), key(alice), pair("x", short))
}

func realBus(t *testing.T) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(environ(busVariable))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func lockCollection(t *testing.T, conn *dbus.Conn) {
	t.Helper()
	collection, err := collectionInUse(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err = conn.Object(secretsName, secretsPath).Call(secretsService+".Lock", 0, []dbus.ObjectPath{collection}).
		Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		t.Fatalf("locked %v, %v", locked, err)
	}
}

// unlockCollection opens the collection with its password, by the call that gnome-keyring has for
// its own programs.
func unlockCollection(t *testing.T, conn *dbus.Conn) {
	t.Helper()
	collection, err := collectionInUse(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	secrets := conn.Object(secretsName, secretsPath)
	var none dbus.Variant
	var session dbus.ObjectPath
	if err := secrets.Call(secretsService+".OpenSession", 0, "plain", dbus.MakeVariant("")).
		Store(&none, &session); err != nil {
		t.Fatal(err)
	}
	password := struct {
		Session     dbus.ObjectPath
		Parameters  []byte
		Value       []byte
		ContentType string
	}{session, []byte{}, []byte(realPassword), "text/plain"}
	const unlock = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword"
	if err := secrets.Call(unlock, 0, collection, password).Err; err != nil {
		t.Fatal(err)
	}
}

// A bus without a Secret Service is recognized at once; one that could start it is asked
// to on a desktop alone.
func TestRealKeyringNoService(t *testing.T) {
	needReal(t)
	for name, c := range map[string]struct {
		startable   bool
		environment []string
		says        string
		started     bool
	}{
		"nobody to be started": {false, nil, "the D-Bus session bus has no Secret Service", false},
		"no desktop":           {true, nil, "the Secret Service is not running", false},
		"by SSH": {true, []string{"DISPLAY=:10", "SSH_CONNECTION=10.0.0.1 1 10.0.0.2 22"},
			"the Secret Service is not running", false},
		"a desktop": {true, []string{"WAYLAND_DISPLAY=wayland-0"}, "it has not answered within 1.5s", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			address := bareBus(t, dir, c.startable)
			begun := time.Now()
			said, err := runChild(t, append(c.environment, busVariable+"="+address), "check", "system", dir)
			if err != nil || !strings.Contains(said, "unavailable: the keyring cannot be used: "+c.says) {
				t.Errorf("%v: %s", err, said)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if _, err := os.Stat(filepath.Join(dir, "started")); (err == nil) != c.started {
				t.Errorf("started: %v", err == nil)
			}
		})
	}
}

// bareBus is a bus of its own, on which nobody is. It may know how to start a Secret Service, which
// writes the file dir/started and ends.
func bareBus(t *testing.T, dir string, startable bool) (address string) {
	t.Helper()
	files := map[string]string{"bus.conf": `<busconfig><type>session</type><listen>unix:dir=` + dir +
		`</listen><servicedir>` + dir + `</servicedir>` +
		`<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow ` +
		`own="*"/></policy></busconfig>`}
	if startable {
		files["secrets.service"] = "[D-BUS Service]\nName=" + secretsName + "\nExec=/usr/bin/touch " + dir + "/started\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	daemon := exec.CommandContext(t.Context(), "dbus-daemon", "--config-file="+filepath.Join(dir, "bus.conf"),
		"--nofork", "--nopidfile", "--print-address")
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	if address, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// BenchmarkRealKeyring is a rotation and a fresh read, as two commands one after the other pay for
// them.
func BenchmarkRealKeyring(b *testing.B) {
	needReal(b)
	dir, backend := b.TempDir(), realKeyring(b)
	for b.Loop() {
		mustPut(b, keyringOver(b, dir, backend), Item{key(alice), pair("x", 1500)})
		wantRecord(b, keyringOver(b, dir, backend), key(alice), pair("x", 1500))
	}
}

// BenchmarkRealKeyringList1000 lists 1,000 stored users as `token list` does: when nothing has
// changed since the last list, and when one has come.
func BenchmarkRealKeyringList1000(b *testing.B) {
	needReal(b)
	dir, backend := b.TempDir(), realKeyring(b)
	mustPut(b, keyringOver(b, dir, backend), users(1000)...)
	list := func(b *testing.B) {
		if got, err := keyringOver(b, dir, backend).List(b.Context(), "prod"); err != nil || len(got) < 1000 {
			b.Fatal(len(got), err)
		}
	}
	b.Run("as it was", func(b *testing.B) {
		list(b)
		for b.Loop() {
			list(b)
		}
	})
	b.Run("after a change", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if err := os.Remove(filepath.Join(dir, "keyring.stamp")); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			list(b)
		}
	})
}
