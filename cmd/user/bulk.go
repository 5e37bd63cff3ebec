package user

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// bulkOptions are what `user bulk` was given.
type bulkOptions struct {
	job          cmdutil.JobFlags
	quantity     int
	maxQuantity  int
	set          []string
	run          string
	batchSize    int
	deviceToken  string
	accessTokens bool
	flags        map[*field.Field]string // --tracking and the like
}

func newBulk(a *cmdutil.App) *cobra.Command {
	var o bulkOptions
	c := &cobra.Command{
		Use:         "bulk --file F | --quantity N",
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Register many users, each exactly once",
		Long: `Registers the users of a file (CSV, TSV, XLSX, JSON, JSON Lines), or a number
of users, and prints each as it is registered. All rows are checked first.

A run is a job: however it ends, the same command with the same file resumes it
and registers nobody twice. A row is known by its CustomToken, or by its
ClientId, or by another --key; without one, by its content: an edited row is a
new user then. The users of --quantity are the same again only with --run.

--set gives every row a value: --set Country=DE. The value may be a template
with {{.N}}, the row number, and {{.Run}}, the name of the run. A cell wins.`,
		Example: `  telematicsctl user bulk --file drivers.csv --results results.csv
  telematicsctl user bulk --file drivers.csv --dry-run
  telematicsctl user bulk --file drivers.xlsx --key email --failed-out fix.csv
  telematicsctl user bulk --quantity 500 --set EnableTracking=off -o ids
  telematicsctl user bulk --quantity 9 --run ci --set 'ClientId=ci-{{.N}}'`,
		Args: cobra.NoArgs,
	}
	o.job.AddInput(c, "users")
	f := c.Flags()
	f.IntVar(&o.quantity, "quantity", 0, "register `N` users")
	f.IntVar(&o.maxQuantity, "max-quantity", 1_000_000, "refuse a larger --quantity than `N`")
	f.StringArrayVar(&o.set, "set", nil, "value of a field in every row: `Field=TEMPLATE`")
	f.StringVar(&o.run, "run", "", "`name` of the run: --quantity resumes it")
	f.IntVar(&o.batchSize, "batch-size", userservice.LargestBatch, "users in one request of --quantity")
	f.StringVar(&o.deviceToken, "device-token", "", "`server` lets the service choose DeviceTokens")
	f.BoolVar(&o.accessTokens, "create-access-token", false, "get and store the users' tokens")
	flags := addFieldFlags(c, registerFlags())
	cmdutil.GroupFlags(c, "Users", "quantity", "max-quantity", "set", "run", "batch-size", "device-token",
		"create-access-token", "tracking", "logging", "realtime", "enabled")
	c.MarkFlagsMutuallyExclusive("file", "quantity")
	o.job.AddSelection(c)
	o.job.AddOutputs(c, true)
	o.job.AddSpeed(c)
	o.job.AddRestart(c)
	cmdutil.CompleteWords(c, "device-token", "server")
	cmdutil.CompleteList(c, "set", assignments()...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if f.Changed("quantity") == f.Changed("file") {
			return failure.New(failure.Invalid, "user bulk: exactly one of --file and --quantity is required").
				Because(cmdutil.ReasonNoUsersGiven, "")
		}
		o.flags = flags.given()
		return bulk(c.Context(), a, &o)
	}
	return c
}

// assignments are what completion offers for --set.
func assignments() (out []string) {
	for _, f := range field.All(field.Create) {
		out = append(out, f.Name+"=")
	}
	return out
}

// registerFlags are the four flags of a user.
func registerFlags() []*field.Field {
	return slices.DeleteFunc(field.All(field.Create), func(f *field.Field) bool { return f.Kind != field.Flag })
}

// runName is what --run takes: it becomes part of email addresses and ClientIds.
var runName = lazyregexp.New(`^[A-Za-z0-9._-]+$`)

// longestRun is how many characters it may have.
const longestRun = 64

func bulk(ctx context.Context, a *cmdutil.App, o *bulkOptions) error {
	options, err := o.check(a)
	if err != nil {
		return err
	}
	if options.Server {
		a.Streams.Warn("the service chooses the DeviceTokens: a registration whose answer is lost " +
			"is not retried, and its outcome is unknown")
	}
	return a.RunJob(ctx, cmdutil.JobCommand{
		Kind: registerKind, Command: "user bulk", Flags: &o.job, Options: options,
		Once: o.job.File != "" || o.run != "", Anonymous: o.job.File == "" && o.run == "",
	})
}

// check reads the flags and reports all mistakes at once. Nothing is opened.
func (o *bulkOptions) check(a *cmdutil.App) (registerOptions, error) {
	var wrong cmdutil.Wrong
	o.job.Check(&wrong)
	out := registerOptions{Set: slices.Clone(o.set), Run: o.run, AccessTokens: o.accessTokens}
	for _, f := range registerFlags() {
		if text, ok := o.flags[f]; ok {
			out.Set = append(out.Set, f.Name+"="+text)
		}
	}
	wrong.OneOf("--device-token", &o.deviceToken, "server")
	out.Server = o.deviceToken == "server"
	wrong.AtLeast("--batch-size", o.batchSize, 1)
	if _, _, err := o.job.Input.Preference(); err != nil {
		wrong.AddErr("--key", err)
	}
	if o.job.File == "" {
		o.checkQuantity(&wrong, &out)
	} else if o.run != "" && !strings.Contains(strings.Join(o.set, " "), ".Run") {
		wrong.Add("--run", "is for --quantity, or for a template with {{.Run}}")
	}
	if o.run != "" && (len(o.run) > longestRun || !runName.MatchString(o.run)) {
		wrong.Add("--run", "must be at most 64 letters, digits, dots, dashes and underscores, not %q", o.run)
	}
	templates, err := out.templates(a, o.job.Input.NoValidate)
	if err != nil {
		for _, m := range failure.From(err).Fields {
			wrong.Add("--set "+m.Key, "%s", m.Message)
		}
	}
	if err == nil && out.mayGroup(templates, o.job.Input.Key) {
		out.BatchSize = o.batchSize
	}
	return out, wrong.Err()
}

func (o *bulkOptions) checkQuantity(wrong *cmdutil.Wrong, out *registerOptions) {
	wrong.AtLeast("--quantity", o.quantity, 1)
	if o.quantity > o.maxQuantity {
		wrong.Add("--quantity", "%d is more than %d: raise --max-quantity if that is what you mean", o.quantity,
			o.maxQuantity)
	}
	out.Quantity = o.quantity
	for _, name := range o.job.Given("file", "no-validate", "key", "max-input", "offset", "limit", "shard", "results",
		"failed-out", "tokens-out", "raw",
		"concurrency", "rate", "retries", "patience", "max-failures", "progress", "restart", "dry-run", "skip-invalid") {
		wrong.Add(name, "is for --file")
	}
	switch {
	case o.run != "":
	case o.job.Restart:
		wrong.Add("--restart", "--quantity always starts over, unless --run names the run")
	case o.job.Shard != "":
		wrong.Add("--shard", "shards of --quantity need --run, the same for all")
	default:
		out.Run = strings.Split(uuid.NewString(), "-")[0] // for {{.Run}}
	}
	out.Named = o.run != ""
}

// registerOptions are what decides what a job that registers users sends. It is
// known by them.
type registerOptions struct {
	Quantity     int      `json:",omitempty"`
	BatchSize    int      `json:",omitempty"` // of register many; 0 for single registrations
	Set          []string `json:",omitempty"`
	Run          string   `json:",omitempty"`
	Named        bool     `json:",omitempty"` // Run was given: it is the same run again
	Server       bool     `json:",omitempty"` // the service chooses the DeviceTokens
	AccessTokens bool     `json:",omitempty"`
}

func (o *registerOptions) templates(a *cmdutil.App, loose bool) (*operation.Templates, error) {
	return operation.ParseTemplates(o.Set, operation.TemplateOptions{Use: field.Create, Run: o.Run, Rows: o.Quantity,
		Now: a.Now(), SkipValidation: loose})
}

// mayGroup reports whether register many can carry all that is asked for.
func (o *registerOptions) mayGroup(t *operation.Templates, key string) bool {
	if o.Quantity == 0 || o.Named || key != "" {
		return false
	}
	for _, f := range t.Fields() {
		if f.Use&field.Quantity == 0 || strings.Contains(t.Options()[f.Name], "{{") {
			return false
		}
	}
	return true
}
