package input

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Mistake is one thing that is wrong with a row.
type Mistake struct {
	Row    int    // the data row, from 1
	Line   int    // the line that the row begins at, from 1
	Column string // as the file calls it; "" where the row as a whole is wrong
	Value  string // what stands there, cut to a length that can be shown
	Why    string // why it is wrong; lower case, no full stop
	Kind   string // the same for all mistakes of one kind: Why without what is of this row only

	Unknown bool // the column is not a field
}

// Groups collects mistakes by column and kind, as a hundred thousand rows that are wrong
// in the same way are one thing to say. Its memory is bounded.
type Groups struct {
	order  []*group
	byKind map[groupKey]*group
	count  int
	more   int // mistakes of kinds that are not listed any more
}

type groupKey struct{ column, kind string }

type group struct {
	groupKey
	count    int
	examples []Mistake // the first
	unknown  bool
}

const (
	mostGroups   = 50
	mostExamples = 3
)

// Add counts a mistake.
func (g *Groups) Add(m Mistake) {
	g.count++
	key := groupKey{m.Column, m.Kind}
	of := g.byKind[key]
	if of == nil {
		if len(g.order) == mostGroups {
			g.more++
			return
		}
		if g.byKind == nil {
			g.byKind = map[groupKey]*group{}
		}
		of = &group{groupKey: key, unknown: m.Unknown}
		g.byKind[key] = of
		g.order = append(g.order, of)
	}
	of.count++
	if len(of.examples) < mostExamples {
		of.examples = append(of.examples, m)
	}
}

// AddRow counts the mistakes of a row; it is a report of Check.
func (g *Groups) AddRow(row *Row) error {
	for _, m := range row.Mistakes {
		g.Add(m)
	}
	return nil
}

// Count returns how many mistakes there are.
func (g *Groups) Count() int { return g.count }

// Err returns the failure.Invalid that names every group: one of a single mistake by its
// row, another by its column, with its first rows. The Subject of its reason is the
// number of mistakes where some are not shown, else "".
func (g *Groups) Err(message string) *failure.Error {
	e := &failure.Error{Code: failure.Invalid, Message: message, Reason: ReasonMistakes}
	hidden := g.more > 0
	for _, of := range g.order {
		e.Fields = append(e.Fields, of.field())
		hidden = hidden || of.count > len(of.examples)
		switch {
		case of.unknown:
			e.Reason = ReasonUnknownColumn
		case of.kind == field.NotISODate && e.Reason == ReasonMistakes:
			e.Reason = ReasonDates
		}
	}
	if g.more > 0 {
		e.Fields = append(e.Fields, failure.Field{Key: "more", Message: fmt.Sprintf("%d mistakes of other kinds", g.more)})
	}
	if hidden {
		e.Subject = strconv.Itoa(g.count)
	}
	return e
}

// With returns an error of Check with the mistakes as well, where they are of the same file: its
// columns are not valid.
func (g *Groups) With(err error) error {
	e := failure.From(err)
	if g.count == 0 || e == nil || e.Reason != ReasonColumns {
		return err
	}
	both := *e
	both.Fields = append(slices.Clone(e.Fields), g.Err("").Fields...)
	return &both
}

func (g *group) field() failure.Field {
	first := g.examples[0]
	location := &failure.Location{Row: first.Row, Line: first.Line, Column: first.Column, Value: first.Value}
	if g.count == 1 {
		key := place1(first)
		if first.Column != "" {
			key += ", " + first.Column
		}
		return failure.Field{Key: key, Message: first.text(), Location: location}
	}
	shown := make([]string, len(g.examples))
	for i, m := range g.examples {
		shown[i] = place1(m)
		if m.Value != "" {
			shown[i] += " " + field.Quote(m.Value)
		}
	}
	text := fmt.Sprintf("%s, in %d rows: %s", g.kind, g.count, strings.Join(shown, ", "))
	if g.count > len(g.examples) {
		text += ", …"
	}
	key := g.column
	if key == "" {
		key = "rows"
	}
	return failure.Field{Key: key, Message: text, Location: location}
}

// place1 names the row and the line of a mistake.
func place1(m Mistake) string {
	if m.Line == 0 {
		return fmt.Sprintf("row %d", m.Row)
	}
	return fmt.Sprintf("row %d (line %d)", m.Row, m.Line)
}

// text names the value, in quotes, where the reason does not do so already.
func (m Mistake) text() string {
	quoted := field.Quote(m.Value)
	if m.Value == "" || strings.Contains(m.Why, quoted) {
		return m.Why
	}
	return quoted + ": " + m.Why
}
