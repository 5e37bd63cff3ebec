package input

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// null is how databases export NULL.
const null = `\N`

// set reads one value, given as text, into the row.
func (f *File) set(row *Row, column string, m meaning, text string) {
	if row.cellsOnly && !m.isClientID() {
		return
	}
	switch m.role {
	case token:
		f.setToken(row, column, text)
	case value:
		f.setValue(row, column, m, text)
	case unknown:
		row.unknown(f, column, text)
	}
}

func (f *File) setToken(row *Row, column, text string) {
	if field.NormalizeText(text) == null {
		return
	}
	switch t, err := field.ParseServiceUUID(text); {
	case err != nil:
		row.invalid(column, text, err)
	case t != uuid.Nil: // spreadsheets and databases write the all-zero UUID for none
		row.DeviceToken = t.String()
	}
}

func (f *File) setValue(row *Row, column string, m meaning, text string) {
	given := text
	if m.values != nil {
		if replaced, ok := m.values[foldValue(text)]; ok {
			if text = replaced; isBlank(text) {
				return
			}
		}
	}
	if len(text) < 8 && field.NormalizeText(text) == null {
		if f.options.updates() {
			row.Set.Put(m.field, nil)
		}
		return
	}
	if m.field.Kind == field.Time && f.dateLayout != "" {
		text = f.isoDate(text)
	}
	v, err := m.field.ParseText(text, f.options.Now)
	switch {
	case err != nil:
		err = f.dateError(err)
	case strings.IndexByte(text, 0) >= 0:
		err = errNUL
	case m.field.Kind == field.UUID && v == uuid.Nil.String():
		return
	}
	if err != nil || f.options.SkipValidation {
		f.put(row, column, m, v, err, text, given)
	} else {
		row.Set.Put(m.field, v)
	}
	f.notes.lookAt(row, text)
}

// dateError says which forms of dates there are, if that is what an error of a rule is about.
func (f *File) dateError(err error) error {
	var rule *field.RuleError
	if errors.As(err, &rule) && rule.Why == field.NotISODate && f.dateLayout != "" {
		return &field.RuleError{Value: rule.Value,
			Why: "not a date as " + f.options.DateFormat + " or in ISO 8601 (1990-05-31)"}
	}
	return err
}

// isoDate reads a date as Options.DateFormat says, and returns it in ISO 8601; what is
// not written so is returned as it is. Two-digit years are at most those of this year.
func (f *File) isoDate(text string) string {
	t, err := time.Parse(f.dateLayout, strings.ToUpper(field.NormalizeText(text)))
	if err != nil {
		t, err = time.Parse(f.dateLayout, field.NormalizeText(text))
	}
	if err != nil {
		return text
	}
	if t.After(f.options.Now) && !strings.Contains(f.dateLayout, "2006") {
		t = t.AddDate(-100, 0, 0)
	}
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02T15:04:05")
}

func (m meaning) isClientID() bool { return m.role == value && m.field.Name == "ClientId" }

var errNUL = errors.New("it has a NUL character in it: the file is damaged")

// setJSON reads one value that is neither a string nor a number.
func (f *File) setJSON(row *Row, column string, m meaning, given any, text string) {
	if row.cellsOnly && !m.isClientID() {
		return
	}
	switch m.role {
	case token:
		row.mistake(column, text, "not a UUID")
	case value:
		v, err := m.field.CheckJSON(given, f.options.Now)
		f.put(row, column, m, v, err, given, text)
	case unknown:
		row.unknown(f, column, text)
	}
}

// put takes a value that its field's rule was applied to, or the value as it was given
// where no rule is.
func (f *File) put(row *Row, column string, m meaning, v any, err error, given any, text string) {
	if err != nil && !f.options.SkipValidation {
		row.invalid(column, text, err)
		return
	}
	if err != nil || f.options.SkipValidation && m.field.Kind != field.Flag && m.field.Kind != field.Bool &&
		m.field.Kind != field.Count {
		v = given
	}
	row.Set.Put(m.field, v)
}

// finish looks at the row as a whole.
func (f *File) finish(row *Row) {
	if f.findKey(row); row.cellsOnly {
		return
	}
	f.checkTokens(row)
	if len(row.Mistakes) == 0 && (row.Key != "" || len(f.columns.wrong) == 0) {
		f.checkKey(row)
	}
	needsField := f.options.Use != 0 && !f.options.MayBeEmpty && !f.options.updates()
	if needsField && len(row.Mistakes) == 0 && len(f.columns.wrong) == 0 && !hasField(row) {
		row.mistake("", "", "a row without any field")
	}
}

// findKey finds the first of the keys that the row has.
func (f *File) findKey(row *Row) {
	if row.Key != "" {
		return // a list names it
	}
	for _, k := range f.keys {
		v, _ := row.Set.Value(k)
		text, _ := v.(string)
		if text = k.Normalize(text); text != "" {
			row.KeyField, row.Key = k.Name, text
			return
		}
	}
}

// checkTokens makes sure that a row does not name two users.
func (f *File) checkTokens(row *Row) {
	if row.DeviceToken == "" {
		return
	}
	if token := row.Set.Text("CustomToken"); token != "" && token != row.DeviceToken {
		row.mistake(f.columnOf(row, DeviceTokenColumn), row.DeviceToken, "the row's CustomToken is another")
	}
}

func (f *File) checkKey(row *Row) {
	if row.Key == "" {
		if f.needsKey && row.DeviceToken == "" && row.Set.Text("CustomToken") == "" && !f.skipsWithoutToken() {
			row.mistake("", "", f.noKeyText())
		}
		return
	}
	column := f.columnOf(row, row.KeyField)
	switch {
	case strings.EqualFold(row.Key, field.NormalizeText(column)):
		row.mistakeOf(column, row.Key, "the column's own name: is it the header again?",
			"the column's own name: is it the header again?")
	case f.options.SkipValidation:
	case field.HasInvisible(row.Key):
		row.invalid(column, row.Key, &field.RuleError{Value: field.Quote(row.Key),
			Why: "a key with an invisible character in it"})
	default:
		if why := field.Corruption(row.Key); why != "" {
			row.invalid(column, row.Key, &field.RuleError{Value: field.Quote(row.Key), Why: why})
		}
	}
}

// skipsWithoutToken reports whether the rows of a list that have no DeviceToken are
// skipped: the file has a column of DeviceTokens, and no other key was asked for.
func (f *File) skipsWithoutToken() bool {
	return f.options.Use == 0 && f.options.Keys == nil && f.format != list && f.columns.hasToken()
}

func (f *File) noKeyText() string {
	names := make([]string, len(f.keys))
	for i, k := range f.keys {
		names[i] = k.Name
	}
	return "no " + strings.Join(names, " and no ") + ": each row must have one"
}

// hasField reports whether the row says anything of a user: its Status alone is nothing.
func hasField(row *Row) bool {
	if row.DeviceToken != "" {
		return true
	}
	fields := row.Set.Fields()
	return len(fields) > 1 || len(fields) == 1 && fields[0].Name != "Status"
}

// invalid adds a mistake for a value that breaks a rule.
func (r *Row) invalid(column, value string, err error) {
	kind := err.Error()
	var rule *field.RuleError
	if errors.As(err, &rule) {
		kind = rule.Why
	}
	r.mistakeOf(column, value, err.Error(), kind)
}

func (r *Row) unknown(f *File, column, value string) {
	r.mistakeOf(column, value, notField+f.columns.names.didYouMean(column), notField)
	r.Mistakes[len(r.Mistakes)-1].Unknown = true
}

func (r *Row) mistake(column, value, why string) { r.mistakeOf(column, value, why, why) }

func (r *Row) mistakeOf(column, value, why, kind string) {
	column = field.NormalizeText(column)
	r.Mistakes = append(r.Mistakes, Mistake{
		Row: r.N, Line: r.Line, Column: column, Value: redact(column, value), Why: redactJWT(why), Kind: redactJWT(kind),
	})
}

// columnOf returns the column that a row has a field in.
func (f *File) columnOf(row *Row, name string) string {
	for i, m := range f.columns.meanings {
		is := m.role == token && name == DeviceTokenColumn || m.role == value && m.field.Name == name
		if is && i < len(row.Cells) && !isBlank(row.Cells[i]) {
			return f.columns.header[i]
		}
	}
	return name
}

// notes are what a read of a file finds that is not wrong, and may not be meant.
type notes struct {
	rows, short, firstShort int
	mojibake, firstMojibake int
	withoutToken            int
	variants                int      // keys that differ from an earlier one in case only
	pairs                   []string // the first of them
	truncated               bool     // the last row lacks cells, and the file has no line end
}

// lookAt counts the rows whose text looks like UTF-8 that was decoded as another encoding.
func (n *notes) lookAt(row *Row, text string) {
	if n.firstMojibake != row.N && isMojibake(text) {
		if n.mojibake++; n.firstMojibake == 0 {
			n.firstMojibake = row.N
		}
	}
}

// isMojibake reports whether a text has the pairs of characters that two bytes of UTF-8
// make in Windows-1252.
func isMojibake(text string) bool {
	if strings.IndexByte(text, 0xc3) < 0 && strings.IndexByte(text, 0xc2) < 0 && strings.IndexByte(text, 0xe2) < 0 {
		return false
	}
	for _, lead := range []string{"Ã", "Â"} {
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, lead)
			if !ok {
				break
			}
			for _, r := range after {
				if r >= 0x80 && r <= 0xbf ||
					strings.ContainsRune("€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ", r) {
					return true
				}
				break
			}
			rest = after
		}
	}
	return strings.Contains(text, "â€")
}

// Warnings returns what a person should know of the file although nothing is wrong with
// it, once Check has read it.
func (f *File) Warnings() []string {
	var out []string
	n := &f.notes
	if len(f.columns.skipped) > 0 {
		out = append(out, "skipped columns that are not a field: "+strings.Join(f.columns.skipped, ", "))
	}
	if n.short > 0 {
		out = append(out, fmt.Sprintf("%s cells at the end, read as blanks (the first is row %d)",
			count(n.short, "row lacks", "rows lack"), n.firstShort))
	}
	if n.variants > 0 {
		text := fmt.Sprintf("%s from another in upper and lower case only: %s",
			count(n.variants, "key differs", "keys differ"), strings.Join(n.pairs, ", "))
		if n.variants > len(n.pairs) {
			text += ", …"
		}
		out = append(out, text)
	}
	if n.mojibake > 0 {
		out = append(out, fmt.Sprintf("text in %s looks like UTF-8 that was decoded twice (the first is row %d)",
			count(n.mojibake, "row", "rows"), n.firstMojibake))
	}
	if n.withoutToken > 0 {
		out = append(out, fmt.Sprintf("%s no DeviceToken and %s skipped", count(n.withoutToken, "row has", "rows have"),
			were(n.withoutToken)))
	}
	return out
}

// Truncated reports, once Check has read the file, whether it looks cut off: its last row
// lacks cells and has no line end.
func (f *File) Truncated() bool { return f.notes.truncated }

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
