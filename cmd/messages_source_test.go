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

// A sourceText is a text that a person is to read: its longest part without a verb of fmt.
type sourceText struct{ where, longest string }

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

// The calls whose texts are messages, by the name of the function.
var messageCalls = []string{"New", "Newf", "Wrap", "Prefix", "Suffix", "InvalidFields", "Warn", "WithHint"}

// verbsOfFmt separates the parts of a format.
var verbsOfFmt = regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z%]`)

// textsOf returns the texts of messages that a file makes.
func textsOf(files *token.FileSet, file *ast.File) []sourceText {
	var found []sourceText
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(messageCalls, sel.Sel.Name) {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); sel.Sel.Name != "Warn" && sel.Sel.Name != "WithHint" && (!ok || x.Name != "failure") {
			return true
		}
		longest := ""
		for _, arg := range call.Args {
			if arg, ok := arg.(*ast.CallExpr); ok && sel.Sel.Name != "Warn" {
				_ = arg
				continue
			}
			ast.Inspect(arg, func(n ast.Node) bool {
				if inner, ok := n.(*ast.CallExpr); ok {
					if s, ok := inner.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Command" {
						return false
					}
				}
				if e, ok := n.(ast.Expr); ok {
					if text, ok := literal(e); ok {
						for _, part := range verbsOfFmt.Split(text, -1) {
							if len(part) > len(longest) {
								longest = part
							}
						}
					}
				}
				return true
			})
		}
		if len(longest) > 3 {
			found = append(found, sourceText{position(files, call), longest})
		}
		return true
	})
	return found
}
