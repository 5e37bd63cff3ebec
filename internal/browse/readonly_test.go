package browse_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/browse"
)

// everyKey is every key that some state of the screen binds, and characters of each kind that none
// does.
func everyKey() []string {
	keys := []string{"enter", "esc", "tab", "space", "backspace", "up", "down", "pgup", "pgdown", "f1",
		"ctrl+h", "ctrl+l", "ctrl+n", "ctrl+p", "ctrl+r", "ctrl+u", "ctrl+w"}
	for _, r := range "tlrezcuwqkjny/?xA7" {
		keys = append(keys, string(r))
	}
	return keys
}

// A read-only screen has no way to a change: whichever four keys are pressed at a card, one after
// the other, none makes one, and no question is asked. (The name of the profile cannot be typed
// behind w with three.)
func TestNoKeyOfAReadOnlyScreenReachesAChange(t *testing.T) {
	t.Parallel()
	keys := everyKey()
	seen := map[string]bool{}
	walked := 0
	var walk func(d *desk, path []string)
	walk = func(d *desk, path []string) {
		for _, key := range keys {
			next := *d
			next.did = nil
			next.do(key)
			walked++
			for _, did := range next.did {
				if strings.HasPrefix(did, "write") {
					t.Fatalf("keys %q: %s", append(path, key), did)
				}
			}
			frame := next.screen(120, 40)
			if strings.Contains(frame, "y/n") || strings.Contains(frame, "how long") {
				t.Fatalf("keys %q ask\n%s", append(path, key), frame)
			}
			if len(path) < 3 && !seen[frame] {
				seen[frame] = true
				walk(&next, append(path, key))
			}
		}
	}
	walk(atAda(readOnly()), nil)
	if walked < 1000 {
		t.Errorf("only %d keys were pressed", walked)
	}
}

// The same walk on a screen that is not read-only finds a way, so that the walk is one.
func TestTheKeysReachAChangeOtherwise(t *testing.T) {
	t.Parallel()
	for field, keys := range map[string][]string{
		"EnableTracking": {"t", "y"}, "EnableLogging": {"l", "enter", "y"}, "EnableRealTimeLocation": {"r", "y"},
		"Enabled": {"e", "y"},
	} {
		d := atAda(options())
		for _, key := range keys {
			d.do(key)
		}
		if !strings.HasPrefix(fmt.Sprint(d.did), "[write "+field) {
			t.Errorf("%q: %q", keys, d.did)
		}
	}
}

func TestUnlocking(t *testing.T) {
	t.Parallel()
	d := atAda(readOnly())
	d.do("t")
	if frame := d.screen(80, 24); !strings.Contains(frame, "read-only") || strings.Contains(frame, "t track") ||
		!strings.Contains(frame, "w unlock") {
		t.Fatalf("it shows\n%s", frame)
	}
	d.do("w", "text:production", "enter")
	if frame := d.screen(80, 24); !strings.Contains(frame, "that is not the name of the profile") {
		t.Fatalf("it shows\n%s", frame)
	}
	d.do("text:prod", "enter")
	frame := d.screen(80, 24)
	if !strings.Contains(frame, "unlocked until 12:10 UTC") || !strings.Contains(frame, "t track") {
		t.Fatalf("it shows\n%s", frame)
	}
	d.do("t", 9*time.Minute+59*time.Second, "y")
	if did := d.did[len(d.did)-1]; !strings.HasPrefix(did, "write EnableTracking") {
		t.Fatalf("the last of %q is not a change", d.did)
	}
	d.written(browse.Changed{Card: with(adaCard(), "EnableTracking", false)}, nil)
	d.do("e", time.Second)
	d.do("y") // a second too late, whether or not the lock has fallen
	if did := d.did[len(d.did)-1]; did != "explain 8f14" {
		t.Fatalf("the last of %q is a change", d.did)
	}
	d.do(browse.Due{Wait: browse.Locking})
	if frame := d.screen(80, 24); !strings.Contains(frame, "read-only again") || strings.Contains(frame, "y/n") {
		t.Fatalf("it shows\n%s", frame)
	}
}
