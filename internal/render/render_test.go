package render_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// user is a result as a command has them: the service's names, in the order in which they
// are printed.
type user struct {
	DeviceToken  string
	Name         string
	ClientId     *string
	Enabled      *bool
	Children     int
	DateCreated  time.Time `json:",omitzero"`
	RefreshToken secret.String
	Tags         []string `json:",omitempty"`
}

func to[T any](v T) *T { return &v }

var created = time.Date(2026, 6, 1, 9, 30, 15, 250e6, time.UTC)

var fleet = []user{
	{"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", "Ada Lovelace", to("c-1"), to(true), 3, created,
		secret.New("hush-hush"), nil},
	{"c9f0f895-fb98-4b91-99f4-1f5a2b3c4d5e", "北京 出租车 😀", nil, to(false), 0, created.AddDate(0, 1, 0),
		secret.String{}, []string{"<a> & b", "on"}},
	{"45c48cce-2e2d-4fbd-aa1a-fc51c7c6ad26", "", to(""), nil, -1, time.Time{}, secret.String{}, nil},
}

var view = render.View[user]{
	ID: func(u user) string { return u.DeviceToken },
	Columns: []render.Column[user]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u user) any { return u.DeviceToken }},
		{Head: "NAME", Name: "Name", Cell: func(u user) any { return u.Name }},
		{Head: "CLIENT", Name: "ClientId", Cell: func(u user) any { return u.ClientId }},
		{Head: "ENABLED", Name: "Enabled", Cell: func(u user) any { return u.Enabled }},
		{Head: "Children", Cell: func(u user) any { return u.Children }},
		{Head: "CREATED", Name: "DateCreated", Cell: func(u user) any { return u.DateCreated }},
		{Head: "TOKEN", Name: "RefreshToken", Cell: func(u user) any { return u.RefreshToken }},
	},
}

// printer makes a printer over a buffer; options that do not fit are the test's mistake.
func printer(t *testing.T, o render.Options) (*render.Printer, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	if o.Out == nil {
		o.Out = &out
	}
	p, err := render.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, &out
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("%s: rewrite with `go test ./internal/render -update`\ngot\n%s\nwant\n%s", path, got, want)
	}
}

// modes names the two ways in which every format is shown.
var modes = map[string]bool{"terminal": true, "pipe": false}

func TestEveryFormatOnATerminalAndInAPipe(t *testing.T) {
	for _, format := range render.Formats() {
		for mode, tty := range modes {
			t.Run(format+"-"+mode, func(t *testing.T) {
				t.Parallel()
				p, out := printer(t, render.Options{Format: format, TTY: tty})
				if err := render.List(p, view, fleet); err != nil {
					t.Fatal(err)
				}
				golden(t, "list-"+format+"-"+mode, out.String())

				p, out = printer(t, render.Options{Format: format, TTY: tty})
				if err := render.One(p, view, fleet[0]); err != nil {
					t.Fatal(err)
				}
				golden(t, "one-"+format+"-"+mode, out.String())

				p, out = printer(t, render.Options{Format: format, TTY: tty})
				s := render.NewStream(p, view, bulkFrame)
				for _, u := range fleet {
					if err := s.Add(u); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(bulkTail); err != nil {
					t.Fatal(err)
				}
				golden(t, "stream-"+format+"-"+mode, out.String())
			})
		}
	}
}

// Nobody found is an empty list for programs, and nothing for people: the command tells
// them on standard error.
func TestAnEmptyList(t *testing.T) {
	for format, want := range map[string]string{
		"table": "", "wide": "", "json": "[]\n", "jsonl": "", "yaml": "[]\n", "ids": "",
		"csv": "DeviceToken,Name,ClientId,Enabled,Children,DateCreated,RefreshToken\n",
	} {
		for mode, tty := range modes {
			p, out := printer(t, render.Options{Format: format, TTY: tty})
			if err := render.List(p, view, nil); err != nil || out.String() != want {
				t.Errorf("%s, %s: got %q, %v; want %q", format, mode, out, err, want)
			}
			p, out = printer(t, render.Options{Format: format, TTY: tty})
			if err := render.NewStream(p, view, render.Frame{}).Close(nil); err != nil || out.String() != want {
				t.Errorf("stream, %s, %s: got %q, %v; want %q", format, mode, out, err, want)
			}
		}
	}
}

func TestWhatDoesNotFitIsSaidBeforeAnyWork(t *testing.T) {
	for _, c := range []struct {
		options render.Options
		message string
	}{
		{render.Options{Format: "xml"}, `unknown output format "xml"`},
		{render.Options{JQ: ".["}, `invalid jq expression ".[": it ends too early`},
		{render.Options{JQ: "nosuch"}, `invalid jq expression "nosuch": function not defined: nosuch/0`},
		{render.Options{Template: "{{.A"}, `invalid template "{{.A": 1: unclosed action`},
		{render.Options{JQ: ".", Template: "x"}, "a jq expression and a template exclude each other"},
		{render.Options{JQ: ".", Format: "csv"}, "a jq expression or a template works on JSON, not on csv"},
		{render.Options{Template: "x", Format: "jsonl"}, "a jq expression or a template works on JSON, not on jsonl"},
	} {
		_, err := render.New(c.options)
		if !failure.Is(err, failure.Invalid) || err.Error() != c.message {
			t.Errorf("%+v: got %v, want %s", c.options, err, c.message)
		} else if failure.From(err).Reason == "" {
			t.Errorf("%v: no reason", err)
		}
	}
	_, err := render.New(render.Options{Format: "xml"})
	if known := failure.From(err).Subject; known != "table, wide, json, jsonl, csv, yaml, ids" {
		t.Errorf("known formats: %s", known)
	}
}

func TestAFormatThatTheViewHasNot(t *testing.T) {
	bare := render.View[user]{}
	for _, format := range []string{"ids", "csv"} {
		p, out := printer(t, render.Options{Format: format})
		for what, err := range map[string]error{
			"Check": bare.Check(p), "One": render.One(p, bare, fleet[0]), "List": render.List(p, bare, fleet),
			"Add": render.NewStream(p, bare, render.Frame{}).
				Add(fleet[0]), "Close": render.NewStream(p, bare, render.Frame{}).Close(nil),
		} {
			if !failure.Is(err, failure.Invalid) {
				t.Errorf("%s, %s: got %v", format, what, err)
			}
		}
		if err := view.Check(p); err != nil || out.Len() != 0 {
			t.Errorf("%s: %v, and %q was written", format, err, out)
		}
	}
}

// An answer that is passed on as it came has no columns: where a table would be, its JSON is.
func TestAViewWithoutColumnsIsShownAsJSON(t *testing.T) {
	p, out := printer(t, render.Options{TTY: true})
	if err := render.One(p, render.View[map[string]int]{}, map[string]int{"Status": 200}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"Status\": 200\n}\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestCellsOfEveryKind(t *testing.T) {
	at := time.Date(2026, 1, 2, 5, 4, 5, 0, time.FixedZone("", 7200))
	for _, c := range []struct {
		value       any
		human, pipe string
	}{
		{nil, "", ""}, {"x", "x", "x"}, {true, "true", "true"}, {to(false), "false", "false"}, {(*bool)(nil), "", ""},
		{7, "7", "7"}, {to(int64(-7)), "-7", "-7"}, {2.5, "2.5", "2.5"}, {(*string)(nil), "", ""},
		{at, "2026-01-02 03:04 UTC", "2026-01-02T03:04:05Z"}, {&at, "2026-01-02 03:04 UTC", "2026-01-02T03:04:05Z"},
		{time.Time{}, "", ""}, {(*time.Time)(nil), "", ""},
		{90 * time.Second, "1m30s", "1m30s"}, {to(time.Minute), "1m0s", "1m0s"},
		{secret.New("hush-hush"), secret.Redacted, secret.Redacted},
		{to(secret.New("hush-hush")), secret.Redacted, secret.Redacted},
	} {
		one := render.View[any]{Columns: []render.Column[any]{
			{Head: "X", Cell: func(v any) any { return v }}, {Head: "Y", Cell: func(any) any { return "|" }},
		}}
		p, out := printer(t, render.Options{})
		if err := render.One(p, one, c.value); err != nil || out.String() != c.pipe+"\t|\n" {
			t.Errorf("%#v in a pipe: got %q, %v; want %q", c.value, out, err, c.pipe)
		}
		p, out = printer(t, render.Options{TTY: true})
		if err := render.One(p, one, c.value); err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(out.String(), "\n")
		if got := strings.TrimSpace(strings.TrimSuffix(line, "|\n")); got != c.human {
			t.Errorf("%#v on a terminal: got %q, want %q", c.value, got, c.human)
		}
	}
}
