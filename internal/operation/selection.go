package operation

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Reasons of a selection.
const (
	ReasonMatch    failure.Reason = "match"           // the subject is the expression
	ReasonNoColumn failure.Reason = "match-no-column" // the subject is the column
	matchWithoutEq                = "must have the form Column=expression, as in City=^Ber"
)

// Selector tells which rows of an input a job is about.
type Selector struct {
	job.Selection
	column  string
	pattern *regexp.Regexp // nil: every row matches
}

// NewSelector reads a selection. The error is failure.Invalid.
func NewSelector(s job.Selection) (*Selector, error) {
	out := &Selector{Selection: s}
	if s.Match == "" {
		return out, nil
	}
	column, pattern, ok := strings.Cut(s.Match, "=")
	if out.column = field.Trim(column); !ok || out.column == "" {
		return nil, failure.Newf(failure.Invalid, "%q %s", s.Match, matchWithoutEq).Because(ReasonMatch, s.Match)
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, failure.Newf(failure.Invalid, "%q is not a regular expression: %s", pattern, wrongPattern(err)).
			Because(ReasonMatch, s.Match)
	}
	out.pattern = compiled
	return out, nil
}

// wrongPattern says what is wrong with a regular expression, and where.
func wrongPattern(err error) string {
	var s *syntax.Error
	if errors.As(err, &s) {
		return string(s.Code) + ": " + s.Expr
	}
	return err.Error()
}

// All reports whether every row is selected.
func (s *Selector) All() bool {
	return s.pattern == nil && s.Offset == 0 && s.Limit == 0 && s.Shards <= 1
}

// ByKey reports whether what a row is known by decides.
func (s *Selector) ByKey() bool { return s.Shards > 1 }

// pass is one read of the rows of an input, in order.
type pass struct {
	*Selector
	column  int // of the pattern
	matched int
}

// begin begins a pass. The error is failure.Invalid: the input has no such column.
func (s *Selector) begin(header []string) (*pass, error) {
	p := &pass{Selector: s, column: -1}
	if s.pattern == nil {
		return p, nil
	}
	if p.column = columnOf(header, s.column); p.column < 0 {
		return nil, failure.Newf(failure.Invalid, "the input has no column %q; its columns are %s", s.column,
			strings.Join(header, ", ")).
			Because(ReasonNoColumn, s.column)
	}
	return p, nil
}

// Judged returns what tells input.File.Check the rows whose mistakes count: those of the
// selection, of whatever shard. A line of types below the header is passed by an offset.
func (s *Selector) Judged(file *input.File) func() func(*input.Row) bool {
	return func() func(*input.Row) bool {
		p := &pass{Selector: s, column: -1}
		return func(row *input.Row) bool {
			if s.pattern != nil && p.column < 0 {
				p.column = columnOf(file.Header(), s.column)
			}
			if s.pattern != nil && (p.column < 0 || p.column >= len(row.Cells) || !s.pattern.MatchString(row.Cells[p.column])) {
				return false
			}
			p.matched++
			return p.matched > s.Offset && (s.Limit == 0 || p.matched <= s.Offset+s.Limit)
		}
	}
}

// errEnough ends the reading of an input of which nothing more is wanted.
var errEnough = errors.New("enough")

// takes reports whether a row is selected. The error is errEnough where no further row can be.
func (p *pass) takes(cells []string, key func() identity.Key) (bool, error) {
	if p.pattern != nil && (p.column >= len(cells) || !p.pattern.MatchString(cells[p.column])) {
		return false, nil
	}
	p.matched++
	if p.Limit > 0 && p.matched > p.Offset+p.Limit {
		return false, errEnough
	}
	if p.matched <= p.Offset {
		return false, nil
	}
	return p.Shards <= 1 || key().ShardOf(p.Shards) == p.Shard, nil
}

// columnOf finds a column by its name as the input has it, or by any spelling of a field's.
func columnOf(header []string, name string) int {
	if i := slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(field.Trim(h), name) }); i >= 0 {
		return i
	}
	want, ok := field.Lookup(name)
	return slices.IndexFunc(header, func(h string) bool {
		f, found := field.Lookup(h)
		return ok && found && f == want
	})
}
