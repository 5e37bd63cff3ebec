package sanitize_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

func TestControlCharactersAreShown(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"Zoë 👩‍👩‍👧 北京":              "Zoë 👩‍👩‍👧 北京",
		`C:\new`:                    `C:\new`,
		"a\nb\r\tc":                 `a\nb\r\tc`,
		"\x1b[2J\x07\x00":           `\x1b[2J\x07\x00`,
		"del \x7f":                  `del \x7f`,
		"C1 \u009b31m \u0085":       `C1 \u009b31m \u0085`,
		"raw C1 \x9b31m":            `raw C1 \x9b31m`,
		"admin\u202egnp.exe\u202c":  `admin\u202egnp.exe\u202c`,
		"isolates \u2066a\u2069":    `isolates \u2066a\u2069`,
		"marks \u200e\u200f\u061c":  `marks \u200e\u200f\u061c`,
		"lines \u2028\u2029":        `lines \u2028\u2029`,
		"cut \xe2\x82":              `cut \xe2\x82`,
		"honest \ufffd stays \xff!": "honest \ufffd stays \\xff!",
	} {
		if got := sanitize.Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := sanitize.CleanLines("a\tb\n\x1bc\rd\n"); got != "a\tb\n\\x1bc\\rd\n" {
		t.Errorf("lines: got %q", got)
	}
}

func TestCleanTextCostsNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _ = sanitize.Clean("8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70 Zoë") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"", "plain", "\x1b[31m", "\u202e", "\xff\xfe", "a\tb\nc", "\xe2\x80", "👩‍👩‍👧",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := sanitize.Clean(s)
		if !utf8.ValidString(got) || strings.IndexFunc(got, sanitize.IsControl) >= 0 {
			t.Errorf("%q became %q, which is not clean", s, got)
		}
		if again := sanitize.Clean(got); again != got {
			t.Errorf("%q became %q, and that %q", s, got, again)
		}
		if utf8.ValidString(s) && strings.IndexFunc(s, sanitize.IsControl) < 0 && got != s {
			t.Errorf("clean text %q became %q", s, got)
		}
		kept := strings.NewReplacer("\n", "", "\t", "").Replace(sanitize.CleanLines(s))
		if sanitize.Clean(kept) != kept {
			t.Errorf("the lines of %q are not clean: %q", s, kept)
		}
	})
}

func cleanJSON(t *testing.T, doc string, chunk int) string {
	t.Helper()
	var out bytes.Buffer
	w := sanitize.CleanJSON(&out)
	for len(doc) > 0 {
		n := min(chunk, len(doc))
		if wrote, err := io.WriteString(w, doc[:n]); err != nil || wrote != n {
			t.Fatalf("wrote %d of %d: %v", wrote, n, err)
		}
		doc = doc[n:]
	}
	return out.String()
}

func TestJSONIsCleanWhereverItIsSplit(t *testing.T) {
	in := "{\r\n\t\"na\u202eme\": \"a\x7fb\u009bc\u2067d\u2028 Zoë 👩 \xff\"\n}"
	want := "{ \n\t\"na\\u202eme\": \"a\\u007fb\\u009bc\\u2067d\\u2028 Zoë 👩 \\ufffd\"\n}"
	for chunk := 1; chunk <= len(in); chunk++ {
		if got := cleanJSON(t, in, chunk); got != want {
			t.Fatalf("in parts of %d: got %q, want %q", chunk, got, want)
		}
	}
}

func TestJSONThatIsNoneIsCleanToo(t *testing.T) {
	if got := cleanJSON(t, "<html>\x1b[2J\x07 \xe2\x80", 3); got != `<html>\u001b[2J\u0007 ` {
		t.Errorf("got %q", got)
	}
}

func TestJSONWriterReportsItsWriter(t *testing.T) {
	boom := errors.New("boom")
	if _, err := io.WriteString(sanitize.CleanJSON(errWriter{boom}), "{}"); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if _, err := io.WriteString(sanitize.CleanJSON(shortWriter{}), "{}"); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

// shortWriter breaks io.Writer's rule: it takes less than it is given and says nothing.
type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

func FuzzCleanJSON(f *testing.F) {
	for _, s := range []string{`{}`, "[\"\x7f\"]", "\"\u202e\"", "\"\xff\"", "{\"a\": [1,\r\n2, null]}", "\"\u0085\"",
		"\u0085", "\"\\ud800\""} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, doc string, chunk int) {
		got := cleanJSON(t, doc, max(chunk, 1))
		if rest := strings.NewReplacer("\n", "", "\t", "").
			Replace(got); !utf8.ValidString(got) || strings.IndexFunc(rest, sanitize.IsControl) >= 0 {
			t.Errorf("%q became %q, which is not clean", doc, got)
		}
		var before, after any
		if json.Unmarshal([]byte(doc), &before) != nil {
			return
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Fatalf("%q became %q: %v", doc, got, err)
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q, which means something else", doc, got)
		}
	})
}
