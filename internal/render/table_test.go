package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

func TestANarrowTerminalShortensWordsButNeverTheID(t *testing.T) {
	users := []user{fleet[0], fleet[1]}
	users[0].Name = "Augusta Ada King, Countess of Lovelace, of London"
	users[1].ClientId = to("a client id that goes on for quite some time")
	for _, width := range []int{160, 140, 120, 20} {
		p, out := printer(t, render.Options{TTY: true, Width: width})
		if err := render.List(p, view, users); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("narrow-%d", width), out.String())
	}
}

func TestTheHeadAloneIsColoured(t *testing.T) {
	p, out := printer(t, render.Options{TTY: true, Color: true})
	if err := render.One(p, view, fleet[0]); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "\x1b[1mDEVICE TOKEN") || strings.Count(got, "\x1b") != 2 ||
		!strings.Contains(got, "TOKEN\x1b[0m\n8f14") {
		t.Errorf("got %q", got)
	}
	p, out = printer(t, render.Options{Color: true})
	if err := render.One(p, view, fleet[0]); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("colour in a pipe: %q, %v", out, err)
	}
}

// The first hundred rows make the columns; those that follow fill them, and push where
// they are too long.
func TestRowsBehindTheFirstPageKeepItsColumns(t *testing.T) {
	pair := render.View[[2]string]{ID: func(v [2]string) string { return v[0] }, Columns: []render.Column[[2]string]{
		{Head: "ID", Cell: func(v [2]string) any { return v[0] }},
		{Head: "NAME", Cell: func(v [2]string) any { return v[1] }},
	}}
	p, out := printer(t, render.Options{TTY: true, Width: 24})
	s := render.NewStream(p, pair, render.Frame{})
	for i := range 100 {
		if out.Len() != 0 {
			t.Fatal("written before the page was full")
		}
		if err := s.Add([2]string{fmt.Sprintf("row-%03d", i), "a name that is too long"}); err != nil {
			t.Fatal(err)
		}
	}
	head, _, _ := strings.Cut(out.String(), "row-001")
	if head != "ID       NAME\nrow-000  a name that is…\n" {
		t.Errorf("got %q", head)
	}
	out.Reset()
	for _, v := range [][2]string{{"x", "short"}, {"an-id-too-long", "another name that is too long"}, {"北京", ""}} {
		if err := s.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(nil); err != nil {
		t.Fatal(err)
	}
	if want := "x        short\nan-id-too-long  another…\n北京\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
}

// A table of one page and one that goes on are laid out alike.
func TestBothWaysOfLayingOutAgree(t *testing.T) {
	p, first := printer(t, render.Options{TTY: true, Width: 110})
	if err := render.List(p, view, fleet); err != nil {
		t.Fatal(err)
	}
	many := append([]user{}, fleet...)
	for len(many) < 100 {
		many = append(many, fleet...)
	}
	p, whole := printer(t, render.Options{TTY: true, Width: 110})
	if err := render.List(p, view, many); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(whole.Bytes()), []byte("\n"))
	if len(lines) != len(many)+1 {
		t.Fatalf("%d lines", len(lines))
	}
	if got, want := string(lines[len(lines)-3]), strings.Split(first.String(), "\n")[1]; got != want {
		t.Errorf("row by row: %q\nlaid out:   %q", got, want)
	}
}

func TestAnIDThatIsNotThereIsLeftOut(t *testing.T) {
	p, out := printer(t, render.Options{Format: render.IDs})
	if err := render.List(p, view, []user{{}, fleet[0], {}}); err != nil || out.String() != fleet[0].DeviceToken+"\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// Columns are chosen by the format, by name in any spelling, or by whether anything is in them.
func TestWhichColumnsATableHas(t *testing.T) {
	type device struct{ ID, OS, Model string }
	v := render.View[device]{Columns: []render.Column[device]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(d device) any { return d.ID }},
		{Head: "OS", Name: "MobileDevice.OsType", Cell: func(d device) any { return d.OS }},
		{Head: "MODEL", Name: "MobileDevice.DeviceModel", Wide: true, Cell: func(d device) any { return d.Model }},
	}, ID: func(d device) string { return d.ID }}
	one := []device{{"id-1", "", "Pixel"}}
	for name, c := range map[string]struct {
		options render.Options
		want    string
	}{
		"an empty column is left out on a terminal": {render.Options{TTY: true}, "DEVICE TOKEN\nid-1\n"},
		"and kept in a pipe":                        {render.Options{}, "id-1\t\n"},
		"wide has all that hold something": {render.Options{Format: render.Wide, TTY: true},
			"DEVICE TOKEN  MODEL\nid-1          Pixel\n"},
		"wide in a pipe": {render.Options{Format: render.Wide}, "id-1\t\tPixel\n"},
		"CSV has all": {render.Options{Format: render.CSV},
			"DeviceToken,MobileDevice.OsType,MobileDevice.DeviceModel\nid-1,,Pixel\n"},
		"chosen, in the order asked for": {render.Options{Columns: []string{"mobile-device.device-model", "DeviceToken"}},
			"Pixel\tid-1\n"},
		"chosen for CSV": {render.Options{Format: render.CSV, Columns: []string{"model"}},
			"MobileDevice.DeviceModel\nPixel\n"},
	} {
		p, out := printer(t, c.options)
		if err := render.List(p, v, one); err != nil || out.String() != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, out, err, c.want)
		}
	}
	p, _ := printer(t, render.Options{Columns: []string{"Modell"}})
	if err := v.Check(p); !failure.HasReason(err, render.ReasonUnknownColumn) {
		t.Errorf("an unknown column: %v", err)
	}
}

// Whatever the terminal's width, no line is wider; the id is the last to be cut.
func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	for width := 10; width <= 200; width += 5 {
		p, out := printer(t, render.Options{TTY: true, Width: width})
		s := render.NewStream(p, view, render.Frame{})
		for i := range 250 {
			u := fleet[i%len(fleet)]
			u.Name = strings.Repeat("名", i)
			if err := s.Add(u); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if w := twwidth.Width(strings.TrimSuffix(line, "\n")); w > width {
				t.Fatalf("width %d: a line of %d: %s", width, w, line)
			}
		}
		if width >= 40 && !strings.Contains(out.String(), fleet[0].DeviceToken) {
			t.Errorf("width %d: the id is cut", width)
		}
	}
}

func TestTimesOnATerminalAreRelative(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		3 * time.Second: "just now", -3 * time.Second: "just now", 59 * time.Second: "in 59 seconds",
		-time.Minute: "1 minute ago", 90 * time.Minute: "in 1 hour",
		-47 * time.Hour: "47 hours ago", 120*time.Hour + time.Minute: "in 5 days", -400 * 24 * time.Hour: "2025-04-27",
	} {
		if got := render.Relative(now.Add(d), now); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// Styles color the cells of a terminal's table, and nothing else; the columns stay where they are.
func TestStylesColorCellsAndMoveNothing(t *testing.T) {
	type result struct{ ID, Outcome string }
	v := render.View[result]{Columns: []render.Column[result]{
		{Head: "OUTCOME", Cell: func(r result) any { return r.Outcome }, Style: func(r result) render.Style {
			if r.Outcome == "failed" {
				return render.Bad
			}
			return render.Plain
		}},
		{Head: "ID", Cell: func(r result) any { return r.ID }},
	}, ID: func(r result) string { return r.ID }}
	rows := make([]result, 150) // more than a page
	for i := range rows {
		rows[i] = result{fmt.Sprintf("id-%03d", i), "created"}
		if i%2 == 1 {
			rows[i].Outcome = "failed"
		}
	}
	for _, width := range []int{0, 80, 10} {
		plain, plainOut := printer(t, render.Options{TTY: true, Width: width})
		colored, out := printer(t, render.Options{TTY: true, Width: width, Color: true})
		if err := errors.Join(render.List(plain, v, rows), render.List(colored, v, rows)); err != nil {
			t.Fatal(err)
		}
		bare := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(out.String(), "")
		if bare != plainOut.String() {
			t.Errorf("width %d: colors moved something:\n%s\n%s", width, bare, plainOut)
		}
		if n := strings.Count(out.String(), "\x1b[31mfailed\x1b[0m"); width != 10 && n != 75 {
			t.Errorf("width %d: %d cells of 75 are colored", width, n)
		}
	}
	piped, out := printer(t, render.Options{Color: true})
	if err := render.List(piped, v, rows); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("a pipe is colored, %v", err)
	}
}

// A column of words and other values, such as a user's card, is shortened where it is
// long and never left out for it.
func TestAColumnOfManyKindsIsShortened(t *testing.T) {
	type line struct {
		Field string
		Value any
	}
	v := render.View[line]{Columns: []render.Column[line]{
		{Head: "FIELD", Cell: func(l line) any {
			return l.Field
		}}, {Head: "VALUE", Cell: func(l line) any { return l.Value }},
	}}
	p, out := printer(t, render.Options{TTY: true, Width: 30})
	lines := []line{{"Image", strings.Repeat("x", 60)}, {"Children", 3},
		{"Created", time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC)}}
	if err := render.List(p, v, lines); err != nil || !strings.Contains(out.String(), "xxx…\n") ||
		!strings.Contains(out.String(), "2026-06-01") {
		t.Errorf("%v, %s", err, out)
	}
}

// What a table is for decides its columns: a pipe has the ids, a person who it is; where a terminal
// is too narrow, the spare columns give way.
func TestColumnsOfAPipeAndOfAPerson(t *testing.T) {
	t.Parallel()
	type change struct {
		Token, Whom, Profile, Changes string
		Failed                        int
		Birthday                      time.Time
	}
	view := render.View[change]{
		Columns: []render.Column[change]{
			{Head: "TOKEN", Pipe: true, Cell: func(c change) any { return c.Token }},
			{Head: "USER", Cell: func(c change) any { return c.Whom }, Screen: func(c change) any {
				if c.Whom == "" {
					return c.Token
				}
				return c.Whom
			}},
			{Head: "PROFILE", Spare: true, Cell: func(c change) any { return c.Profile }},
			{Head: "FAILED", Cell: func(c change) any { return c.Failed }, Screen: func(change) any { return nil }},
			{Head: "BIRTHDAY", Cell: func(c change) any { return render.Date(c.Birthday) }},
			{Head: "CHANGES", Wrap: true, Cell: func(c change) any { return c.Changes }},
		},
		ID: func(c change) string { return c.Token },
	}
	day := time.Date(1990, 5, 31, 0, 0, 0, 0, time.UTC)
	values := []change{
		{"t-1", "Ada", "prod", "City Bonn → Berlin, Nickname (none) → Countess", 0, day}, {"t-2", "", "prod", "", 0, day},
	}
	for name, c := range map[string]struct {
		o    render.Options
		want string
	}{
		"pipe": {render.Options{}, "" +
			"t-1\tAda\tprod\t0\t1990-05-31T00:00:00Z\tCity Bonn → Berlin, Nickname (none) → Countess\n" +
			"t-2\t\tprod\t0\t1990-05-31T00:00:00Z\t\n"},
		"wide terminal": {render.Options{TTY: true, Width: 200}, "" +
			"USER  PROFILE  BIRTHDAY    CHANGES\n" +
			"Ada   prod     1990-05-31  City Bonn → Berlin, Nickname (none) → Countess\n" +
			"t-2   prod     1990-05-31\n"},
		"narrow terminal": {render.Options{TTY: true, Width: 46}, "" +
			"USER  BIRTHDAY    CHANGES\n" +
			"Ada   1990-05-31  City Bonn → Berlin,\n" +
			"                  Nickname (none) → Countess\n" +
			"t-2   1990-05-31\n"},
		"every column": {render.Options{TTY: true, Format: render.Wide, Width: 200}, "" +
			"TOKEN  USER  PROFILE  FAILED  BIRTHDAY    CHANGES\n" +
			"t-1    Ada   prod     0       1990-05-31  City Bonn → Berlin, Nickname (none) → Countess\n" +
			"t-2          prod     0       1990-05-31\n"},
		"asked for by name": {render.Options{TTY: true, Width: 200, Columns: []string{"Token", "Changes"}}, "" +
			"TOKEN  CHANGES\nt-1    City Bonn → Berlin, Nickname (none) → Countess\nt-2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, out := printer(t, c.o)
			if err := render.List(p, view, values); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("got\n%swant\n%s", out, c.want)
			}
		})
	}
}
