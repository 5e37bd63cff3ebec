package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/secret"
)

const value = "s3cr3t/value+with=signs"

// Whatever prints a secret, alone or inside something, prints no part of it.
func TestNothingPrintsASecret(t *testing.T) {
	s := secret.New(value)
	type holder struct {
		Key  secret.String
		Many []secret.String
		By   map[string]secret.String

		key  secret.String // fmt calls no method of what is not exported
		many []secret.String
		by   map[string]secret.String
	}
	h := holder{s, []secret.String{s}, map[string]secret.String{"k": s}, s, []secret.String{s},
		map[string]secret.String{"k": s}}
	var out []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T %v"} {
		args := []any{h}
		if strings.Count(verb, "%") == 2 {
			args = append(args, h)
		}
		out = append(out, fmt.Sprintf(verb, args...), fmt.Sprintf(strings.TrimPrefix(verb, "%T "), s),
			fmt.Sprintf(strings.TrimPrefix(verb, "%T "), &s))
	}
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "k", s, "h", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "k", s, "h", h)
	out = append(out, string(j), string(y), log.String())
	for _, text := range out {
		for _, form := range []string{value, "s3cr3t", fmt.Sprintf("%x", value), fmt.Sprintf("%X", value)} {
			if strings.Contains(text, form) {
				t.Errorf("printed: %s", text)
			}
		}
	}
	if !strings.Contains(string(j), secret.Redacted) {
		t.Errorf("nothing stands where the secret was: %s", j)
	}
	if s.Reveal() != value {
		t.Error("Reveal is not the value")
	}
	if secret.New(strings.Clone(value)) != s || secret.New("") != (secret.String{}) || secret.New("x") == s {
		t.Error("secrets are not equal where their values are")
	}
}

func TestReadingASecret(t *testing.T) {
	var got struct{ A, B secret.String }
	if err := json.Unmarshal([]byte(`{"A": "x\ty", "B": null}`), &got); err != nil {
		t.Fatal(err)
	}
	if got.A.Reveal() != "x\ty" || !got.B.IsZero() {
		t.Errorf("read %q and %q", got.A.Reveal(), got.B.Reveal())
	}
	if err := json.Unmarshal([]byte(`{"A": 7}`), &got); err == nil {
		t.Error("a number was taken for a secret")
	}
}

func TestRedactorFindsEveryForm(t *testing.T) {
	var k secret.Redactor
	k.Add(secret.New(value), secret.New(""), secret.New("abc12"))
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	odd := `p"w\<&ä`
	k.Add(secret.New(odd))
	text := strings.Join([]string{
		"plain " + value, "query " + url.QueryEscape(value), "path " + url.PathEscape(value),
		"base64 " + base64.StdEncoding.EncodeToString([]byte(value)), "upper " + strings.ToUpper(value),
		"jwt " + jwt, "abc stays", `json p\"w\\<&ä and p\"w\\\u003c\u0026ä`,
	}, "\n")
	got := k.Redact(text)
	want := "plain [redacted]\nquery [redacted]\npath [redacted]\nbase64 [redacted]\nupper [redacted]\njwt " +
		"[redacted]\nabc stays\njson [redacted] and [redacted]"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := k.Redact(got); again != want {
		t.Errorf("cut twice it is\n%s", again)
	}
	var none *secret.Redactor
	if got := none.Redact("a " + jwt); got != "a [redacted]" {
		t.Errorf("no redactor still knows a JWT: %s", got)
	}
}

// Encoders do not agree on what is to be escaped in a URL, nor on the case of the digits.
func TestRedactorFindsEveryURLEscape(t *testing.T) {
	for v, forms := range map[string][]string{
		"s3cr/tpw": {"s3cr%2Ftpw", "s3cr%2ftpw", "s3cr/tpw", "S3CR%2FTPW"},
		"Qz!&k":    {"Qz!%26k", "Qz%21%26k", "Qz!&k", "%51%7a%21%26%6b"},
		"a b&c9":   {"a%20b%26c9", "a+b%26c9", "a b&c9"},
		"100%":     {"100%25", "100%"},
		"ä~*'()":   {"%c3%a4~*'()", "%C3%A4%7E%2A%27%28%29"},
	} {
		var k secret.Redactor
		k.Add(secret.New(v))
		for _, form := range forms {
			if got := k.Redact("x=" + form + "&y=1%2"); got != "x=[redacted]&y=1%2" {
				t.Errorf("%q written as %q: %s", v, form, got)
			}
		}
	}
}

// However short a secret is, and whatever word it is, a text stays a text.
func TestRedactorWithAnOddSecret(t *testing.T) {
	for _, c := range []struct{ secret, text, want string }{
		{"x", "a box of Xs", "a bo[redacted] of [redacted]s"},
		{"x", "Unauthorized", "Unauthorized"},
		{"xy", "Content-Type: eHk", "Content-Type: eHk"},
		{"acted", "[redacted] acted", "[redacted] [redacted]"},
		{"redacted", "[redacted]", "[redacted]"},
		{"[redacted]x", "[redacted]x", "[redacted]"},
		{"aba", "ababa", "[redacted]"},
	} {
		var k secret.Redactor
		k.Add(secret.New(c.secret))
		if got := k.Redact(c.text); got != c.want {
			t.Errorf("%q cut out of %q: %q, want %q", c.secret, c.text, got, c.want)
		}
	}
}

// A secret that was encoded together with what stands around it, as in Basic authentication, is
// cut too, but for the character at each edge that it shares with its neighbours.
func TestRedactorFindsASecretOutOfLongerBase64(t *testing.T) {
	var k secret.Redactor
	k.Add(secret.New(value))
	for _, before := range []string{"", "u", "u:", "us:", "use:"} {
		for _, behind := range []string{"", "x", "xy", "xyz"} {
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
				text := e.EncodeToString([]byte(before + value + behind))
				got := k.Redact(text)
				if left := len(strings.Replace(got, secret.Redacted, "", 1)); got == text ||
					left > len(text)-e.EncodedLen(len(value))+6 {
					t.Errorf("%q%q: %s became %s", before, behind, text, got)
				}
			}
		}
	}
}
