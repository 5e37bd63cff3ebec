package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// bind ties the faults to the calls that there are. Its error, of code invalid, says which fault names none, and what
// comes nearest: a fault that strikes nothing would make a test pass that tests nothing.
func bind(list []Fault, all []route) error {
	for i := range list {
		if err := list[i].bind(all); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fault) bind(all []route) error {
	named, methods := f.calls(all)
	switch {
	case named != nil:
		f.exact = !slices.ContainsFunc(named, func(r route) bool { return !r.exact })
		return nil
	case f.path == "*":
		return badFault(f.text, "no call has the method "+f.method)
	case methods != nil:
		return badFault(f.text, fmt.Sprintf("%s is called with %s, not with %s", f.path, strings.Join(methods, " or "), f.method))
	}
	near := f.nearest(all)
	return badFault(f.text, fmt.Sprintf("there is no call %s; the nearest is %s %s", f.path, near.method, near.path))
}

// calls are those that the fault names, and the methods of those that only its path names.
func (f *Fault) calls(all []route) (named []route, methods []string) {
	for _, r := range all {
		switch {
		case !f.names(r):
		case f.method == "" || f.method == r.method:
			named = append(named, r)
		case !slices.Contains(methods, r.method):
			methods = append(methods, r.method)
		}
	}
	return named, methods
}

// names tells whether some request for the call has the fault's path.
func (f *Fault) names(r route) bool {
	if f.path == "*" {
		return true
	}
	beginning, open := strings.CutSuffix(f.path, "*")
	segments := strings.Split(strings.TrimPrefix(beginning, "/"), "/")
	if !open {
		segments = strings.Split(strings.Trim(f.path, "/"), "/")
	}
	if len(segments) > len(r.segments) || (!open && len(segments) < len(r.segments)) {
		return false
	}
	for i, said := range segments {
		want := r.segments[i]
		if open && i == len(segments)-1 && len(said) < len(want) && !strings.HasPrefix(want, "{") {
			want = want[:len(said)]
		}
		if !r.meets(said, want) {
			return false
		}
	}
	return true
}

// meets compares a segment of a fault's path with one of the call's; braces stand for any.
func (r *route) meets(said, want string) bool {
	switch {
	case strings.HasPrefix(said, "{"), strings.HasPrefix(want, "{"):
		return true
	case r.exact:
		return said == want
	default:
		return strings.EqualFold(said, want)
	}
}

// nearest is the call whose path is most like the fault's; of several the first with its method, else the first.
func (f *Fault) nearest(all []route) route {
	best, least := all[0], -1
	said, open := strings.CutSuffix(strings.ToLower(f.path), "*")
	for _, r := range all {
		path := strings.ToLower(r.path)
		if open {
			path = path[:min(len(path), len(said))]
		}
		d := 2 * distance(said, path)
		if f.method != r.method {
			d++
		}
		if least < 0 || d < least {
			best, least = r, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out or changed to make one text of the other.
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
