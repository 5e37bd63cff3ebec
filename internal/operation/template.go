package operation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// Templates give every row of a job a value for some fields, where the row itself has none. It is
// safe for concurrent use.
type Templates struct {
	templates []fieldTemplate
	options   TemplateOptions
}

// TemplateOptions say for what the templates are.
type TemplateOptions struct {
	Use            field.Use // where the values will be written: Create or Update
	Run            string    // what {{.Run}} gives
	Rows           int       // how many rows there are; 0 where that is not known
	Now            time.Time // what "not in the future" is measured by
	SkipValidation bool      // send values as they are
}

type fieldTemplate struct {
	field    *field.Field
	text     string
	template *template.Template // nil: the text is the value of every row
	value    any
}

// templateData is what a template sees.
type templateData struct {
	N   int    // the row's number, from 1
	Run string // the name of the run, so that two runs create different users
}

// ParseTemplates reads assignments such as `ClientId=ci-{{.Run}}-{{.N}}` or `Country=DE`, and tries
// each for the first rows. The error is failure.Invalid, with one entry for each assignment that is
// wrong.
func ParseTemplates(assignments []string, o TemplateOptions) (*Templates, error) {
	t := &Templates{options: o}
	var wrong []failure.Field
	for _, assignment := range assignments {
		one, err := t.parse(assignment)
		if err != nil {
			key, _, _ := strings.Cut(assignment, "=")
			wrong = append(wrong, failure.Field{Key: strings.TrimSpace(key), Message: err.Error()})
			continue
		}
		t.templates = append(t.templates, one)
	}
	if err := failure.InvalidFields("invalid values for every row", wrong); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Templates) parse(assignment string) (fieldTemplate, error) {
	name, text, ok := strings.Cut(assignment, "=")
	if !ok {
		return fieldTemplate{}, fmt.Errorf("%s must have the form Field=VALUE", strconv.QuoteToGraphic(assignment))
	}
	f, ok := field.Lookup(name)
	if !ok || f.Use&t.options.Use == 0 {
		return fieldTemplate{}, fmt.Errorf("not a field%s; the fields are %s",
			field.DidYouMean(name, field.Names(t.options.Use)), strings.Join(field.Names(t.options.Use), ", "))
	}
	if t.Has(f) {
		return fieldTemplate{}, errors.New("set twice")
	}
	one := fieldTemplate{field: f, text: text}
	if strings.Contains(text, "{{") {
		parsed, err := template.New("").Option("missingkey=error").Parse(text)
		if err != nil {
			return one, explainTemplate(text, err)
		}
		one.template = parsed
	}
	return one, t.try(&one)
}

// try makes the values of the first rows, and keeps that of a template which is the same for every
// row.
func (t *Templates) try(one *fieldTemplate) error {
	first, err := t.value(*one, 1)
	if err != nil {
		return err
	}
	if one.template == nil {
		one.value = first
	}
	if t.options.Rows == 1 || one.field.Name != "ClientId" && one.field.Name != "CustomToken" {
		return nil
	}
	second, err := t.value(*one, 2)
	if err == nil && first == second && first != "" {
		return fmt.Errorf("%s is the same for every row: it must contain {{.N}}", strconv.QuoteToGraphic(one.text))
	}
	return err
}

func (t *Templates) value(one fieldTemplate, n int) (any, error) {
	if one.value != nil {
		return one.value, nil
	}
	text := one.text
	if one.template != nil {
		var b strings.Builder
		if err := one.template.Execute(&b, templateData{n, t.options.Run}); err != nil {
			return nil, explainTemplate(one.text, err)
		}
		text = b.String()
	}
	v, err := one.field.ParseText(text, t.options.Now)
	if err != nil && t.options.SkipValidation {
		return text, nil
	}
	return v, err
}

// Has reports whether there is a template for a field.
func (t *Templates) Has(f *field.Field) bool {
	for _, one := range t.templates {
		if one.field == f {
			return true
		}
	}
	return false
}

// Len returns the number of templates.
func (t *Templates) Len() int { return len(t.templates) }

// Fields lists the fields that have a template.
func (t *Templates) Fields() []*field.Field {
	out := make([]*field.Field, len(t.templates))
	for i, one := range t.templates {
		out[i] = one.field
	}
	return out
}

// Options returns the templates by the names of their fields: a part of what the job is known by.
func (t *Templates) Options() map[string]string {
	out := make(map[string]string, len(t.templates))
	for _, one := range t.templates {
		out[one.field.Name] = one.text
	}
	return out
}

// Fill returns the cells of row n with the values of the templates where the row has none: a cell
// wins. The mistakes are those of values that break a field's rule. Nil Templates add nothing.
func (t *Templates) Fill(n int, cells field.Set) (field.Set, []failure.Field) {
	if t == nil || len(t.templates) == 0 {
		return cells, nil
	}
	out := cells.Clone()
	var mistakes []failure.Field
	for _, one := range t.templates {
		if v, ok := cells.Get(one.field.Name); ok && v != "" {
			continue
		}
		v, err := t.value(one, n)
		switch {
		case err != nil:
			mistakes = append(mistakes, failure.Field{Key: one.field.Path(), Message: err.Error()})
		case v != "": // a template that writes nothing sets nothing
			out.Put(one.field, v)
		}
	}
	return out, mistakes
}

// What text/template says before it comes to the point.
var (
	parsePrefix   = lazyregexp.New(`^template: :\d+:(\d+:)? *`)
	executePrefix = lazyregexp.New(`executing "" at <(.*?)>: `)
)

// explainTemplate says what is wrong with a template, in words that speak of it and not of Go.
func explainTemplate(text string, err error) error {
	quoted := strconv.QuoteToGraphic(text)
	var exec template.ExecError
	if !errors.As(err, &exec) {
		return fmt.Errorf("%s is not a valid template: %s", quoted, parsePrefix.Get().ReplaceAllString(err.Error(), ""))
	}
	if at := executePrefix.Get().FindStringSubmatch(err.Error()); at != nil {
		quoted += ", at " + at[1]
	}
	return fmt.Errorf("%s is not a valid template: it may contain {{.N}}, the number of the row, and {{.Run}}, the "+
		"name of the run", quoted)
}
