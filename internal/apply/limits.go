package apply

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Limit is a number of users at most, or a part of them.
type Limit struct {
	text    string
	percent bool
	n       float64
}

// ParseLimit reads 5% or 20. all allows 100%, which does not limit changes of users who exist.
func ParseLimit(text string, all bool) (Limit, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	whole := n == math.Trunc(n)
	if err != nil || math.IsNaN(n) || n < 0 || percent && n > 100 || !percent && !whole || n > math.MaxInt32 {
		return Limit{}, failure.Newf(failure.Invalid, "must be a number of users, or a percentage such as 5%%, not %q", text)
	}
	if percent && n == 100 && !all {
		return Limit{}, failure.New(failure.Invalid, "100% would be no limit: must be a number of users, or less")
	}
	return Limit{text: text, percent: percent, n: n}, nil
}

func (l Limit) of(users int) int {
	if l.percent {
		return int(l.n / 100 * float64(users))
	}
	return int(l.n)
}

// Limits are what a plan may do at most; nil is the default.
type Limits struct{ Absent, Update, Create *Limit }

// The defaults: the larger of 5 % and 10 removals, 30 % updates, and as many creations as there are
// users.
const (
	defaultAbsent = 5.0
	leastAbsent   = 10
	defaultUpdate = 30.0
)

// exceeded is a limit that a plan does not keep.
type exceeded struct {
	name, what  string
	n, most     int
	of          int
	ofWhat, how string
}

// Check judges a plan by the limits. The error is failure.Invalid (ReasonLimit), and names each
// limit that the plan exceeds. The defaults guard against a wrong file: one that undoes a job,
// and so changes at most the users whom that one has changed, is judged by limits that are given.
func (l Limits) Check(p *Plan) error {
	managed, users := p.Head.Managed, p.Head.Users
	absent := max(Limit{percent: true, n: defaultAbsent}.of(managed), leastAbsent)
	update, create := Limit{percent: true, n: defaultUpdate}.of(managed), users
	if p.Head.Undoes != "" {
		absent, update = math.MaxInt, math.MaxInt
	}
	if p.Head.First {
		create = math.MaxInt
	}
	all := []exceeded{
		{"absent", "to remove", p.Summary.Removals(), absent, managed, "managed users",
			fmt.Sprintf("%g%%, at least %d", defaultAbsent, leastAbsent)},
		{"update", "to update", p.Summary.Update, update, managed, "managed users", fmt.Sprintf("%g%%", defaultUpdate)},
		{"create", "to create", p.Summary.Create, create, users, "users of the instance", "100%"},
	}
	for i, given := range []*Limit{l.Absent, l.Update, l.Create} {
		if given != nil {
			all[i].most, all[i].how = given.of(all[i].of), given.text
		}
	}
	return limitError(all)
}

func limitError(all []exceeded) error {
	var texts, subjects []string
	for _, x := range all {
		if x.n <= x.most {
			continue
		}
		texts = append(texts, fmt.Sprintf("%s %s, at most %s (%s of %s %s)", people(x.n), x.what, thousands(x.most),
			x.how, thousands(x.of), x.ofWhat))
		subjects = append(subjects, fmt.Sprintf("%s=%d", x.name, x.n))
	}
	if texts == nil {
		return nil
	}
	return failure.New(failure.Invalid, "limit exceeded: "+strings.Join(texts, "; ")).
		Because(ReasonLimit, strings.Join(subjects, " "))
}

// RowLimits are how many rows a file must have: from Least to Most; Given where they were named.
type RowLimits struct {
	Given       bool
	Least, Most int
}

// ParseRowLimits reads 100..120, 100.. or 100.
func ParseRowLimits(text string) (RowLimits, error) {
	low, high, isRange := strings.Cut(text, "..")
	least, err := strconv.Atoi(low)
	most := least
	switch {
	case isRange && high == "":
		most = math.MaxInt
	case isRange && err == nil:
		most, err = strconv.Atoi(high)
	}
	if err != nil || least < 1 || most < least {
		return RowLimits{}, failure.Newf(failure.Invalid, "must have the form 100..120, 100.. or 100, not %q", text)
	}
	return RowLimits{Given: true, Least: least, Most: most}, nil
}

func people(n int) string {
	if n == 1 {
		return "1 user"
	}
	return thousands(n) + " users"
}

// leastRows is the part of the rows of the last apply that a file must have.
const leastRows = 0.8

// CheckRows refuses a file that cannot be whole: it has too few rows, or it was cut off. truncated
// reports that its last row lacks cells and a line end.
func CheckRows(in Input, truncated bool, l *Ledger, limits RowLimits) error {
	switch {
	case truncated:
		return failure.Newf(failure.Invalid, "%s is cut off: its last row lacks cells and has no line end", in.Name).
			Because(ReasonTruncated, in.Name)
	case limits.Given && (in.Rows < limits.Least || in.Rows > limits.Most):
		return failure.Newf(failure.Invalid, "%s has %s, which is not what was expected", in.Name, rowsText(in.Rows)).
			Because(ReasonRows, strconv.Itoa(in.Rows))
	case !limits.Given && l.Known() && l.Ended && !in.Ended:
		return failure.Newf(failure.Invalid,
			"%s may be cut off: its last row has no line end, which it had when it was last applied", in.Name).
			Because(ReasonTruncated, in.Name)
	case !limits.Given && l.Known() && float64(in.Rows) < leastRows*float64(l.Rows):
		return failure.Newf(failure.Invalid,
			"%s has %s, fewer than %g%% of the %s that it had when it was last applied", in.Name,
			rowsText(in.Rows), leastRows*100, thousands(l.Rows)).Because(ReasonRows, strconv.Itoa(in.Rows))
	}
	return nil
}

// CheckEnd refuses a plan by which the last cell of a file, which no line end follows, replaces a
// value that begins with it: the cell is cut. A cut that does not show in this way cannot be told
// from a file whose last line was never ended; doubt names the field to look at, unless the file
// had no line end either when it was last applied.
func CheckEnd(p *Plan, l *Ledger, limits RowLimits) (doubt string, err error) {
	in := p.Head.Input
	if in == nil || in.Ended || in.Last == "" || limits.Given {
		return "", nil
	}
	for _, a := range p.Actions {
		if a.Row != in.Rows {
			continue
		}
		for _, c := range a.Changes {
			if c.Field != in.Last {
				continue
			}
			from, to := fmt.Sprint(c.From), fmt.Sprint(c.To)
			if c.From != nil && (c.To == nil || strings.HasPrefix(from, to)) {
				return "", failure.Newf(failure.Invalid,
					"%s is cut off: row %d ends within %s, without a line end", in.Name, a.Row, c.Field).
					Because(ReasonTruncated, in.Name)
			}
			if !l.Known() {
				doubt = c.Field
			}
		}
	}
	return doubt, nil
}
