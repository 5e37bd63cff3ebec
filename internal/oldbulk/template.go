package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Templates make the rows of a quantity run: fields that a text/template writes for each row.
type Templates struct {
	fields   []*field.Field
	made     []*template.Template
	texts    []string
	quantity int
	run      string
}

// row is what a template sees.
type row struct {
	N   int    // the row, from 1
	Run string // names this run, so that two runs make different users
}

// NewTemplates reads the templates, one a field, and tries the first two rows. run is what {{.Run}} gives. The error names each flag that is wrong.
func NewTemplates(texts map[*field.Field]string, quantity int, run string) (*Templates, error) {
	t := &Templates{quantity: quantity, run: run}
	var wrong []failure.Field
	for _, f := range field.All(field.Create) {
		text, ok := texts[f]
		if !ok {
			continue
		}
		made, err := template.New("").Option("missingkey=error").Parse(text)
		if err == nil {
			err = t.try(f, made)
		}
		if err != nil {
			wrong = append(wrong, failure.Field{Key: templateFlag(f), Message: notATemplate(text, err)})
		}
		t.fields, t.made, t.texts = append(t.fields, f), append(t.made, made), append(t.texts, text)
	}
	if err := failure.InvalidFields("the templates are not valid", wrong); err != nil {
		return nil, err
	}
	return t, nil
}

func templateFlag(f *field.Field) string { return "--" + f.Flag + "-template" }

// errAlike is the error of a template that gives every row what only one may have.
var errAlike = errors.New("it is the same for every row: put {{.N}} into it")

func (t *Templates) try(f *field.Field, made *template.Template) error {
	var first, second strings.Builder
	if err := made.Execute(&first, row{1, t.run}); err != nil || t.quantity < 2 {
		return err
	}
	if err := made.Execute(&second, row{2, t.run}); err != nil {
		return err
	}
	if f.Name == "ClientId" && first.String() == second.String() && strings.TrimSpace(first.String()) != "" {
		return errAlike
	}
	return nil
}

// what text/template says before it comes to the point.
var (
	parsing   = regexp.MustCompile(`^template: :\d+:(\d+:)? *`)
	executing = regexp.MustCompile(`executing "" at <(.*?)>: `)
)

// notATemplate says what is wrong with a template, in words that speak of it and not of Go.
func notATemplate(text string, err error) string {
	quoted := strconv.QuoteToGraphic(text)
	var exec template.ExecError
	switch {
	case errors.Is(err, errAlike):
		return quoted + ": " + err.Error()
	case errors.As(err, &exec):
		where := quoted
		if at := executing.FindStringSubmatch(err.Error()); at != nil {
			where += ", at " + at[1] + ","
		}
		return where + " cannot be filled in: a template has {{.N}}, the number of the row, and {{.Run}}, the name of the run"
	default:
		return quoted + " is not a template such as ci-{{.Run}}-{{.N}}: " + parsing.ReplaceAllString(err.Error(), "")
	}
}

// Reader gives the rows as JSON Lines, made as they are read: the same for the same templates, quantity and run. A row that cannot be made is
// failure.Invalid.
func (t *Templates) Reader() io.Reader { return &templateReader{templates: t} }

type templateReader struct {
	templates *Templates
	n         int // rows so far
	text      bytes.Buffer
}

func (r *templateReader) Read(p []byte) (int, error) {
	if r.text.Len() == 0 {
		if r.n == r.templates.quantity {
			return 0, io.EOF
		}
		r.n++
		if err := r.templates.write(&r.text, r.n); err != nil {
			return 0, err
		}
	}
	return r.text.Read(p)
}

// write writes a row as a JSON object, its members in the order of the fields.
func (t *Templates) write(out *bytes.Buffer, n int) error {
	comma := byte('{')
	for i, f := range t.fields {
		var b strings.Builder
		if err := t.made[i].Execute(&b, row{n, t.run}); err != nil {
			return failure.InvalidFields("the templates are not valid", []failure.Field{{Key: templateFlag(f), Message: fmt.Sprintf("row %d: %s", n, notATemplate(t.texts[i], err))}})
		}
		value, err := json.Marshal(b.String())
		if err != nil {
			return err
		}
		out.WriteByte(comma)
		out.WriteString(strconv.Quote(f.Name) + ":")
		out.Write(value)
		comma = ','
	}
	out.WriteString("}\n")
	return nil
}
