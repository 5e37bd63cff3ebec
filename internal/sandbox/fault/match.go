package fault

import (
	"fmt"
	"slices"
	"strings"
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
	if f.method != "" && f.method != method {
		return false
	}
	if prefix, ok := strings.CutSuffix(f.path, "*"); ok {
		return len(path) >= len(prefix) &&
			(path[:len(prefix)] == prefix || !f.exact && strings.EqualFold(path[:len(prefix)], prefix))
	}
	got, want := split(path), split(f.path)
	return len(got) == len(want) && f.all(got, want)
}

func (f *Fault) all(got, want []string) bool {
	for i := range got {
		if got[i] == "" || !matches(f.exact, got[i], want[i]) {
			return false
		}
	}
	return true
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
	return invalid(f.text, fmt.Sprintf("there is no call %s; the nearest is %s %s", f.path, near.Method, near.Path))
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
	segments := strings.Split(strings.TrimPrefix(beginning, "/"), "/")
	if !open {
		segments = strings.Split(strings.Trim(f.path, "/"), "/")
	}
	path := split(r.Path)
	if len(segments) > len(path) || (!open && len(segments) < len(path)) {
		return false
	}
	for i, said := range segments {
		want := path[i]
		if open && i == len(segments)-1 && len(said) < len(want) && !strings.HasPrefix(want, "{") {
			want = want[:len(said)]
		}
		if !matches(r.Exact, said, want) {
			return false
		}
	}
	return true
}

// matches compares two segments of paths; braces stand for any.
func matches(exact bool, a, b string) bool {
	switch {
	case strings.HasPrefix(a, "{"), strings.HasPrefix(b, "{"):
		return true
	case exact:
		return a == b
	default:
		return strings.EqualFold(a, b)
	}
}

// nearest returns the call whose path is most like the fault's; of several the first with
// its method, else the first.
func (f *Fault) nearest(all []Call) Call {
	best, least := all[0], -1
	said, open := strings.CutSuffix(strings.ToLower(f.path), "*")
	for _, r := range all {
		path := strings.ToLower(r.Path)
		if open {
			path = path[:min(len(path), len(said))]
		}
		d := 2 * distance(said, path)
		if f.method != r.Method {
			d++
		}
		if least < 0 || d < least {
			best, least = r, d
		}
	}
	return best
}

// distance returns the edit distance of two texts.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
