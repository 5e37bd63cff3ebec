package user

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// planOptions are the flags of the commands that make a plan.
type planOptions struct {
	cmdutil.JobFlags
	absent, scope, keep  string
	grace                string
	blank                string
	name, ledger         string
	expectRows           string
	maxAbsent, maxUpdate string
	maxCreate            string
	moves                bool
	all                  bool
	checked              checkedPlan
}

// checkedPlan is what check has read of the flags.
type checkedPlan struct {
	scope  *apply.Scope
	grace  time.Duration
	rows   apply.RowLimits
	limits apply.Limits
	keys   []*field.Field
}

const (
	groupCompare = "Comparison"
	groupAbsent  = "Users who are not in the file"
	groupLimits  = "Limits"
)

const (
	blankKeeps  = "keeps"
	blankClears = "clears"
)

func (o *planOptions) add(c *cobra.Command) {
	f := c.Flags()
	o.AddInput(c, "the users")
	f.StringVar(&o.blank, "blank", blankKeeps, "what a blank cell does: keeps or clears the value")
	f.BoolVar(&o.moves, "moves", false, "move users here whose key is in another instance")
	f.BoolVar(&o.all, "all", false, "print every action, not 20 of a kind")
	cmdutil.GroupFlags(c, groupCompare, "blank", "moves", "all")
	f.StringVar(&o.absent, "absent", string(apply.AbsentIgnore), "what to do with them: ignore, deactivate or delete")
	f.StringVar(&o.scope, "scope", "", "also own users that match: `'ClientId=^hr-'`")
	f.StringVar(&o.keep, "keep", "", "never remove the users in this `file`")
	f.StringVar(&o.grace, "grace", "30d", "delete who was deactivated for this `time`")
	f.StringVar(&o.name, "name", "", "`name` of the ledger (default: the file's name)")
	f.StringVar(&o.ledger, "ledger", "", "`file` that records which users are owned")
	cmdutil.GroupFlags(c, groupAbsent, "absent", "scope", "keep", "grace", "name", "ledger")
	f.StringVar(&o.expectRows, "expect-rows", "", "rows the file must have: `100..120`")
	f.StringVar(&o.maxAbsent, "max-absent", "", "removals at most: `5%|20` (default 5%, at least 10)")
	f.StringVar(&o.maxUpdate, "max-update", "", "updates at most: `30%|20` (default 30%)")
	f.StringVar(&o.maxCreate, "max-create", "", "creations at most: `50%|20` (default 100%)")
	cmdutil.GroupFlags(c, groupLimits, "expect-rows", "max-absent", "max-update", "max-create")
	for flag, values := range map[string][]string{
		"absent": {string(apply.AbsentIgnore), string(apply.AbsentDeactivate), string(apply.AbsentDelete)},
		"blank":  {blankKeeps, blankClears},
	} {
		cmdutil.CompleteWords(c, flag, values...)
	}
}

// keyFields are the fields that can identify a row: those that users can be found by.
var keyFields = []string{"ClientId", "Email", "Phone"}

// check reads the flags, and reports all mistakes at once. Nothing is opened.
func (o *planOptions) check(wrong *cmdutil.Wrong) {
	o.Check(wrong)
	var err error
	wrong.OneOf("--absent", &o.absent, string(apply.AbsentIgnore), string(apply.AbsentDeactivate),
		string(apply.AbsentDelete))
	wrong.OneOf("--blank", &o.blank, blankKeeps, blankClears)
	if o.scope != "" {
		o.checked.scope, err = apply.ParseScope(o.scope)
		wrong.AddErr("--scope", err)
	}
	o.checked.grace, err = cmdutil.ParseDuration(o.grace)
	wrong.AddErr("--grace", err)
	if o.expectRows != "" {
		o.checked.rows, err = apply.ParseRowLimits(o.expectRows)
		wrong.AddErr("--expect-rows", err)
	}
	for _, l := range []struct {
		flag, text string
		to         **apply.Limit
	}{
		{"--max-absent", o.maxAbsent, &o.checked.limits.Absent}, {"--max-update", o.maxUpdate, &o.checked.limits.Update},
		{"--max-create", o.maxCreate, &o.checked.limits.Create},
	} {
		if l.text == "" {
			continue
		}
		limit, err := apply.ParseLimit(l.text, l.flag == "--max-create")
		wrong.AddErr(l.flag, err)
		*l.to = &limit
	}
	if o.name != "" && strings.ContainsAny(o.name, `/\`) {
		wrong.Add("--name", "must not have a slash in it")
	}
	o.checkKeys(wrong)
}

func (o *planOptions) checkKeys(wrong *cmdutil.Wrong) {
	o.checked.keys = []*field.Field{field.MustGet("ClientId")}
	p, given, err := o.Input.Preference()
	switch {
	case err != nil:
		wrong.AddErr("--key", err)
		return
	case !given:
		return
	case p.Rest != identity.Nothing:
		wrong.Add("--key", "users cannot be found by %q", p.Rest)
	}
	o.checked.keys = p.Fields
	for _, f := range p.Fields {
		found := false
		for _, name := range keyFields {
			found = found || f.Name == name
		}
		if !found {
			wrong.Add("--key", "must be of %s, not %s", strings.Join(keyFields, ", "), f.Name)
		}
	}
}

// ledgerPath returns where the ledger of a file is: in the state folder, one a host and
// an instance.
func (o *planOptions) ledgerPath(stateDir, host, instance string) (string, error) {
	if o.ledger != "" {
		return filepath.Abs(o.ledger)
	}
	name := o.name
	if name == "" {
		name = filepath.Base(o.File)
		if o.File == "-" {
			name = "standard-input"
		}
	}
	sum := sha256.Sum256([]byte(host))
	return filepath.Join(stateDir, "applied", instance+"-"+hex.EncodeToString(sum[:4]), name+".ledger"), nil
}

// openOptions say how the copy of the file is read.
func (o *planOptions) openOptions(now time.Time) input.Options {
	return input.Options{
		Name: o.File, Keep: true, Now: now, Format: o.Input.Format, Encoding: o.Input.Encoding, Separator: o.Input.Separator,
		Sheet: o.Input.Sheet, DateFormat: o.Input.DateFormat, Map: o.Input.Map, IgnoreUnknown: o.Input.IgnoreUnknown,
		SkipValidation: o.Input.NoValidate, Use: field.Update, Keys: o.checked.keys, Identify: true,
		ColumnsLater: true,
	}
}
