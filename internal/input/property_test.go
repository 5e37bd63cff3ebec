package input_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// from opens content as standard input; it is closed with the test.
func from(t testing.TB, o input.Options, content []byte) (*input.File, error) {
	o.Name, o.Use, o.Now, o.SpoolDir = "-", field.File, now, t.TempDir()
	f, err := input.Open(context.Background(), o, bytes.NewReader(content))
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}

func cellsOf(f *input.File) (out [][]string, err error) {
	err = f.Each(context.Background(), 1, func(r *input.Row) error {
		out = append(out, slices.Clone(r.Cells))
		return nil
	})
	return out, err
}

var columnNames = []string{"ClientId", "FirstName", "LastName", "City"}

// table draws rows of text that are not blank. A carriage return is left out: in a CSV
// file it is one with the line feed behind it.
func table(t *rapid.T) [][]string {
	cell := rapid.StringMatching(`[a-zäß日 ,;|\t\n"'=\\{\[#-]{0,12}`)
	row := rapid.Custom(func(t *rapid.T) []string {
		out := rapid.SliceOfN(cell, len(columnNames), len(columnNames)).Draw(t, "cells")
		out[rapid.IntRange(0, len(out)-1).Draw(t, "filled")] += "x"
		return out
	})
	return rapid.SliceOfN(row, 1, 20).Draw(t, "table")
}

func TestWhatACSVWriterWroteIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := table(rt)
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = rapid.SampledFrom([]rune{',', ';', '\t', '|'}).Draw(rt, "separator")
		w.UseCRLF = rapid.Bool().Draw(rt, "crlf")
		if err := w.WriteAll(append([][]string{columnNames}, want...)); err != nil {
			rt.Fatal(err)
		}
		content := b.String()
		switch rapid.IntRange(0, 4).Draw(rt, "encoding") {
		case 1:
			content = "\ufeff" + content
		case 2:
			content = utf16Of("\ufeff"+content, false)
		case 3:
			content = utf16Of(content, true)
		case 4:
			content = gzipped(t, content)
		}
		readBack(t, rt, []byte(content), want)
	})
}

func TestWhatAJSONEncoderWroteIsReadBack(t *testing.T) {
	type user struct{ ClientId, FirstName, LastName, City string }
	rapid.Check(t, func(rt *rapid.T) {
		want := table(rt)
		users := make([]user, len(want))
		for i, c := range want {
			users[i] = user{c[0], c[1], c[2], c[3]}
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetIndent("", rapid.SampledFrom([]string{"", "  "}).Draw(rt, "indent"))
		if rapid.Bool().Draw(rt, "array") {
			if err := e.Encode(users); err != nil {
				rt.Fatal(err)
			}
		} else {
			for _, u := range users {
				if err := e.Encode(u); err != nil {
					rt.Fatal(err)
				}
			}
		}
		readBack(t, rt, b.Bytes(), want)
	})
}

func readBack(t *testing.T, rt *rapid.T, content []byte, want [][]string) {
	f, err := from(t, input.Options{}, content)
	if err != nil {
		rt.Fatal(err)
	}
	got, err := cellsOf(f)
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		rt.Fatalf("got  %q, %v\nwant %q", got, err, want)
	}
}

// fuzz opens arbitrary content: it is refused, or every read of it gives the same, in
// order, and any row can be begun at.
func fuzz(f *testing.F, format string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := from(t, input.Options{Format: format, IgnoreUnknown: true}, content)
		if err != nil {
			return
		}
		first, err := said(file, 1)
		if err != nil {
			return
		}
		n, bad, err := file.Check(context.Background(), eachMistake(func(m input.Mistake) error {
			if m.Row < 1 || m.Line < 1 || m.Why == "" {
				t.Errorf("a mistake that says nothing: %+v", m)
			}
			return nil
		}))
		if len(first) > 0 && (n != len(first) || bad > n || err != nil) {
			t.Fatalf("%d rows are checked as %d, %d of them bad, %v", len(first), n, bad, err)
		}
		again, err := said(file, 1)
		if err != nil || len(again) != len(first) {
			t.Fatalf("%d rows become %d, %v", len(first), len(again), err)
		}
		half := len(first)/2 + 1
		rest, err := said(file, half)
		if err != nil || !slices.Equal(rest, again[min(half-1, len(again)):]) {
			t.Fatalf("from row %d: %q, %v, want %q", half, rest, err, again[half-1:])
		}
	})
}

// said is what the rows from one on say. Numbers must count up, lines must not go down,
// and there must be a cell for each column.
func said(f *input.File, from int) (out []string, err error) {
	line, n := 1, from
	err = f.Each(context.Background(), from, func(r *input.Row) error {
		if r.N != n || r.Line < line || len(r.Cells) != len(f.Header()) {
			return fmt.Errorf("row %d at line %d with %d cells under %q: want row %d, line %d or more", r.N, r.Line,
				len(r.Cells), f.Header(), n, line)
		}
		n, line = n+1, r.Line
		body, err := r.Set.Body(field.Create)
		if err != nil {
			return err
		}
		out = append(out, fmt.Sprintf("%d@%d %s %s %v", r.N, r.Line, body, r.DeviceToken, r.Mistakes))
		return nil
	})
	return out, err
}

func FuzzCSV(f *testing.F) {
	fuzz(f, "csv", "ClientId,First Name\n1,Ada\n1,\"a\nb\"\n", "\ufeff\"ClientId\";City\r\n1;\"x\"y\r\n;;\r\n",
		"sep=|\nCity|x\n|\n", "City\rBonn\r",
		utf16Of("\ufeffCity\tEmail\nBonn\ta\n", false), gzipped(f, "City\nBonn\n"), "City\n\"Bonn", "City,,\n1,2,3\n\x00\n")
}

func FuzzTSV(f *testing.F) {
	fuzz(f, "tsv", "ClientId\tFirst Name\n1\tAda\n1\t\"a\nb\"\n", "City\n5\" pipe\n")
}

func FuzzJSON(f *testing.F) {
	fuzz(f, "json", `[{"ClientId": 1}, {"ClientId": "1", "x": [{}]}, null]`, `{"UserFields": [{"ClientId": null}]} {}`,
		"[{}", `[{"City": "`, `[{}]]`, `[,]`, utf16Of(`[{}]`, true))
}

func FuzzJSONLines(f *testing.F) {
	fuzz(f, "jsonl", "{\"ClientId\": 1}\n\n{\"ClientId\": 1, \"UserFields\": {\"ClientId\": 2}}\n{",
		"[]\n1\n\"x\"\n{}{}", `{"":1," ":2}`)
}

func FuzzByLooking(f *testing.F) {
	fuzz(f, "", "ClientId\n1\n", `[{"City":"x"}]`, `{"City":"x"}`, "{\n\"City\":\"x\"}", "PK\x03\x04")
}

// Whatever comes, tokens are in their one spelling, each once, and reading them again
// gives the same.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{tokenA + "\n# x\n{" + tokenB + "}\n", "DeviceToken,x\n" + tokenA + "\n",
		`[{"DeviceToken":"` + tokenA + `"}]`, "\ufeff" + tokenA, "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		read := func(content string) ([]string, error) {
			return tokensOf(context.Background(), input.Options{Name: "-", SpoolDir: t.TempDir()}, strings.NewReader(content))
		}
		got, err := read(string(content))
		if err != nil {
			return
		}
		again, err := read(strings.Join(got, "\n"))
		if err != nil || !slices.Equal(got, again) {
			t.Errorf("%q, then %q, %v", got, again, err)
		}
	})
}
