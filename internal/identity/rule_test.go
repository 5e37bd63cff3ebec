package identity_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
)

const custom = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"

func preference(t *testing.T, text string) identity.Preference {
	t.Helper()
	p, err := identity.ParsePreference(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a row is known by, for each preference and each row that may come.
func TestWhatARowIsKnownBy(t *testing.T) {
	t.Parallel()
	seed := identity.NewSeed()
	for _, c := range []struct {
		name, keys string
		server     bool
		token      string   // the row's DeviceToken
		row        []string // its cells
		want       uuid.UUID
		err        string
	}{
		{"its ClientId", "client-id", false, "", []string{"ClientId", "c-1"},
			deriver.Field(field.MustGet("ClientId"), "c-1"), ""},
		{"its CustomToken before its ClientId", "client-id", false, "",
			[]string{"ClientId", "c-1", "CustomToken", "{" + strings.ToUpper(custom) + "}"}, uuid.MustParse(custom), ""},
		{"its DeviceToken before its ClientId", "client-id", false, custom, []string{"ClientId", "c-1"},
			uuid.MustParse(custom), ""},
		{"an all-zero DeviceToken is a blank", "client-id", false, uuid.Nil.String(), []string{"ClientId", "c-1"},
			deriver.Field(field.MustGet("ClientId"), "c-1"), ""},
		{"an all-zero CustomToken is a blank", "client-id", false, "",
			[]string{"ClientId", "c-1", "CustomToken", uuid.Nil.String()}, deriver.Field(field.MustGet("ClientId"), "c-1"), ""},
		{"no key", "client-id", false, "", []string{"FirstName", "Ada"}, uuid.Nil, "no ClientId"},
		{"a blank key", "client-id", false, "", []string{"FirstName", "Ada", "ClientId", " \u200b"}, uuid.Nil, "no ClientId"},
		{"the second key", "client-id,email,content", false, "", []string{"Email", "ADA@example.com"},
			deriver.Field(field.MustGet("Email"), "ada@example.com"), ""},
		{"the first key that it has", "email,client-id", false, "", []string{"Email", "ada@example.com", "ClientId", "c-1"},
			deriver.Field(field.MustGet("Email"), "ada@example.com"), ""},
		{"its content where it has no key", "client-id,content", false, "", []string{"FirstName", "Ada"},
			deriver.Content(identity.ContentOf(cells(t, "FirstName", "Ada")), 1), ""},
		{"nothing", "random", false, "", []string{"FirstName", "Ada"}, deriver.Random(seed, 7), ""},
		{"the service's choice", "client-id", true, "", []string{"ClientId", "c-1"}, uuid.Nil, ""},
		{"a CustomToken before the service's choice", "client-id", true, "", []string{"CustomToken", custom},
			uuid.MustParse(custom), ""},
		{"a DeviceToken that is not a UUID", "client-id", false, "x", []string{"ClientId", "c-1"}, uuid.Nil, "not a UUID"},
	} {
		rule := identity.Rule{Deriver: deriver, Preference: preference(t, c.keys), Seed: seed, Drawn: true, Server: c.server}
		set := cells(t, c.row...)
		row := identity.Row{N: 7, DeviceToken: c.token, Cells: set, All: set}
		rule.Note(row)
		key, err := rule.Key(row)
		if c.err != "" {
			if !failure.Is(err, failure.Invalid) && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%s: got %v, %v, want an error with %q", c.name, key, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		token, random := rule.Token(key)
		if token != c.want {
			t.Errorf("%s: got %s, want %s", c.name, token, c.want)
		}
		if random != (c.keys == "random") {
			t.Errorf("%s: reported as drawn by this job: %t", c.name, random)
		}
	}
}

func TestKeyFromFlagsAndTemplatesCountsButIsNoContent(t *testing.T) {
	t.Parallel()
	own := cells(t, "FirstName", "Ada")
	all := own.Clone()
	all.Merge(cells(t, "ClientId", "ci-1", "Country", "DE"))
	rule := identity.Rule{Deriver: deriver, Preference: preference(t, "client-id")}
	key, err := rule.Key(identity.Row{N: 1, Cells: own, All: all})
	if err != nil || key.Value != "ci-1" {
		t.Errorf("the key of a template: got %q, %v", key.Value, err)
	}
	rule.Preference = preference(t, "content")
	rule.Note(identity.Row{N: 1, Cells: own, All: all})
	if key, err = rule.Key(identity.Row{N: 1, Cells: own, All: all}); err != nil || key.Digest != identity.ContentOf(own) {
		t.Errorf("the content is not that of the row's own cells: %v", err)
	}
}

func TestContentLeavesOutBlanksAndWhatIsNotOfTheUser(t *testing.T) {
	t.Parallel()
	want := identity.ContentOf(cells(t, "FirstName", "Zoë", "Email", "zoe@example.com", "EnableLogging", "off"))
	blank := cells(t, "FirstName", "\u00a0Zoe\u0308 ", "Email", "ZOE@example.com", "EnableLogging", "No", "City", "")
	blank.Put(field.MustGet("CreateAccessToken"), true)
	blank.Put(field.MustGet("Country"), nil)
	if identity.ContentOf(blank) != want {
		t.Error("a blank, a null, another spelling or CreateAccessToken changes the content")
	}
	for _, other := range [][]string{
		{"FirstName", "Zoë", "Email", "zoe@example.com"},
		{"FirstName", "Zoë", "Email", "zoe@example.com", "EnableLogging", "on"},
		{"LastName", "Zoë", "Email", "zoe@example.com", "EnableLogging", "off"},
	} {
		if identity.ContentOf(cells(t, other...)) == want {
			t.Errorf("%v has the same content", other)
		}
	}
}

func TestParsePreference(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"client-id", "client-id,email,content", "email,random", "random", "content", "phone"} {
		if got := preference(t, text).String(); got != text {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	if got := preference(t, " ClientId , Email ").String(); got != "client-id,email" {
		t.Errorf("the spellings of a column are not those of a key: %q", got)
	}
	for text, want := range map[string]string{
		"":                    "not a field",
		"client-id,":          "not a field",
		"client_idd":          "not a field",
		"content,client-id":   "must be the last",
		"random,content":      "must be the last",
		"tracking":            "cannot tell users apart",
		"custom-token":        "counts before any key",
		"DeviceToken,email":   "counts before any key",
		"create-access-token": "cannot tell users apart",
		"email,email":         "named twice",
	} {
		if _, err := identity.ParsePreference(text); !failure.Is(err, failure.Invalid) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestSeedsAreDrawnAndReadBack(t *testing.T) {
	t.Parallel()
	a, b := identity.NewSeed(), identity.NewSeed()
	if a.Text() == b.Text() {
		t.Error("two seeds are the same")
	}
	if back, err := identity.ParseSeed(a.Text()); err != nil || back.Text() != a.Text() {
		t.Errorf("%s is read as %s, %v", a.Text(), back.Text(), err)
	}
	for _, bad := range []string{"", "00", "xx112233445566778899aabbccddeeff"} {
		if _, err := identity.ParseSeed(bad); err == nil {
			t.Errorf("%q is read as a seed", bad)
		}
	}
}
