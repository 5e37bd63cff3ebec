package bulk

import (
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Templates make the users of a quantity run: fixed fields, and fields that a text/template writes for each row.
type Templates struct {
	fixed  field.Set
	fields []*field.Field
	made   []*template.Template
	run    string
	now    time.Time
}

// row is what a template sees.
type row struct {
	N   int    // the row, from 1
	Run string // names this run, so that two runs make different users
}

// NewTemplates reads the templates, one a field, and tries every row: a mistake that shows at row 900 is found before row 1 is sent.
// The error names each field once. run is what {{.Run}} gives.
func NewTemplates(fixed field.Set, texts map[*field.Field]string, quantity int, run string, now time.Time, loose bool) (*Templates, error) {
	t := &Templates{fixed: fixed, run: run, now: now}
	var wrong []failure.Field
	for _, f := range field.All(field.Create) {
		text, ok := texts[f]
		if !ok {
			continue
		}
		parsed, err := template.New("--" + f.Flag + "-template").Option("missingkey=error").Parse(text)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: f.Path(), Message: err.Error()})
			continue
		}
		t.fields, t.made = append(t.fields, f), append(t.made, parsed)
	}
	if wrong == nil {
		wrong = t.try(quantity, loose)
	}
	if err := failure.Mistakes("the templates are not valid", wrong); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Templates) try(quantity int, loose bool) []failure.Field {
	for n := 1; n <= quantity; n++ {
		r := t.read(n, loose)
		if len(r.Mistakes) > 0 {
			for i := range r.Mistakes {
				r.Mistakes[i].Message = fmt.Sprintf("row %d: %s", n, r.Mistakes[i].Message)
			}
			return r.Mistakes
		}
		if n == 2 && t.sameClientID(r) {
			return []failure.Field{{Key: "UserFields.ClientId", Message: "it is the same for every row: put {{.N}} into it"}}
		}
	}
	return nil
}

func (t *Templates) sameClientID(second field.Reader) bool {
	first := t.read(1, true)
	id := first.Set.Text("ClientId")
	return id != "" && id == second.Set.Text("ClientId")
}

// Row makes the user of a row. That it is free of mistakes was found out by NewTemplates.
func (t *Templates) Row(n int) field.Set {
	r := t.read(n, true)
	return r.Set
}

func (t *Templates) read(n int, loose bool) field.Reader {
	r := field.Reader{Use: field.Create, Now: t.now, Loose: loose, Set: t.fixed.Clone()}
	for i, f := range t.fields {
		var b strings.Builder
		if err := t.made[i].Execute(&b, row{n, t.run}); err != nil {
			r.Mistakes = append(r.Mistakes, failure.Field{Key: f.Path(), Message: err.Error()})
			continue
		}
		r.Text(f, b.String())
	}
	return r
}
