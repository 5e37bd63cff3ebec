package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

// Call is a call of the contract; segments of its path in braces stand for any.
type Call struct {
	Method, Path string
	Exact        bool // the path's case counts
}

func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// Bind ties faults to the calls that there are. Its error, of code invalid, says which
// fault names none, and what is nearest: a fault that applies to nothing would make a
// test pass that tests nothing.
func Bind(list []Fault, all []Call) error {
	for i := range list {
		if err := list[i].bind(all); err != nil {
			return err
		}
	}
	return nil
}

// applies reports whether the fault is about a request.
func (f *Fault) applies(method, path string) bool {
	return (f.method == "" || f.method == method) && f.names(Call{Path: path, Exact: f.exact})
}

func (f *Fault) bind(all []Call) error {
	named, methods := f.calls(all)
	switch {
	case named != nil:
		f.exact = !slices.ContainsFunc(named, func(r Call) bool { return !r.Exact })
		return nil
	case f.path == "*":
		return invalid(f.text, "no call has the method "+f.method)
	case methods != nil:
		right := strings.Join(methods, " or ")
		return invalid(f.text, fmt.Sprintf("%s is called with %s, not with %s", f.path, right, f.method))
	}
	near := f.nearest(all)
	return invalid(f.text, fmt.Sprintf("unknown call %s; the nearest is %s %s", f.path, near.Method, near.Path))
}

// calls returns those that the fault names, and the methods of those that only its path names.
func (f *Fault) calls(all []Call) (named []Call, methods []string) {
	for _, r := range all {
		switch {
		case !f.names(r):
		case f.method == "" || f.method == r.Method:
			named = append(named, r)
		case !slices.Contains(methods, r.Method):
			methods = append(methods, r.Method)
		}
	}
	return named, methods
}

// names reports whether some request for the call has the fault's path.
func (f *Fault) names(r Call) bool {
	if f.path == "*" {
		return true
	}
	beginning, open := strings.CutSuffix(f.path, "*")
	said, path := strings.Split(strings.TrimPrefix(beginning, "/"), "/"), split(r.Path)
	if !open {
		said = split(f.path)
	}
	if len(said) > len(path) || !open && len(said) < len(path) {
		return false
	}
	for i, want := range path[:len(said)] {
		if open && i == len(said)-1 && len(said[i]) < len(want) && !strings.HasPrefix(want, "{") {
			want = want[:len(said[i])]
		}
		parameter := strings.HasPrefix(want, "{") || strings.HasPrefix(said[i], "{") && want != ""
		if !parameter && said[i] != want && (r.Exact || !strings.EqualFold(said[i], want)) {
			return false
		}
	}
	return true
}

// nearest returns the call that is most like what the fault names.
func (f *Fault) nearest(all []Call) Call {
	said, open := strings.CutSuffix(strings.ToLower(f.path), "*")
	cost := func(r Call) int {
		path := strings.ToLower(r.Path)
		if open {
			path = path[:min(len(path), len(said))]
		}
		d := 2 * nearest.Distance(said, path)
		if f.method != r.Method {
			d++
		}
		return d
	}
	return slices.MinFunc(all, func(a, b Call) int { return cost(a) - cost(b) })
}
