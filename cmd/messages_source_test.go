package cmd_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A messageSource is what the source declares: the reasons, the hints and the texts of messages.
type messageSource struct {
	constants map[failure.Reason]string // the value of each constant, and where it is
	hints     []hintEntry
	first     map[failure.Reason]string // the first hint of a reason, by the order of hintTables
	texts     []sourceText
}

type hintEntry struct {
	reason failure.Reason
	where  string
}

// A sourceText is a text that a person is to read: its longest part without a verb of fmt, and what
// it looks like with anything in the place of what is not constant.
type sourceText struct {
	where, longest string
	pattern        *regexp.Regexp
	constant       string         // of its reason, as "job.ReasonShard"; "" for none
	reason         failure.Reason // the constant's value
}

// readReasons reads the source of the program, tests aside.
func readReasons(t *testing.T) messageSource {
	t.Helper()
	s := messageSource{constants: map[failure.Reason]string{}, first: map[failure.Reason]string{}}
	files := token.NewFileSet()
	values := map[string]failure.Reason{} // by package and name: job.ReasonShard
	var hints []*ast.File
	for _, root := range []string{"../internal", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for name, value := range reasonsOf(file) {
				values[file.Name.Name+"."+name] = value
				s.constants[value] = fmt.Sprintf("%s.%s", file.Name.Name, name)
			}
			if strings.HasPrefix(filepath.Base(path), "hints") && file.Name.Name == "cmdutil" {
				hints = append(hints, file)
			}
			s.texts = append(s.texts, textsOf(files, file)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(s.constants) < 100 {
		t.Fatalf("%d reasons", len(s.constants))
	}
	for i, text := range s.texts {
		s.texts[i].reason = values[cmp.Or(aliases[text.constant], text.constant)]
	}
	tables := map[string][]hintEntry{}
	for _, file := range hints {
		hintsOf(files, file, values, tables)
	}
	for _, name := range orderOfTables(hints) {
		for _, h := range tables[name] {
			s.hints = append(s.hints, h)
			s.first[h.reason] = cmp.Or(s.first[h.reason], h.where)
		}
	}
	return s
}

// reasonsOf returns the constants of type failure.Reason that a file declares.
func reasonsOf(file *ast.File) map[string]failure.Reason {
	found := map[string]failure.Reason{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != len(spec.Names) || !isReason(spec.Type) {
			return true
		}
		for i, name := range spec.Names {
			if text, ok := literal(spec.Values[i]); ok {
				found[name.Name] = failure.Reason(text)
			}
		}
		return true
	})
	return found
}

func isReason(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Reason"
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// aliases are the reasons that a room gives on from another.
var aliases = map[string]string{"sandbox.ReasonDamaged": "store.ReasonDamaged",
	"sandbox.ReasonServed": "store.ReasonServed",
	"sandbox.ReasonNewer":  "store.ReasonNewer"}

// hintsOf adds the entries of a file's hint tables.
func hintsOf(files *token.FileSet, file *ast.File, values map[string]failure.Reason, tables map[string][]hintEntry) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		table, ok := spec.Values[0].(*ast.CompositeLit)
		if !ok {
			return true
		}
		if m, ok := table.Type.(*ast.MapType); !ok || !isReason(m.Key) {
			return true
		}
		for _, e := range table.Elts {
			entry := e.(*ast.KeyValueExpr)
			var reason failure.Reason
			switch key := entry.Key.(type) {
			case *ast.BasicLit:
				text, _ := literal(key)
				reason = failure.Reason(text)
			case *ast.Ident:
				reason = values[file.Name.Name+"."+key.Name]
			case *ast.SelectorExpr:
				name := key.X.(*ast.Ident).Name + "." + key.Sel.Name
				reason = values[cmp.Or(aliases[name], name)]
			}
			tables[spec.Names[0].Name] = append(tables[spec.Names[0].Name], hintEntry{reason, position(files, entry)})
		}
		return true
	})
}

// orderOfTables returns the names of the hint tables, in their order.
func orderOfTables(hints []*ast.File) []string {
	var names []string
	for _, file := range hints {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != "hintTables" {
				return true
			}
			for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
				names = append(names, e.(*ast.Ident).Name)
			}
			return false
		})
	}
	return names
}

func position(files *token.FileSet, n ast.Node) string {
	p := files.Position(n.Pos())
	return fmt.Sprintf("%s:%d", filepath.ToSlash(strings.TrimPrefix(p.Filename, "../")), p.Line)
}

// messageCalls are the functions of failure whose texts are messages.
var messageCalls = []string{"New", "Newf", "Wrap", "Prefix", "Suffix", "InvalidFields"}

// verbsOfFmt separates the parts of a format.
var verbsOfFmt = regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z%]`)

// textsOf returns the texts of messages that a file makes.
func textsOf(files *token.FileSet, file *ast.File) []sourceText {
	var found []sourceText
	reasons := map[*ast.CallExpr]string{} // of the calls that Because was called on
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			if text := messageOf(n); len(text.longest) > 3 {
				text.where = position(files, n)
				found = append(found, text)
			}
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "Because" && len(call.Args) > 0 {
			if of, ok := sel.X.(*ast.CallExpr); ok {
				reasons[of] = constantOf(file, call.Args[0])
			}
		}
		if !ok || !isMessage(sel) {
			return true
		}
		var text sourceText
		for _, arg := range call.Args {
			if _, isCall := arg.(*ast.CallExpr); isCall && sel.Sel.Name != "Warn" {
				continue
			}
			if t := textOf(arg); len(t.longest) > len(text.longest) {
				text = t
			}
		}
		if len(text.longest) > 3 {
			text.where, text.constant = position(files, call), reasons[call]
			found = append(found, text)
		}
		return true
	})
	return found
}

// isMessage reports whether a function makes a message of what it is given.
func isMessage(f *ast.SelectorExpr) bool {
	x, _ := f.X.(*ast.Ident)
	switch f.Sel.Name {
	case "Warn", "WithHint":
		return true
	case "Add": // of cmdutil.Wrong
		return x != nil && x.Name == "wrong"
	}
	return x != nil && x.Name == "failure" && slices.Contains(messageCalls, f.Sel.Name)
}

// messageOf returns the text of a failure.Field.
func messageOf(n ast.Node) sourceText {
	field, ok := n.(*ast.CompositeLit)
	if !ok {
		return sourceText{}
	}
	for _, e := range field.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Message" {
				return textOf(pair.Value)
			}
		}
	}
	return sourceText{}
}

// constantOf returns the name of a constant with its package.
func constantOf(file *ast.File, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return file.Name.Name + "." + e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// textOf returns the text of an argument: of a literal, of a sum of some, or of the format of a
// call within it.
func textOf(arg ast.Expr) sourceText {
	var t sourceText
	var pattern strings.Builder
	var walk func(e ast.Expr)
	walk = func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BinaryExpr:
			walk(e.X)
			walk(e.Y)
		case *ast.ParenExpr:
			walk(e.X)
		case *ast.BasicLit:
			text, _ := literal(e)
			for i, part := range verbsOfFmt.Split(text, -1) {
				if i > 0 {
					pattern.WriteString(".*")
				}
				pattern.WriteString(regexp.QuoteMeta(part))
				if len(part) > len(t.longest) {
					t.longest = part
				}
			}
		case *ast.CallExpr:
			if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
				walk(e.Args[0])
				return
			}
			pattern.WriteString(".*")
		default:
			pattern.WriteString(".*")
		}
	}
	walk(arg)
	text := pattern.String()
	if first := text[:min(1, len(text))]; first >= "a" && first <= "z" { // it may begin a sentence
		text = "(?i:" + first + ")" + text[1:]
	}
	t.pattern = regexp.MustCompile(text)
	return t
}
