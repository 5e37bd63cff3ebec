package identity

import (
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Rest says what a row is known by that has none of the key fields.
type Rest string

// What may stand at the end of a Preference.
const (
	Nothing Rest = ""        // a row without a key field is an error
	Content Rest = "content" // by its own cells
	Random  Rest = "random"  // by nothing: its DeviceToken is drawn
)

// Preference is what a row may be known by: the first of the fields that it has, or else Rest.
type Preference struct {
	Fields []*field.Field
	Rest   Rest
}

// DefaultPreference returns what rows are known by where nobody says: the ClientId if the input has
// any, or else rest.
func DefaultPreference(hasClientID bool, rest Rest) Preference {
	if hasClientID {
		return Preference{Fields: []*field.Field{field.MustGet("ClientId")}}
	}
	return Preference{Rest: rest}
}

// ParsePreference reads a list such as `client-id,email,content`. The error is failure.Invalid.
func ParsePreference(text string) (Preference, error) {
	var p Preference
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if p.Rest != Nothing {
			return Preference{}, invalid("key %q: %s must be the last", text, p.Rest)
		}
		if rest := Rest(strings.ToLower(name)); rest == Content || rest == Random {
			p.Rest = rest
			continue
		}
		f, ok := field.Lookup(name)
		switch {
		case isToken(name):
			return Preference{}, invalid("key %q: a row's DeviceToken or CustomToken counts before any key, "+
				"and is not named as one", text)
		case !ok:
			return Preference{}, invalid("key %q: %q is not a field%s; a key is one of %s, content, random", text, name,
				field.DidYouMean(name, append(strings.Split(keyNames(), ", "), string(Content), string(Random))), keyNames())
		case !mayBeKey(f):
			return Preference{}, invalid("key %q: %s cannot tell users apart; a key is one of %s, content, random", text,
				f.Name, keyNames())
		case p.has(f):
			return Preference{}, invalid("key %q: %s is named twice", text, f.Name)
		}
		p.Fields = append(p.Fields, f)
	}
	return p, nil
}

// isToken reports whether a name is that of a column of the DeviceToken itself.
func isToken(name string) bool {
	folded := field.Fold(name)
	return folded == field.Fold("DeviceToken") || folded == field.Fold("CustomToken")
}

func invalid(format string, args ...any) error { return failure.Newf(failure.Invalid, format, args...) }

// mayBeKey reports whether users can be told apart by a field. The CustomToken always counts first.
func mayBeKey(f *field.Field) bool {
	switch f.Kind {
	case field.Text, field.Email, field.Phone:
		return f.Use&field.Create != 0 && f.Name != "InstanceInviteCode" && f.Name != "MaritalStatus"
	}
	return false
}

func keyNames() string {
	var names []string
	for _, f := range field.All(field.Create) {
		if mayBeKey(f) {
			names = append(names, f.Flag)
		}
	}
	return strings.Join(names, ", ")
}

func (p Preference) has(f *field.Field) bool {
	for _, k := range p.Fields {
		if k == f {
			return true
		}
	}
	return false
}

// String returns the preference as ParsePreference reads it: it is one of the options that make a
// job.
func (p Preference) String() string {
	var names []string
	for _, f := range p.Fields {
		names = append(names, f.Flag)
	}
	if p.Rest != Nothing {
		names = append(names, string(p.Rest))
	}
	return strings.Join(names, ",")
}

// Find returns the first key field that a row has a value for, and the normalized value; nil for
// none.
func (p Preference) Find(row field.Set) (f *field.Field, value string) {
	for _, f := range p.Fields {
		v, _ := row.Get(f.Name)
		if text := cellText(f, v); text != "" {
			return f, text
		}
	}
	return nil, ""
}

// missing is the error for a row that has none of the keys.
func (p Preference) missing() error {
	names := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		names[i] = f.Name
	}
	return failure.Newf(failure.Invalid, "no %s: each row must have one", strings.Join(names, " and no ")).
		Because(ReasonNoKey, p.String())
}

// ReasonNoKey is the reason of a row that has none of the keys by which rows are known.
const ReasonNoKey failure.Reason = "row-without-key"

// shardName names a row for the choice of its shard, by what identifies it and not by where it
// stands.
func shardName(parts ...string) []string { return append([]string{labelShard}, parts...) }

// ShardOf returns the shard (from 1) of so many that a row falls to.
func (k Key) ShardOf(shards int) int {
	if shards <= 1 {
		return 1
	}
	var name []string
	switch k.Kind {
	case Given:
		name = shardName("token", k.Value)
	case ByField:
		if k.Field.Name == "ClientId" {
			name = shardName("client", k.Value)
		} else {
			name = shardName("field", k.Field.Name, k.Value)
		}
	case ByContent:
		name = shardName("content", string(k.Digest[:]), strconv.Itoa(k.Number))
	default:
		name = shardName("row", strconv.Itoa(k.Number))
	}
	b := sum(nil, name...)
	var h uint64
	for _, c := range b[:8] {
		h = h<<8 | uint64(c)
	}
	return int(h%uint64(shards)) + 1 //nolint:gosec // below shards
}
