package input

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The columns of a results file. A file may hold them under any spelling of these names:
// the first is read into Row.DeviceToken, the others are skipped, so that results can be
// given back as input.
const (
	DeviceTokenColumn = "DeviceToken"
	RowColumn         = "Row"
	OutcomeColumn     = "Outcome"
	ErrorColumn       = "Error"
)

// skippedNames are what the tool and the service write beside a user's fields, and nobody sets.
var skippedNames = foldedSet(RowColumn, "Line", OutcomeColumn, ErrorColumn, "Job", "Changes", "InstanceId",
	"AccessToken", "RefreshToken",
	"DateCreated", "ActivityStatus", "MobileDevice", "AccountInfo", "UserWallets", "IdentityId", "IdentityProvider")

func foldedSet(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[field.Fold(name)] = true
	}
	return set
}

// isSkipped reports whether a column is one that nobody sets: MobileDevice.OsType, too.
func isSkipped(name string) bool {
	folded := field.Fold(name)
	if outer, _, ok := strings.Cut(folded, "."); ok {
		if outer == "userprofile" {
			return skippedNames[strings.TrimPrefix(folded, "userprofile.")]
		}
		return outer == "mobiledevice" || outer == "accountinfo"
	}
	return skippedNames[folded]
}

// columnRole is what a column is for.
type columnRole uint8

const (
	skipped columnRole = iota
	value              // a field's values
	token              // DeviceTokens
	unknown            // it is not a field, which is a mistake
)

// meaning is what a column's name says.
type meaning struct {
	role   columnRole
	field  *field.Field      // where the role is value
	values map[string]string // what its values are replaced by, by the folded value
}

// same reports whether two columns say the same thing of a user, which no two may.
func (m meaning) same(other meaning) bool {
	return m.role == other.role && m.field == other.field && (m.role == value || m.role == token)
}

// names gives columns their meaning.
type names struct {
	use           field.Use
	ignoreUnknown bool
	keys          []*field.Field
	renamed       map[string]meaning           // by the folded name of the column
	written       map[string]string            // that name as it was written
	values        map[string]map[string]string // by the folded name of the column, by the folded value
}

// newNames reads Map and Keys.
func newNames(o *Options) (*names, error) {
	n := &names{
		use: o.Use, ignoreUnknown: o.IgnoreUnknown, keys: o.Keys,
		renamed: map[string]meaning{}, written: map[string]string{}, values: map[string]map[string]string{},
	}
	if n.keys == nil {
		n.keys = []*field.Field{field.MustGet("ClientId")}
	}
	var wrong []failure.Field
	for _, from := range slices.Sorted(maps.Keys(o.Map)) {
		if why := n.rename(from, o.Map[from]); why != "" {
			wrong = append(wrong, failure.Field{Key: from, Message: why})
		}
	}
	return n, failure.InvalidFields("the mapping is not valid", wrong)
}

// rename reads one entry of Map, and returns what is wrong with it.
func (n *names) rename(from, to string) string {
	m := n.spelled(to)
	isField := m.role == value || m.role == token
	column, text, ofValue := strings.Cut(from, ":")
	if _, known := field.Lookup(column); ofValue && (known || !isField) && field.Fold(column) != "" {
		values := n.values[field.Fold(column)]
		if values == nil {
			values = map[string]string{}
			n.values[field.Fold(column)] = values
		}
		if _, twice := values[foldValue(text)]; twice {
			return "the value is replaced twice"
		}
		values[foldValue(text)] = to
		return ""
	}
	folded := field.Fold(from)
	_, twice := n.renamed[folded]
	switch {
	case folded == "":
		return "no column is named: write Column=Field, or Column:value=Value"
	case twice:
		return "the column is renamed twice"
	case !isField:
		return fmt.Sprintf("%s is not a field%s; the known ones are %s", field.Quote(to), n.didYouMean(to), n.known())
	}
	n.renamed[folded], n.written[folded] = m, from
	return ""
}

func foldValue(text string) string { return strings.ToLower(field.NormalizeText(text)) }

// known lists what a column may be.
func (n *names) known() string { return strings.Join(n.knownNames(), ", ") }

func (n *names) knownNames() []string {
	if n.use != 0 {
		return append(field.Names(n.use), DeviceTokenColumn)
	}
	out := []string{DeviceTokenColumn}
	for _, k := range n.keys {
		out = append(out, k.Name)
	}
	return out
}

// didYouMean returns the nearest known name in parentheses; "" where none is near.
func (n *names) didYouMean(name string) string {
	return field.DidYouMean(name, n.knownNames())
}

// of returns the meaning of a column's name in the file.
func (n *names) of(name string) meaning {
	folded := field.Fold(name)
	m, ok := n.renamed[folded]
	if !ok {
		m = n.spelled(name)
	}
	if m.role == unknown && (n.use == 0 || n.ignoreUnknown) {
		m.role = skipped
	}
	if m.role == value && len(n.values) > 0 {
		m.values = n.values[folded]
		if m.values == nil {
			m.values = n.values[field.Fold(m.field.Name)]
		}
	}
	return m
}

func (n *names) spelled(name string) meaning {
	if field.Fold(name) == field.Fold(DeviceTokenColumn) {
		return meaning{role: token}
	}
	f, ok := field.Lookup(name)
	switch {
	case !ok && isSkipped(name):
		return meaning{role: skipped}
	case !ok || (n.use != 0 && f.Use&n.use == 0):
		return meaning{role: unknown}
	case n.use == 0 && !slices.Contains(n.keys, f):
		return meaning{role: skipped}
	}
	return meaning{role: value, field: f}
}

// columns are the columns of a file.
type columns struct {
	names    *names
	header   []string
	meanings []meaning
	skipped  []string       // those that are not a field, which are allowed
	width    int            // of a table, the header's cells, those without a name at its end included
	places   map[string]int // of JSON, where a column is found by its name
	wrong    []failure.Field
}

// add appends a column.
func (c *columns) add(name string) {
	m := c.names.of(name)
	c.header = append(c.header, name)
	c.meanings = append(c.meanings, m)
	if m.role == skipped && c.names.use != 0 && c.names.spelled(name).role == unknown {
		c.skipped = append(c.skipped, c.called(len(c.header)-1))
	}
}

// called returns a column's name for messages.
func (c *columns) called(i int) string {
	if name := field.NormalizeText(c.header[i]); name != "" {
		return name
	}
	return fmt.Sprintf("column %d", i+1)
}

// has reports whether a column is of a field.
func (c *columns) has(f *field.Field) bool {
	return slices.ContainsFunc(c.meanings, func(m meaning) bool { return m.role == value && m.field == f })
}

func (c *columns) hasToken() bool {
	return slices.ContainsFunc(c.meanings, func(m meaning) bool { return m.role == token })
}

// at returns the place of a JSON member's column, which is made where there is none; -1
// where there are too many. Spellings of one field share a column, that of the first, so
// that what is written with these columns can be read again.
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

const notField = "not a field"

// mostShown is how many columns an error names.
const mostShown = 100

// check compares the columns with one another, once all are known. With later, what is wrong with
// them is kept for the end of Check, and such a column is skipped; where no other column is left,
// it is an error at once.
func (c *columns) check(file string, later bool) error {
	for i, m := range c.meanings {
		first := slices.IndexFunc(c.meanings, m.same)
		switch {
		case m.role == unknown:
			c.wrong = append(c.wrong, failure.Field{Key: c.called(i), Message: notField + c.names.didYouMean(c.header[i])})
		case first >= 0 && first < i:
			c.wrong = append(c.wrong, failure.Field{Key: c.called(i),
				Message: "the same field as the column " + field.Quote(c.called(first))})
		default:
			continue
		}
		c.meanings[i] = meaning{role: skipped}
	}
	if later && c.says() {
		return nil
	}
	return c.err(file, "")
}

// says reports whether a column says something of a user.
func (c *columns) says() bool {
	return slices.ContainsFunc(c.meanings, func(m meaning) bool { return m.role == value || m.role == token })
}

// err returns what is wrong with the columns; nil for nothing. also follows in the message.
func (c *columns) err(file, also string) error {
	if len(c.wrong) == 0 {
		return nil
	}
	message := file + ": the columns are not valid" + also + "; the known ones are " + c.names.known()
	shown := c.wrong
	if more := len(shown) - mostShown; more > 0 {
		shown = shown[:mostShown]
		message += fmt.Sprintf(" (%d more columns are not named here)", more)
	}
	return (&failure.Error{Code: failure.Invalid, Fields: slices.Clone(shown), Message: message}).
		Because(ReasonColumns, "")
}

// checkSome requires a column that says something.
func (c *columns) checkSome(file string) error {
	if c.says() {
		return nil
	}
	if c.names.use == 0 {
		return failure.New(failure.Invalid, file+": no column is "+strings.Join(c.names.knownNames(), " or ")).
			Because(ReasonNoTokenColumn, "")
	}
	return failure.New(failure.Invalid, file+": no column is a field; the known ones are "+c.names.known()).
		Because(ReasonNoColumn, "")
}

// checkMap finds the columns that Map names and the file has not: they are misspelt.
func (c *columns) checkMap(file string) error {
	missing := maps.Clone(c.names.written)
	present := map[string]bool{}
	for _, name := range c.header {
		present[field.Fold(name)] = true
	}
	for name := range c.places {
		present[field.Fold(name)] = true
	}
	for _, m := range c.meanings {
		if m.field != nil {
			present[field.Fold(m.field.Name)] = true // the values of a field are named by the field, too
		}
	}
	for column := range c.names.values {
		if f, ok := field.Lookup(column); !present[column] && (!ok || !c.has(f)) {
			missing[column] = column
		}
	}
	for column := range c.names.written {
		if present[column] {
			delete(missing, column)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return failure.Newf(failure.Invalid, "%s: the mapping names a column that is not there: %s", file,
		strings.Join(slices.Sorted(maps.Values(missing)), ", ")).Because(ReasonMapColumn, strings.Join(c.header, ", "))
}
