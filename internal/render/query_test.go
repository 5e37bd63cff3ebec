package render_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

func TestJQ(t *testing.T) {
	for expression, want := range map[string]string{
		".[0].DeviceToken":                       fleet[0].DeviceToken + "\n",
		".[] | .Enabled":                         "true\nfalse\nnull\n",
		".[1] | {Name, Tags}":                    `{"Name":"北京 出租车 😀","Tags":["<a> & b","on"]}` + "\n",
		".[0].RefreshToken":                      "[redacted]\n",
		"length, 12345678901234567890, 1.5, 1e3": "3\n12345678901234567890\n1.5\n1000\n",
		"$ENV, env":                              "{}\n{}\n",
		"halt":                                   "",
		"empty":                                  "",
		`"a\u001b[31m\tb\n"`:                     "a\x1b[31m\tb\n\n",
	} {
		p, out := printer(t, render.Options{JQ: expression})
		if err := render.List(p, view, fleet); err != nil || out.String() != want {
			t.Errorf("%s: got %q, %v; want %q", expression, out, err, want)
		}
	}
}

func TestTemplate(t *testing.T) {
	for form, want := range map[string]string{
		`{{range .}}{{.Name}};{{end}}`:                           "Ada Lovelace;北京 出租车 😀;;",
		`{{json (index . 1).Tags}}`:                              `["<a> & b","on"]`,
		`{{join ", " (index . 1).Tags}}`:                         "<a> & b, on",
		`{{(index . 0).Children}} {{gt (index . 0).Children 2}}`: "3 true",
		`{{(index . 0).NoSuchName}}`:                             "<no value>",
		`{{(index . 0).RefreshToken}}`:                           "[redacted]",
		`{{(index . 0).ClientId | printf "%s\n"}}`:               "c-1\n",
	} {
		p, out := printer(t, render.Options{Template: form, Format: render.JSON})
		if err := render.List(p, view, fleet); err != nil || out.String() != want {
			t.Errorf("%s: got %q, %v; want %q", form, out, err, want)
		}
	}
}

// Large whole numbers stay what they are: no 1e+06 in a script.
func TestNumbersKeepTheirDigits(t *testing.T) {
	value := map[string]any{"Rows": 12345678, "Size": 2.5}
	for _, o := range []render.Options{{JQ: `"\(.Rows) \(.Size)"`}, {Template: "{{.Rows}} {{.Size}}\n"}} {
		p, out := printer(t, o)
		if err := render.One(p, render.View[map[string]any]{}, value); err != nil || out.String() != "12345678 2.5\n" {
			t.Errorf("%+v: got %q, %v", o, out, err)
		}
	}
}

func TestTheExpressionSeesTheWholeOfAStream(t *testing.T) {
	for _, o := range []render.Options{{JQ: `"\(.Requested) \(.Users | length) \(.Created)"`},
		{Template: "{{.Requested}} {{len .Users}} {{.Created}}\n"}} {
		p, out := printer(t, o)
		s := render.NewStream(p, view, bulkFrame)
		for _, u := range fleet {
			if err := s.Add(u); err != nil || out.Len() != 0 {
				t.Fatalf("%v, and %q", err, out)
			}
		}
		if err := s.Close(bulkTail); err != nil || out.String() != "3 3 3\n" {
			t.Errorf("%+v: got %q, %v", o, out, err)
		}
	}
}

func TestAnExpressionThatFailsIsTheUsersMistake(t *testing.T) {
	u := fleet[0]
	u.Name = "\x1b[31m"
	for _, c := range []struct {
		options render.Options
		message string
	}{
		{render.Options{JQ: ".Name.first"}, `jq expression: expected an object but got: string ("\u001b[31m")`},
		{render.Options{JQ: `error("no\nluck")`}, `jq expression: error: no\nluck`},
		{render.Options{Template: "{{.Name.First}}"},
			`template: 1:7: executing "template" at <.Name.First>: can't evaluate field First`},
		{render.Options{Template: "{{index .Children 1}}"},
			`template: 1:2: executing "template" at <index .Children 1>: error calling index: can't index item of type int`},
	} {
		p, out := printer(t, c.options)
		err := render.One(p, view, u)
		if !failure.Is(err, failure.Invalid) || !strings.HasPrefix(err.Error(), c.message) || out.Len() != 0 {
			t.Errorf("got %v, and %q; want %s", err, out, c.message)
		}
	}
}

func TestOnATerminalAnExpressionCannotMoveTheCursor(t *testing.T) {
	for _, o := range []render.Options{{JQ: ".Name", TTY: true}, {Template: "{{.Name}}\n", TTY: true},
		{JQ: "[.Name]", TTY: true}} {
		p, out := printer(t, o)
		u := fleet[0]
		u.Name = "a\x1b[2J\u009b\tb"
		if err := render.One(p, view, u); err != nil || strings.ContainsAny(out.String(), "\x1b\u009b") ||
			!strings.HasSuffix(out.String(), "\n") {
			t.Errorf("%+v: got %q, %v", o, out, err)
		}
	}
}

// Ctrl-C ends an expression that would not end by itself.
func TestAnEndlessExpressionEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, _ := printer(t, render.Options{JQ: "repeat(1) | empty", Context: ctx})
	if err := render.One(p, view, fleet[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAskingMakesItJSON(t *testing.T) {
	p, _ := printer(t, render.Options{Format: render.Table, JQ: "."})
	if !p.Queried() || p.Format() != render.JSON {
		t.Errorf("queried %v, format %s", p.Queried(), p.Format())
	}
	p, _ = printer(t, render.Options{})
	if p.Queried() || p.Format() != render.Table {
		t.Errorf("queried %v, format %s", p.Queried(), p.Format())
	}
}
