package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
)

// A person is a row of a file before it is spelled: the values of its columns.
type person map[string]string

var columns = []string{"ClientId", "Email", "FirstName", "City", "EnableLogging"}

func people() *rapid.Generator[[]person] {
	one := rapid.Custom(func(t *rapid.T) person {
		p := person{"FirstName": rapid.SampledFrom([]string{"Ada", "Zoë", "Bo", "Ångström"}).Draw(t, "first name")}
		if rapid.Bool().Draw(t, "has a city") {
			p["City"] = rapid.SampledFrom([]string{"Köln", "Oslo"}).Draw(t, "city")
		}
		if rapid.Bool().Draw(t, "has a flag") {
			p["EnableLogging"] = rapid.SampledFrom([]string{"on", "off"}).Draw(t, "logging")
		}
		return p
	})
	return rapid.Custom(func(t *rapid.T) []person {
		all := rapid.SliceOfN(one, 1, 30).Draw(t, "people")
		for i, p := range all { // a key comes once in a file
			switch rapid.IntRange(0, 2).Draw(t, "key") {
			case 0:
				p["ClientId"] = fmt.Sprintf("c-%d", i)
			case 1:
				p["Email"] = fmt.Sprintf("p%d@example.com", i)
			}
		}
		return all
	})
}

// spell writes a person as some program might save it: other forms of the same values, columns in
// any order, blanks.
func (p person) spell(t *rapid.T) []string {
	var out []string
	for _, column := range rapid.Permutation(columns).Draw(t, "columns") {
		value, ok := p[column]
		switch {
		case !ok:
			continue
		case column == "Email":
			value = rapid.SampledFrom([]string{value, strings.ToUpper(value)}).Draw(t, "email")
		case column == "EnableLogging":
			value = map[string]string{"on": "true", "off": "0"}[value]
		default:
			value = rapid.SampledFrom([]string{norm.NFC.String(value), norm.NFD.String(value)}).Draw(t, "form")
		}
		if column != "EnableLogging" {
			value = rapid.SampledFrom([]string{"", " ", "\u00a0", "\ufeff"}).Draw(t, "space") + value
		}
		out = append(out, column, value)
	}
	return out
}

// tokensOf returns the DeviceTokens of the selected rows of a file, in the order of the file.
func tokensOf(t *rapid.T, rows [][]string, shards, shard int) []uuid.UUID {
	p, err := identity.ParsePreference("client-id,email,content")
	if err != nil {
		t.Fatal(err)
	}
	rule := identity.Rule{Deriver: deriver, Preference: p}
	all := make([]identity.Row, len(rows))
	for i, r := range rows {
		set := cells(t, r...)
		all[i] = identity.Row{N: i + 1, Cells: set, All: set}
		rule.Note(all[i])
	}
	var out []uuid.UUID
	for _, row := range all {
		key, err := rule.Key(row)
		if err != nil {
			t.Fatal(err)
		}
		if key.ShardOf(shards) == shard {
			token, _ := rule.Token(key)
			out = append(out, token)
		}
	}
	return out
}

func sorted(tokens []uuid.UUID) []uuid.UUID {
	slices.SortFunc(tokens, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return tokens
}

// A file that is saved by another program and put into another order has the same users, each once.
func TestReorderedAndResavedFileHasTheSameUsers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		file := people().Draw(t, "file")
		var first, second [][]string
		for _, p := range file {
			first = append(first, p.spell(t))
		}
		for _, p := range rapid.Permutation(file).Draw(t, "order") {
			second = append(second, p.spell(t))
		}
		a, b := sorted(tokensOf(t, first, 1, 1)), sorted(tokensOf(t, second, 1, 1))
		if !slices.Equal(a, b) {
			t.Fatalf("other users: %v and %v", a, b)
		}
		if len(slices.Compact(a)) != len(file) {
			t.Fatalf("%d rows are %d users", len(file), len(slices.Compact(a)))
		}
	})
}

// The shards of a file, each made on a machine of its own, are the users of the whole file, each in
// one of them.
func TestShardsAreTheWholeFile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rows [][]string
		for _, p := range people().Draw(t, "file") {
			rows = append(rows, p.spell(t))
		}
		shards := rapid.IntRange(1, 8).Draw(t, "shards")
		var parts []uuid.UUID
		for shard := 1; shard <= shards; shard++ {
			parts = append(parts, tokensOf(t, rows, shards, shard)...)
		}
		if whole := tokensOf(t, rows, 1, 1); !slices.Equal(sorted(parts), sorted(whole)) {
			t.Fatalf("%d shards have %v, the whole has %v", shards, parts, whole)
		}
	})
}

// Editing a row that has a key leaves every user as it was; editing one that has none makes a new
// user of that row alone.
func TestEditedRow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		file := people().Draw(t, "file")
		i := rapid.IntRange(0, len(file)-1).Draw(t, "row")
		var before, after [][]string
		for _, p := range file {
			before = append(before, p.spell(t))
		}
		edited := file[i]
		edited["City"] = "Timbuktu"
		for _, p := range file {
			after = append(after, p.spell(t))
		}
		a, b := sorted(tokensOf(t, before, 1, 1)), sorted(tokensOf(t, after, 1, 1))
		hasKey := edited["ClientId"] != "" || edited["Email"] != ""
		gone := 0
		for _, token := range a {
			if !slices.Contains(b, token) {
				gone++
			}
		}
		if want := map[bool]int{true: 0, false: 1}[hasKey]; gone != want {
			t.Fatalf("%d users are others after the edit, want %d", gone, want)
		}
	})
}

// Two values of a key are one user where their normalized forms are the same, and two otherwise, in
// any two instances.
func TestKeysAreUsers(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(1, 20, 60).Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
	rapid.Check(t, func(t *rapid.T) {
		a := text.Draw(t, "a")
		b := rapid.OneOf(rapid.Just(a), rapid.Just(" "+a), text).Draw(t, "b")
		f := rapid.SampledFrom(preferenceFields(t)).Draw(t, "field")
		one, two := deriver.Field(f, a), deriver.Field(f, b)
		if one.Version() != 8 || one.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is not a UUID of version 8", one)
		}
		if (one == two) != (f.Normalize(a) == f.Normalize(b)) {
			t.Fatalf("%s: %q has %s, %q has %s", f.Name, a, one, b, two)
		}
		if letters.Field(f, a) == one {
			t.Fatal("two instances share a DeviceToken")
		}
	})
}

// Equal rows are numbered in the order of the file, and all others are number one.
func TestEqualRowsAreNumbered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"Ada", "Bo", "Cy", "Di", "Ed"}), 1, 40).Draw(t, "names")
		var c identity.Counter
		for _, name := range names {
			c.Note(identity.ContentOf(cells(t, "FirstName", name)))
		}
		for pass := range 2 {
			c.Rewind()
			met := map[string]int{}
			for _, name := range names {
				met[name]++
				if got := c.Number(identity.ContentOf(cells(t, "FirstName", name))); got != met[name] {
					t.Fatalf("pass %d: %s has number %d, want %d", pass, name, got, met[name])
				}
			}
		}
	})
}

func preferenceFields(t *rapid.T) []*field.Field {
	p, err := identity.ParsePreference("client-id,email,phone,first-name")
	if err != nil {
		t.Fatal(err)
	}
	return p.Fields
}
