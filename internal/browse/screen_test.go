//go:build !windows

package browse_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/term"

	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// window is a terminal of 80 columns and 24 lines with the screen in it.
type window struct {
	t      *testing.T
	keys   *os.File
	tty    *os.File
	before *term.State
	end    chan error

	mu    sync.Mutex
	shown vt10x.Terminal
	bytes int
	all   strings.Builder
	news  chan struct{}
}

//nolint:revive // t comes first
func openWindow(t *testing.T, ctx context.Context, o browse.Options, port browse.Port, color bool) *window {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	w := &window{t: t, keys: keys, tty: tty, before: before, end: make(chan error, 1), news: make(chan struct{}, 1),
		shown: vt10x.New(vt10x.WithSize(80, 24))}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		w.read()
	}()
	go func() {
		w.end <- browse.Screen(ctx, browse.Terminal{In: tty, Out: tty, Environ: []string{"TERM=xterm-256color"}, Color: color,
			Now: func() time.Time { return now }}, o, port)
	}()
	t.Cleanup(func() {
		_ = tty.Close()
		_ = keys.Close()
		<-gone
	})
	return w
}

// read draws what comes, until the terminal is closed.
func (w *window) read() {
	b := make([]byte, 4096)
	for {
		n, err := w.keys.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.bytes += n
		w.all.Write(b[:n])
		_, _ = w.shown.Write(b[:n])
		w.mu.Unlock()
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}

func (w *window) types(keys string) {
	w.t.Helper()
	if _, err := w.keys.WriteString(keys); err != nil {
		w.t.Fatal(err)
	}
}

// sees waits until the screen shows a text.
func (w *window) sees(text string) {
	w.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		w.mu.Lock()
		shown := w.shown.String()
		w.mu.Unlock()
		if strings.Contains(shown, text) {
			return
		}
		select {
		case <-w.news:
		case err := <-w.end:
			w.t.Fatalf("it ended with %v before it showed %q:\n%s", err, text, shown)
		case <-limit:
			w.t.Fatalf("it does not show %q:\n%s", text, shown)
		}
	}
}

// written is how many bytes came since the last call, once no more do for a moment.
func (w *window) written() int {
	for quiet := false; !quiet; {
		select {
		case <-w.news:
		case <-time.After(120 * time.Millisecond): // a lone Escape waits for what may follow it
			quiet = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.bytes
	w.bytes = 0
	return n
}

// ends waits for the end, and holds the terminal to being as it was before.
func (w *window) ends() error {
	w.t.Helper()
	err := <-w.end
	after, stateErr := term.GetState(int(w.tty.Fd()))
	if stateErr != nil || !reflect.DeepEqual(after, w.before) {
		w.t.Errorf("the terminal was left in another state: %+v, %v; it was %+v", after, stateErr, w.before)
	}
	_ = w.written()
	w.mu.Lock()
	defer w.mu.Unlock()
	for on, off := range map[string]string{
		"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?2004h": "\x1b[?2004l",
	} {
		all := w.all.String()
		if strings.LastIndex(all, on) > strings.LastIndex(all, off) {
			w.t.Errorf("%q was not taken back by %q", on, off)
		}
	}
	return err
}

// Over ssh a key costs at most 800 bytes at 80×24, and so does the explanation that comes after a
// card; on average a key costs less than half of that, everything included.
func TestBytesAKey(t *testing.T) {
	const budget = 800
	explains := make(chan struct{}, 1)
	w := openWindow(t, t.Context(), options(), fakePort{
		search: func(context.Context, browse.Query) (browse.Hits, error) {
			hits := twoHits()
			for i := range 48 {
				hits.Users = append(hits.Users, browse.Hit{ID: grace, Name: fmt.Sprintf("Name%d Lastname%d", 37*i, 91*i),
					ClientID: fmt.Sprintf("client-%07d", i*7919), Detail: "somebody@example.com"})
			}
			return hits, nil
		},
		explain: func(context.Context, string) (browse.Chain, error) {
			<-explains
			return adaChain(), nil
		},
	}, true)
	w.sees("Type to search.")
	w.written()
	total, pressed, most, at := 0, 0, 0, ""
	press := func(keys ...string) {
		for _, key := range keys {
			w.types(key)
			n := w.written()
			total += n
			pressed++
			if n > most {
				most, at = n, key
			}
			if n > budget {
				t.Errorf("key %q: %d bytes", key, n)
			}
		}
	}
	press("a", "d", "a")
	w.sees("Grace Hopper")
	for range 14 {
		press("\x1b[B")
	}
	press("\x1b[6~", "\x1b[5~", "\x1b[5~", "\x1b[5~")
	press("\r")
	explains <- struct{}{}
	w.sees("GPS permission")
	press("") // the explanation alone
	press("j", "k", "l", "2", "h", "\r", "y")
	w.sees("confirmed")
	explains <- struct{}{}
	press("")
	press("z", "n", "?", "\x1b", "c", "\x1b", "t", "n", "\x1b", "x", "\x7f", "\x1b")
	t.Logf("%d bytes for %d keys, %d a key; the most for one: %d (%q)", total, pressed, total/pressed, most, at)
	if total/pressed > budget/2 {
		t.Errorf("%d bytes a key", total/pressed)
	}
	w.types("\x04")
	if err := w.ends(); err != nil {
		t.Error(err)
	}
}

// However the screen ends, the terminal is whole.
func TestTheTerminalIsLeftWhole(t *testing.T) {
	t.Run("the person leaves", func(t *testing.T) {
		w := openWindow(t, t.Context(), options(), fakePort{}, true)
		w.sees("Type to search.")
		w.types("\x04")
		if err := w.ends(); err != nil {
			t.Error(err)
		}
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		w := openWindow(t, t.Context(), options(), fakePort{}, true)
		w.sees("Type to search.")
		w.types("\x03")
		if err := w.ends(); !failure.Is(err, failure.Interrupted) {
			t.Error(err)
		}
	})
	t.Run("a signal ends the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := openWindow(t, ctx, options(), fakePort{}, true)
		w.sees("Type to search.")
		cancel()
		if err := w.ends(); !failure.Is(err, failure.Interrupted) {
			t.Error(err)
		}
	})
	t.Run("the sign-in expires", func(t *testing.T) {
		w := openWindow(t, t.Context(), options(), fakePort{search: func(context.Context, browse.Query) (browse.Hits, error) {
			return browse.Hits{}, failure.New(failure.Unauthorized, "not signed in")
		}}, true)
		w.sees("Type to search.")
		w.types("x\r")
		if err := w.ends(); !failure.Is(err, failure.Unauthorized) {
			t.Error(err)
		}
	})
	for name, port := range map[string]fakePort{
		"a panic behind the port": {search: func(context.Context, browse.Query) (browse.Hits, error) { panic("ouch") }},
		"a panic of the model": {search: func(context.Context, browse.Query) (browse.Hits, error) {
			return browse.Hits{}, panicky{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWindow(t, t.Context(), options(), port, true)
			w.sees("Type to search.")
			w.types("x\r")
			if name == "a panic behind the port" {
				w.sees("this is a bug")
				w.types("\x04")
				if err := w.ends(); err != nil {
					t.Error(err)
				}
				return
			}
			if err := w.ends(); !failure.HasReason(err, browse.ReasonBug) {
				t.Error(err)
			}
		})
	}
}

// panicky is an error that cannot be printed.
type panicky struct{}

func (panicky) Error() string { panic("ouch") }

// Without color, nothing is colored, and the screen says the same.
func TestWithoutColor(t *testing.T) {
	texts := map[bool]string{}
	for _, color := range []bool{true, false} {
		w := openWindow(t, t.Context(), options(), fakePort{}, color)
		w.sees("Type to search.")
		w.types("ada\r")
		w.sees("Grace")
		w.types("\r")
		w.sees("GPS permission")
		w.written()
		w.mu.Lock()
		texts[color] = w.shown.String()
		colored := strings.Contains(w.all.String(), "\x1b[31m")
		w.mu.Unlock()
		if colored != color {
			t.Errorf("color %t: colored %t", color, colored)
		}
		w.types("q")
		if err := w.ends(); err != nil {
			t.Error(err)
		}
	}
	if texts[true] != texts[false] {
		t.Errorf("with color\n%s\nwithout\n%s", texts[true], texts[false])
	}
}

// A window is redrawn when its size changes.
func TestResizing(t *testing.T) {
	w := openWindow(t, t.Context(), options(), fakePort{}, true)
	w.sees("Type to search.")
	w.mu.Lock()
	w.shown.Resize(59, 14)
	w.mu.Unlock()
	if err := pty.Setsize(w.keys, &pty.Winsize{Rows: 14, Cols: 59}); err != nil {
		t.Fatal(err)
	}
	if err := resized(); err != nil {
		t.Fatal(err)
	}
	w.types("ada\r")
	w.sees("> Ada Lovelace (c-2001)  ada@example.com")
	w.types("\x04")
	if err := w.ends(); err != nil {
		t.Error(err)
	}
}

func resized() error {
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return fmt.Errorf("this process: %w", err)
	}
	return p.Signal(winch)
}
