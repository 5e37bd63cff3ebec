package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// A Condition compares a figure with a number or a percentage of all users: logging>0, lost>=5%,
// SdkVersion:5.14.1>0, users<100.
type Condition struct {
	By, Value string // a Figure's; By is "" for the number of all users
	op        string
	limit     float64
	percent   bool
	text      string
}

var conditionForm = lazyregexp.New(`^(.*?)\s*(>=|<=|!=|==|=|>|<)\s*(\d+(?:\.\d+)?)\s*(%?)$`)

// ParseCondition reads a condition. A figure is users, a flag (the users with it on), an activity
// status, or GROUP:VALUE, each in any case.
func ParseCondition(text string) (Condition, error) {
	parts := conditionForm.Get().FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return Condition{}, fmt.Errorf("%q is not a condition such as logging>0 or lost>5%%", text)
	}
	c := Condition{op: strings.TrimPrefix(parts[2], "="), percent: parts[4] != "", text: strings.TrimSpace(text)}
	if c.op == "" {
		c.op = "="
	}
	c.limit, _ = strconv.ParseFloat(parts[3], 64) // the form has it
	if !c.figure(parts[1]) {
		return Condition{}, fmt.Errorf("%q is not a figure: use users, %s, an activity status, or GROUP:VALUE with a "+
			"group of %s",
			parts[1], strings.Join(flagNames(), ", "), strings.Join(Groups, ", "))
	}
	if c.percent && c.By == "" {
		return Condition{}, fmt.Errorf("%q: users are always 100%% of themselves", text)
	}
	return c, nil
}

func flagNames() []string {
	var out []string
	for _, name := range FlagNames {
		out = append(out, field.MustGet(name).Flag)
	}
	return out
}

// figure finds what a name means.
func (c *Condition) figure(name string) bool {
	if fold(name) == "users" {
		return true
	}
	if by, value, ok := strings.Cut(name, ":"); ok {
		for _, group := range Groups {
			if fold(group) == fold(by) {
				c.By, c.Value = group, strings.TrimSpace(value)
				return group != ByFlag && group != ByActivity || c.flag(c.Value) || c.activity(c.Value)
			}
		}
		return false
	}
	return c.flag(name) || c.activity(name)
}

func (c *Condition) activity(name string) bool {
	for _, status := range []string{"Active", "Inactive", "Lost", "No Data", "Error"} {
		if fold(status) == fold(name) {
			c.By, c.Value = ByActivity, status
			return true
		}
	}
	return false
}

func (c *Condition) flag(name string) bool {
	for _, full := range FlagNames {
		if fold(full) == fold(name) || fold(field.MustGet(full).Flag) == fold(name) {
			c.By, c.Value = ByFlag, full
			return true
		}
	}
	return false
}

func fold(name string) string {
	return strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(name))
}

// String returns the condition as it was given.
func (c Condition) String() string { return c.text }

// Holds returns the figure of the condition, and whether the condition holds. A percentage of
// nobody is 0.
func (c Condition) Holds(r *Report) (Figure, bool) {
	f := Figure{By: c.By, Value: c.Value, Users: r.Users}
	if c.By != "" {
		f.Users = 0
		for _, one := range r.Group(c.By) {
			if strings.EqualFold(one.Value, c.Value) {
				f.Value = one.Value
				f.Users += one.Users
			}
		}
	}
	value := float64(f.Users)
	if c.percent {
		value = 0
		if r.Users > 0 {
			value = float64(f.Users) / float64(r.Users) * 100
		}
	}
	holds := map[string]bool{
		">": value > c.limit, "<": value < c.limit, ">=": value >= c.limit, "<=": value <= c.limit,
		"=": value == c.limit, "!=": value != c.limit,
	}
	return f, holds[c.op]
}
