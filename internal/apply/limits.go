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

// ParseLimit reads 5% or 20.
func ParseLimit(text string) (Limit, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	whole := n == math.Trunc(n)
	if err != nil || math.IsNaN(n) || n < 0 || percent && n > 100 || !percent && !whole || n > math.MaxInt32 {
		return Limit{}, failure.Newf(failure.Invalid, "must be a number of users, or a percentage such as 5%%, not %q", text)
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

// Check judges a plan by the limits. The error is failure.Invalid (ReasonLimit), and
// names each limit that the plan exceeds.
func (l Limits) Check(p *Plan) error {
	managed := p.Head.Managed
	absent := max(Limit{percent: true, n: defaultAbsent}.of(managed), leastAbsent)
	how := fmt.Sprintf("%g%%, at least %d", defaultAbsent, leastAbsent)
	if l.Absent != nil {
		absent, how = l.Absent.of(managed), l.Absent.text
	}
	all := []exceeded{{"absent", "to remove", p.Summary.Removals(), absent, managed, "managed users", how}}
	update, how := Limit{percent: true, n: defaultUpdate}.of(managed), fmt.Sprintf("%g%%", defaultUpdate)
	if l.Update != nil {
		update, how = l.Update.of(managed), l.Update.text
	}
	all = append(all, exceeded{"update", "to update", p.Summary.Update, update, managed, "managed users", how})
	create, how := p.Head.Users, "100%"
	if l.Create != nil {
		create, how = l.Create.of(p.Head.Users), l.Create.text
	} else if p.Head.First {
		create = math.MaxInt
	}
	all = append(all, exceeded{"create", "to create", p.Summary.Create, create, p.Head.Users,
		"users of the instance", how})
	return limitError(all)
}

func limitError(all []exceeded) error {
	var texts, subjects []string
	for _, x := range all {
		if x.n <= x.most {
			continue
		}
		texts = append(texts, fmt.Sprintf("%s users %s, at most %s (%s of %s %s)", thousands(x.n), x.what, thousands(x.most),
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
		return failure.Newf(failure.Invalid, "%s has %s rows, which is not what was expected", in.Name, thousands(in.Rows)).
			Because(ReasonRows, strconv.Itoa(in.Rows))
	case !limits.Given && l.Known() && l.Ended && !in.Ended:
		return failure.Newf(failure.Invalid,
			"%s may be cut off: its last row has no line end, which it had when it was last applied", in.Name).
			Because(ReasonTruncated, in.Name)
	case !limits.Given && l.Known() && float64(in.Rows) < leastRows*float64(l.Rows):
		return failure.Newf(failure.Invalid,
			"%s has %s rows, fewer than %g%% of the %s that it had when it was last applied", in.Name,
			thousands(in.Rows), leastRows*100, thousands(l.Rows)).Because(ReasonRows, strconv.Itoa(in.Rows))
	}
	return nil
}
