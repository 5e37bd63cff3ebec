package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// parse makes the expression or the template ready. Neither sees the environment or any file.
func (p *Printer) parse() error {
	if p.opts.JQ != "" {
		query, err := gojq.Parse(p.opts.JQ)
		if err == nil {
			p.query, err = gojq.Compile(query)
		}
		if err != nil {
			return notParsed("jq expression", p.opts.JQ, ReasonInvalidJQ, err)
		}
		return nil
	}
	form, err := template.New("template").Funcs(template.FuncMap{"json": templateJSON, "join": templateJoin}).
		Parse(p.opts.Template)
	if err != nil {
		return notParsed("template", p.opts.Template, ReasonInvalidTemplate, err)
	}
	p.form = form
	return nil
}

// invalid returns the error of an expression. A library's text may quote data, so it is sanitized.
func invalid(what string, reason failure.Reason, err error) error {
	return &failure.Error{Code: failure.Invalid, Message: what + ": " + libraryText(err), Reason: reason, Cause: err}
}

// notParsed returns the error of an expression that does not parse.
func notParsed(what, text string, reason failure.Reason, err error) error {
	return &failure.Error{Code: failure.Invalid,
		Message: fmt.Sprintf("invalid %s %s: %s", what, strconv.QuoteToGraphic(text), libraryText(err)), Reason: reason,
		Cause: err}
}

func libraryText(err error) string {
	var parse *gojq.ParseError
	var exec template.ExecError
	switch {
	case errors.As(err, &parse) && parse.Token == "":
		return "it ends too early"
	case errors.As(err, &exec):
		text, _, _ := strings.Cut(exec.Error(), " in type ") // a type of Go's
		return sanitize.Clean(strings.TrimPrefix(text, "template: template:"))
	}
	return sanitize.Clean(strings.TrimPrefix(err.Error(), "template: template:"))
}

// ask prints what the expression or the template makes of a JSON document.
func (p *Printer) ask(doc []byte) error {
	value, err := decode(doc)
	if err != nil {
		return err
	}
	if p.form != nil {
		var b bytes.Buffer
		if err := p.form.Execute(&b, value); err != nil {
			return invalid("template", ReasonInvalidTemplate, err)
		}
		return p.text(b.String())
	}
	for results := p.query.RunWithContext(p.opts.Context, value); ; {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, ok := result.(error); ok {
			return p.stopped(err)
		}
		if err := p.result(result); err != nil {
			return err
		}
	}
}

// stopped is how an expression's error ends the command: halt without a value is no
// error, and a context's is its own.
func (p *Printer) stopped(err error) error {
	var halt *gojq.HaltError
	if errors.As(err, &halt) && halt.Value() == nil {
		return nil
	}
	if cancelled := p.opts.Context.Err(); cancelled != nil {
		return cancelled
	}
	return invalid("jq expression", ReasonInvalidJQ, err)
}

// result prints one result as jq -r does: a string as it is, anything else as JSON on one line.
func (p *Printer) result(result any) error {
	if text, ok := result.(string); ok {
		return p.text(text + "\n")
	}
	text, err := gojq.Marshal(result)
	if err != nil {
		return err
	}
	_, err = sanitize.CleanJSON(p.out).Write(append(text, '\n'))
	return err
}

// text prints what the user's own expression made: as it is into a pipe, with control
// characters shown on a terminal.
func (p *Printer) text(s string) error {
	if p.opts.TTY {
		s = sanitize.CleanLines(s)
	}
	_, err := p.out.Write([]byte(s))
	return err
}

// decode reads a JSON document with the types that gojq knows and that a template can
// count and compare with: whole numbers are int or *big.Int, others float64.
func decode(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return plain(value), nil
}

func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case json.Number:
		return number(v.String())
	}
	return value
}

func number(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if n, ok := new(big.Int).SetString(s, 10); ok {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range is an infinity, as in jq
	return f
}

// templateJSON is the function json of templates: the value as JSON on one line.
func templateJSON(value any) (string, error) {
	text, err := compact(value)
	return string(text), err
}

// templateJoin is the function join of templates: {{join ", " .Names}}.
func templateJoin(separator string, list []any) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, separator)
}
