package browse_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/picture"
)

var update = flag.Bool("update", false, "rewrite the frames and the pictures of the documents")

// scene is a state of the screen, and how it is reached.
type scene struct {
	name    string
	picture string // in docs/pictures; "" for none
	set     func() *desk
}

var scenes = []scene{
	{"begin", "", func() *desk { return sitDown(options()) }},
	{"found", "", func() *desk {
		d := sitDown(options(), "text:ada")
		d.typingOver()
		d.answered(twoHits(), nil)
		return d
	}},
	{"card", "browse-card", func() *desk { return atAda(options()) }},
	{"read-only", "", func() *desk { return atAda(readOnly()) }},
	{"question", "browse-question", func() *desk { d := atAda(options()); d.do("l", "enter"); return d }},
	{"how-long", "", func() *desk { d := atAda(options()); d.do("l", "text:90m"); return d }},
	{"confirmed", "browse-confirmed", func() *desk {
		d := atAda(options())
		d.do("l", "enter", "y")
		card := with(adaCard(), "EnableLogging", true)
		card.Leases = append(card.Leases, browse.Lease{Field: "EnableLogging", Value: true, Until: now.Add(4 * time.Hour)})
		d.written(browse.Changed{Card: card}, nil)
		d.loaded(card, adaChain())
		return d
	}},
	{"limited", "", func() *desk {
		d := sitDown(options(), "x", "enter")
		d.answered(browse.Hits{}, &failure.Error{Code: failure.RateLimited, Status: 429, RequestID: "9a2b41c7",
			RetryAfter: 12 * time.Second, Message: "list users: too many requests"})
		return d
	}},
	{"commands", "", func() *desk { d := atAda(options()); d.do("c"); return d }},
	{"keys", "", func() *desk { d := atAda(options()); d.do("?"); return d }},
	{"hostile", "", hostile},
	{"ascii", "", func() *desk { o := options(); o.ASCII = true; return atAda(o) }},
}

// hostile are users whose names would move the cursor, turn the text, or push columns aside.
func hostile() *desk {
	names := []string{"\x1b[2J\x1b[31mred", "two\r\nlines", "user\u202egnp.exe",
		"日本語日本語日本語日本語日本語",
		"👨‍👩‍👧 family", "e\u0301te\u0301", strings.Repeat("long ", 60), "a\u009b31m\x7f\x00", "❤️ heart",
		"ส้มโอ", "\xff\xfe"}
	hits := browse.Hits{Total: len(names)}
	for i, name := range names {
		hits.Users = append(hits.Users, browse.Hit{ID: fmt.Sprintf("%036d", i), Name: name, Detail: name})
	}
	d := sitDown(options(), "x", "enter")
	d.answered(hits, nil)
	d.do("enter")
	card := adaCard()
	card.Name, card.ClientID, card.Device, card.App = names[0], names[3], names[2], names[6]
	card.Events[0].Changes = names[1]
	chain := adaChain()
	chain.Checks[2].Detail = names[7]
	d.loaded(card, chain)
	return d
}

// The screens are those in testdata/frames, and the pictures of the documents are made of them
// (go test ./internal/browse -run Frames -update rewrites both). No line is wider than the screen.
func TestFrames(t *testing.T) {
	t.Parallel()
	for _, size := range []browse.Size{{Width: 80, Height: 24}, {Width: 120, Height: 40}, {Width: 59, Height: 14}} {
		t.Run(fmt.Sprintf("%dx%d", size.Width, size.Height), func(t *testing.T) {
			t.Parallel()
			var all strings.Builder
			for _, s := range scenes {
				d := s.set()
				text := d.screen(size.Width, size.Height)
				fmt.Fprintf(&all, "== %s ==\n%s", s.name, text)
				checkFrame(t, s.name, d.model.Frame(), size)
				if s.name == "ascii" && strings.Trim(strings.ReplaceAll(text, "\n", ""), printable()) != "" {
					t.Errorf("ascii: there is something else in\n%s", text)
				}
				if s.picture != "" && size.Width == 80 {
					golden(t, filepath.Join("..", "..", "docs", "pictures", s.picture+".svg"),
						picture.SVG("telematicsctl user browse", d.model.Frame().ANSI(true), size.Width))
				}
			}
			golden(t, filepath.Join("testdata", "frames", fmt.Sprintf("%dx%d.txt", size.Width, size.Height)), all.String())
		})
	}
}

func printable() string {
	var b strings.Builder
	for r := ' '; r <= '~'; r++ {
		b.WriteRune(r)
	}
	return b.String()
}

// checkFrame holds a frame to the size of the screen, by both ways in which terminals measure
// characters, and to having no character that a terminal obeys.
func checkFrame(t *testing.T, name string, f browse.Frame, size browse.Size) {
	t.Helper()
	lines := strings.Split(f.ANSI(true), "\n")
	if len(lines) != size.Height {
		t.Errorf("%s: %d lines of %d", name, len(lines), size.Height)
	}
	for _, l := range lines {
		if wide, narrow := ansi.StringWidth(l), ansi.StringWidthWc(l); wide != size.Width || narrow != size.Width {
			t.Errorf("%s: %d or %d columns of %d: %q", name, wide, narrow, size.Width, l)
		}
		for _, r := range ansi.Strip(l) {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("%s: %U in %q", name, r, l)
			}
		}
	}
	if plain := f.ANSI(false); strings.Contains(plain, "\x1b[3") || ansi.Strip(plain) != ansi.Strip(f.ANSI(true)) {
		t.Errorf("%s: without color it says something else", name)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s is stale (-update rewrites it): line %d\n got %s\nwant %s", path, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s is stale: it has %d lines, not %d", path, len(b), len(a))
	}
}

// A window of any size is filled, and nothing panics in a small one.
func TestFramesOfAnySize(t *testing.T) {
	t.Parallel()
	for _, s := range scenes {
		d := s.set()
		for _, w := range []int{0, 1, 19, 20, 59, 71, 72, 250} {
			for _, h := range []int{0, 1, 5, 6, 17, 18, 60} {
				d.tell(browse.Size{Width: w, Height: h})
				m, _ := d.model.Update(now, keyOf("pgdown"))
				m.Frame()
				if w >= 20 && h >= 6 {
					checkFrame(t, fmt.Sprintf("%s %dx%d", s.name, w, h), d.model.Frame(), browse.Size{Width: w, Height: h})
				}
			}
		}
	}
}
