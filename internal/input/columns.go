package input

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// role is what a column is for.
type role uint8

const (
	passedOver role = iota
	value           // a field's values
	token           // DeviceTokens
	unknown         // it is no field, which is a mistake
)

// meaning is what a column's name says.
type meaning struct {
	role  role
	field *field.Field // where the role is value
}

// same tells whether two columns say the same thing of a user, which no two may.
func (m meaning) same(other meaning) bool {
	return m == other && (m.role == value || m.role == token)
}

// names gives columns their meaning.
type names struct {
	use           field.Use
	ignoreUnknown bool
	renamed       map[string]meaning // --map, by the folded name of the column
	written       map[string]string  // that name as it was written
}

// newNames reads --map.
func newNames(o Options) (*names, error) {
	n := &names{use: o.Use, ignoreUnknown: o.IgnoreUnknown, renamed: map[string]meaning{}, written: map[string]string{}}
	var wrong []failure.Field
	for _, column := range slices.Sorted(maps.Keys(o.Map)) {
		m := n.spelled(o.Map[column])
		_, twice := n.renamed[fold(column)]
		switch {
		case fold(column) == "":
			wrong = append(wrong, failure.Field{Key: "--map", Message: "it names no column; write Column=Field"})
		case twice:
			wrong = append(wrong, failure.Field{Key: column, Message: "the column is renamed twice"})
		case m.role != value && m.role != token:
			wrong = append(wrong, failure.Field{Key: column, Message: fmt.Sprintf("%q is no field; the known ones are %s", o.Map[column], n.known())})
		}
		n.renamed[fold(column)], n.written[fold(column)] = m, column
	}
	return n, failure.InvalidFields("--map is not valid", wrong)
}

// known lists what a column may be.
func (n *names) known() string {
	return strings.Join(append(field.Names(n.use), DeviceTokenColumn), ", ")
}

// of is the meaning of a column's name in the file.
func (n *names) of(name string) meaning {
	m, ok := n.renamed[fold(name)]
	if !ok {
		m = n.spelled(name)
	}
	if m.role == unknown && (n.use == 0 || n.ignoreUnknown) {
		m.role = passedOver
	}
	return m
}

func (n *names) spelled(name string) meaning {
	switch fold(name) {
	case fold(DeviceTokenColumn):
		return meaning{role: token}
	case fold(OutcomeColumn), fold(ErrorColumn):
		return meaning{role: passedOver}
	}
	f, ok := field.Lookup(name)
	switch {
	case !ok || (n.use != 0 && f.Use&n.use == 0):
		return meaning{role: unknown}
	case n.use == 0:
		return meaning{role: passedOver}
	}
	return meaning{role: value, field: f}
}

// columns are the columns of a file.
type columns struct {
	names    *names
	header   []string
	meanings []meaning
	width    int            // of CSV, the header's cells, those without a name at its end included
	places   map[string]int // of JSON, where a column is found by its name
}

// add appends a column.
func (c *columns) add(name string) {
	c.header = append(c.header, name)
	c.meanings = append(c.meanings, c.names.of(name))
}

// at is the place of a JSON member's column, which is made where there is none; -1 where there are too many. Spellings of one field share a column,
// that of the first, so that what is written with these columns can be read again.
func (c *columns) at(name string) int {
	if i, ok := c.places[name]; ok {
		return i
	}
	if len(c.places) == mostColumns {
		return -1
	}
	if c.places == nil {
		c.places = map[string]int{}
	}
	i := slices.IndexFunc(c.meanings, c.names.of(name).same)
	if i < 0 {
		i = len(c.header)
		c.add(name)
	}
	c.places[name] = i
	return i
}

const noField = "it is no field"

// check holds the columns against each other, once all are known. file is what the file is called.
func (c *columns) check(file string) error {
	var wrong []failure.Field
	for i, m := range c.meanings {
		name := strings.TrimSpace(c.header[i])
		first := slices.IndexFunc(c.meanings, m.same)
		switch {
		case m.role == unknown:
			if name == "" {
				name = fmt.Sprintf("column %d", i+1)
			}
			wrong = append(wrong, failure.Field{Key: name, Message: noField})
		case first >= 0 && first < i:
			wrong = append(wrong, failure.Field{Key: name, Message: fmt.Sprintf("it is the same field as the column %q", strings.TrimSpace(c.header[first]))})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	message := file + ": the columns are not valid; the known ones are " + c.names.known()
	if more := len(wrong) - mostShown; more > 0 {
		wrong = wrong[:mostShown]
		message += fmt.Sprintf(" (%d more columns are not named here)", more)
	}
	return &failure.Error{Code: failure.Invalid, Fields: wrong, Message: message,
		Hint: "the first line names the columns; --map 'Column=Field' renames one, and --ignore-unknown passes over those that are no field"}
}

// checkSome wants a column that says something.
func (c *columns) checkSome(file string) error {
	if slices.ContainsFunc(c.meanings, func(m meaning) bool { return m.role == value || m.role == token }) {
		return nil
	}
	if c.names.use == 0 {
		return failure.New(failure.Invalid, file+": no column is "+DeviceTokenColumn).
			WithHint("give one DeviceToken a line, or a column of that name")
	}
	return failure.New(failure.Invalid, file+": no column is a field; the known ones are "+c.names.known()).
		WithHint("the first line names the columns; --map 'Column=Field' renames one")
}

// checkMap finds the columns that --map names and the file has not: they are misspelt.
func (c *columns) checkMap(file string) error {
	missing := maps.Clone(c.names.written)
	for _, name := range c.header {
		delete(missing, fold(name))
	}
	for name := range c.places {
		delete(missing, fold(name))
	}
	if len(missing) == 0 {
		return nil
	}
	return failure.Newf(failure.Invalid, "%s: --map names a column that is not there: %s", file, strings.Join(slices.Sorted(maps.Values(missing)), ", ")).
		WithHint("the file's columns are " + strings.Join(c.header, ", "))
}

var folder = strings.NewReplacer("_", "", "-", "", " ", "")

// fold takes away what the spellings of one name differ by.
func fold(s string) string { return folder.Replace(strings.ToLower(strings.TrimSpace(s))) }
