package identity

import (
	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Kind is how a row is known.
type Kind uint8

// The kinds.
const (
	Given     Kind = iota + 1 // the row has a CustomToken or a DeviceToken
	ByField                   // by the value of a key field
	ByContent                 // by its own cells
	ByNumber                  // by its number: the DeviceToken is drawn, or is the service's choice
)

// Key is what one row is known by.
type Key struct {
	Kind   Kind
	Field  *field.Field // of ByField
	Value  string       // of Given: the UUID; of ByField: the normalized value
	Digest Digest       // of ByContent
	Number int          // of ByContent: of equal rows; of ByNumber: the row's
}

// Row is what a rule looks at.
type Row struct {
	N           int       // from 1
	DeviceToken string    // the row's own DeviceToken; "" where it has none
	Cells       field.Set // the row's own cells
	All         field.Set // the cells and what flags and templates add
}

// Rule says who the rows of one input are. It is for one goroutine at a time.
type Rule struct {
	Deriver    Deriver
	Preference Preference
	Seed       Seed // of rows that are known by nothing: drawn by the job, or of a named run
	Drawn      bool // Seed was drawn by this job: no one else can know its DeviceTokens
	Server     bool // the service chooses the DeviceTokens of rows that give none
	counter    Counter
}

// NeedsCount reports whether equal rows must be counted: then each row is to be noted before the
// first Key.
func (r *Rule) NeedsCount() bool { return r.Preference.Rest == Content && !r.Server }

// Note remembers a row, for the counting of equal rows.
func (r *Rule) Note(row Row) {
	if r.NeedsCount() && r.byContent(row) {
		r.counter.Note(ContentOf(row.Cells))
	}
}

func (r *Rule) byContent(row Row) bool {
	if token, err := given(row); err != nil || token != uuid.Nil {
		return false
	}
	f, _ := r.Preference.Find(row.All)
	return f == nil
}

// Rewind restarts the counting of equal rows at the first row.
func (r *Rule) Rewind() { r.counter.Rewind() }

// Key returns what a row is known by. Where equal rows are counted, it is to be called for every
// row in order. The error is failure.Invalid: the row has no key, or its DeviceToken is not a UUID.
func (r *Rule) Key(row Row) (Key, error) {
	token, err := given(row)
	if err != nil {
		return Key{}, err
	}
	if token != uuid.Nil {
		return Key{Kind: Given, Value: token.String()}, nil
	}
	if r.Server {
		return Key{Kind: ByNumber, Number: row.N}, nil
	}
	if f, value := r.Preference.Find(row.All); f != nil {
		return Key{Kind: ByField, Field: f, Value: value}, nil
	}
	switch r.Preference.Rest {
	case Content:
		digest := ContentOf(row.Cells)
		return Key{Kind: ByContent, Digest: digest, Number: r.counter.Number(digest)}, nil
	case Random:
		return Key{Kind: ByNumber, Number: row.N}, nil
	}
	return Key{}, r.Preference.missing()
}

// Token returns the DeviceToken of a key; zero where the service is to choose it. random reports
// that this job drew it, so that no one else can have sent it.
func (r *Rule) Token(k Key) (token uuid.UUID, random bool) {
	switch k.Kind {
	case Given:
		return uuid.MustParse(k.Value), false
	case ByField:
		return r.Deriver.Field(k.Field, k.Value), false
	case ByContent:
		return r.Deriver.Content(k.Digest, k.Number), false
	}
	if r.Server {
		return uuid.Nil, false
	}
	return r.Deriver.Random(r.Seed, k.Number), r.Drawn
}

// given returns the DeviceToken that a row itself names, its CustomToken first.
func given(row Row) (uuid.UUID, error) {
	token, err := ParseToken(row.All.Text("CustomToken"))
	if err != nil || token != uuid.Nil {
		return token, err
	}
	return ParseToken(row.DeviceToken)
}
