package cmdutil

import (
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// A sign-in waits for its place when the wait is under --timeout, and a person is at the
// terminal or a bulk run is in hand.
func TestWhenASignInWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wait           time.Duration
		terminal, bulk bool
		want           bool
	}{
		{wait: 29 * time.Second, want: false},
		{wait: 29 * time.Second, terminal: true, want: true},
		{wait: 29 * time.Second, bulk: true, want: true},
		{wait: 30 * time.Second, terminal: true, bulk: true, want: false},
	} {
		k := &App{Env: Env{Streams: &terminal.Streams{InTTY: c.terminal, ErrTTY: c.terminal}},
			Flags: Globals{Timeout: 30 * time.Second}}
		if got := k.guard(t.TempDir(), c.bulk).MayWait(c.wait); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
