//go:build !windows && !darwin

package tokenstore

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bus is a session bus's socket at dir/bus that does with each connection what serve does. It lasts
// until the test ends.
func bus(t *testing.T, dir string, serve func(net.Conn)) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// shortDir is a folder whose path leaves room for a socket's name, which may be no longer than 107
// bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ts") //nolint:usetesting // t.TempDir has the name of the test in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if value, ok := strings.CutPrefix(p, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestTheBusIsFoundWhereItIs(t *testing.T) {
	with, without := shortDir(t), shortDir(t)
	bus(t, with, func(c net.Conn) { _ = c.Close() })
	notASocket := shortDir(t)
	if err := os.WriteFile(filepath.Join(notASocket, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := "unix:path=" + filepath.Join(with, "bus")
	for name, c := range map[string]struct {
		env     []string
		userDir string
		want    string
	}{
		"the environment's": {[]string{"DBUS_SESSION_BUS_ADDRESS=unix:path=/x", "XDG_RUNTIME_DIR=" + with},
			with, "unix:path=/x"},
		"the run-time folder's":            {[]string{"XDG_RUNTIME_DIR=" + with}, without, socket},
		"the user's":                       {nil, with, socket},
		"the user's, the folder is bare":   {[]string{"XDG_RUNTIME_DIR=" + without}, with, socket},
		"none":                             {[]string{"XDG_RUNTIME_DIR=" + without}, without, ""},
		"none, a file in its place":        {[]string{"XDG_RUNTIME_DIR=" + notASocket}, without, ""},
		"none, launching one is not tried": {[]string{"DBUS_SESSION_BUS_ADDRESS=autolaunch:"}, without, ""},
		"the user's, instead of a launch":  {[]string{"DBUS_SESSION_BUS_ADDRESS=autolaunch:"}, with, socket},
	} {
		if got := (system{getenv: env(c.env...), userDir: c.userDir}).address(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The library runs dbus-launch where it finds no bus, and that starts daemons that stay. It must
// never come to that.
func TestNoBusIsEverLaunched(t *testing.T) {
	closing := func(c net.Conn) { _ = c.Close() }
	for name, prepare := range map[string]func(t *testing.T, dir string) []string{
		"no bus":        func(*testing.T, string) []string { return nil },
		"an autolaunch": func(*testing.T, string) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=autolaunch:"} },
		"a bus that is gone": func(_ *testing.T, dir string) []string {
			return []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + dir + "/gone"}
		},
		"no address":          func(*testing.T, string) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=nonsense"} },
		"a bus that hangs up": func(t *testing.T, dir string) []string { bus(t, dir, closing); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			launched := filepath.Join(dir, "launched")
			script := "#!/bin/sh\n: > " + launched + "\n"
			if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			environment := append(prepare(t, dir), "PATH="+dir, "XDG_RUNTIME_DIR="+dir, "HOME="+dir, "DISPLAY=:0")
			begun := time.Now()
			out, err := runChild(t, environment, "check", "system", dir)
			took := time.Since(begun)
			if err != nil || !strings.Contains(out, "unavailable: the keyring cannot be used") {
				t.Errorf("%v: %s", err, out)
			}
			if took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if _, err := os.Stat(launched); err == nil {
				t.Error("dbus-launch was run")
			}
		})
	}
}

// A bus that takes the connection and says nothing is left after the deadline.
func TestASilentBusIsLeftBehind(t *testing.T) {
	// the address that is found goes there, and must not stay for the other tests
	t.Setenv(busVariable, environ(busVariable))
	dir := shortDir(t)
	bus(t, dir, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) })
	s := mustOpen(t, Options{Kind: KindKeyring, Dir: dir, Backend: system{getenv: env(), userDir: dir}}).(*keyringStore)
	s.calls.limit = 50 * time.Millisecond
	_, err := s.Get(t.Context(), key(alice))
	wantBroken(t, err, ErrUnavailable, "it has not answered within 50ms", ReasonNoKeyring)
	_, err = s.Get(t.Context(), key(alice))
	wantBroken(t, err, ErrUnavailable, "it has not answered within 50ms", "")
}
