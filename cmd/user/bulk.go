package user

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// bulkOptions are what `user bulk` was told.
type bulkOptions struct {
	quantity      int
	hasQuantity   bool
	file          string
	format        string
	columns       []string // --map
	ignoreUnknown bool
	skipInvalid   bool
	report        string
	match         string
	offset, limit int
	shard         string
	run           string
	restart       bool
	dryRun        bool
	deviceToken   string
	batchSize     int
	accessToken   bool
	noValidate    bool
	outputs       outputFlags
	pace          paceFlags
	given         map[*field.Field]string // --tracking, --logging, --enabled, --realtime
	templates     map[*field.Field]string
	empty         []string // flags that were given without a value, as a script does whose variable is not set
}

// paceFlags say how fast a run goes and how much it puts up with. They change nothing that is sent.
type paceFlags struct {
	concurrency int
	rate        string
	retries     int
	patience    time.Duration
	maxFailures string
	progress    string
}

func (p *paceFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&p.concurrency, "concurrency", 32, "requests under way at once, at the most; fewer while the service cannot keep up")
	c.Flags().StringVar(&p.rate, "rate", "", "requests in a time, at the most: `50/s`, 3000/m")
	c.Flags().IntVar(&p.retries, "retries", 5, "how often a row is tried again after a failure that may pass")
	c.Flags().DurationVar(&p.patience, "patience", 5*time.Minute, "how long the service may be down, or ask to wait, before the run gives up")
	c.Flags().StringVar(&p.maxFailures, "max-failures", "", "end the run when more rows than this fail: a `number`, or a part as 5%")
	c.Flags().StringVar(&p.progress, "progress", "auto", "how progress is shown: auto, plain, json or none")
	_ = c.RegisterFlagCompletionFunc("progress", cobra.FixedCompletions(progressModes, cobra.ShellCompDirectiveNoFileComp))
}

func newBulk(k *cmdutil.App, run func(context.Context, bulkOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o bulkOptions) error { return runBulk(ctx, k, o) }
	}
	var o bulkOptions
	var flags, templates *fieldFlags
	c := &cobra.Command{
		Use:     "bulk --file F | --quantity N",
		Short:   "Register many users, each exactly once",
		Long:    bulkHelp,
		Example: bulkExample,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.hasQuantity = c.Flags().Changed("quantity")
			if o.hasQuantity == c.Flags().Changed("file") {
				return failure.New(failure.Invalid, "user bulk needs to know which users to register, or how many").
					WithHint("give either --file F or --quantity N")
			}
			o.empty = emptyFlags(c, "file", "format", "report", "match", "shard", "run", "device-token", "results", "failed-out", "tokens-out", "rate", "max-failures")
			o.given, o.templates = flags.given(), templates.given()
			return run(c.Context(), o)
		},
	}
	addBulkFlags(c, &o)
	flags = addFieldFlags(c, bulkFlags(), "")
	templates = addFieldFlags(c, templateFields(), "-template")
	return c
}

// emptyFlags are those of the flags that were given and say nothing.
func emptyFlags(c *cobra.Command, names ...string) []string {
	var out []string
	for _, name := range names {
		if f := c.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			out = append(out, "--"+name)
		}
	}
	return out
}

const bulkHelp = `Registers many users and prints the DeviceToken of each as it comes.

With --file the users are the rows of a CSV, TSV, JSON or JSON Lines file (- is standard input; gzip too), its columns named as the
fields of the service in any spelling. Blanks around a text are no part of it. With --quantity they are alike, and registered in calls of up to
--batch-size; or templates make rows of them, like those of a file. Every row is checked before the first is sent: the first 20
mistakes are told, and all of them, each with its Row, Line, Column and Value, by the error of -o json or in the file of --report.
A file that is overwritten during the run ends it: nothing is sent that was not checked.

Each run is a job. However it ends (Ctrl-C, a crash, a power cut), the same command goes on where it stood, and makes no user
twice: a row's DeviceToken is its CustomToken, or is derived from the InstanceKey and its ClientId, or is drawn here and written
down before it is sent; the service refuses one that it has already. The same content under other options is another job with the
same DeviceTokens: rows that have their users are found to exist. A quantity run is gone on with by
"telematicsctl job resume ID", or by the same command if --run names it; row N of the templates of a named run that has no ClientId is
one user, whatever its other options are. A batch whose answer was lost is reported as unknown and
never sent again, as that could make its users twice.

Memory does not grow with the rows, save under --jq and --template: these work on the JSON as a whole, and hold up to 2 KB of each
row until the end. Of very many users, print -o jsonl and let jq itself read the lines.`

const bulkExample = `  telematicsctl user bulk --file drivers.csv --results results.csv --failed-out mend.csv
  telematicsctl user bulk --file drivers.csv --dry-run
  telematicsctl user bulk --file drivers.csv -o jsonl | jq -r 'select(.Outcome == "failed") | .Error'
  zcat drivers.jsonl.gz | telematicsctl user bulk --file - --shard 3/16
  telematicsctl user bulk --quantity 500 --tracking off -o ids > tokens.txt
  telematicsctl user bulk --quantity 50 --client-id-template 'ci-{{.Run}}-{{.N}}' --email-template 'ci+{{.N}}@example.com'
  telematicsctl user bulk --quantity 9000 --client-id-template 'load-{{.Run}}-{{.N}}' --run monday --shard 3/16`

func addBulkFlags(c *cobra.Command, o *bulkOptions) {
	f := c.Flags()
	f.StringVar(&o.file, "file", "", "the `file` with the users, - for standard input")
	f.StringVar(&o.format, "format", "", "the file's format: csv, tsv, json or jsonl; else by its name, else by its content")
	f.StringArrayVar(&o.columns, "map", nil, "a column of the file that is a field under another name: `'Work mail=Email'`")
	f.BoolVar(&o.ignoreUnknown, "ignore-unknown", false, "pass over the columns that are no field of the service")
	f.BoolVar(&o.skipInvalid, "skip-invalid", false, "register the rows that are valid, although others are not")
	f.StringVar(&o.report, "report", "", "write every mistake of the rows to a `file`, CSV or (.jsonl) JSON Lines")
	f.StringVar(&o.match, "match", "", "only rows of which a column matches: `'City=^Berlin'`")
	f.IntVar(&o.offset, "offset", 0, "pass over the first rows (a run that was cut short is not gone on with in this way)")
	f.IntVar(&o.limit, "limit", 0, "so many rows at the most")
	f.StringVar(&o.shard, "shard", "", "only the rows of this shard: `3/16`")
	f.StringVar(&o.run, "run", "", "the `name` of a run of templates, {{.Run}}: the same command goes on with it, and its shards are of one run")
	f.BoolVar(&o.restart, "restart", false, "begin the job anew; users of a file or of a named run who are there already are found to exist")
	f.BoolVar(&o.dryRun, "dry-run", false, "do everything but send")
	f.StringVar(&o.deviceToken, "device-token", "", "`server` leaves the choice of DeviceTokens to the service, and no registration can be repeated")
	f.IntVar(&o.quantity, "quantity", 0, "how many users to register")
	f.IntVar(&o.batchSize, "batch-size", userservice.LargestBatch, "users in one call of «register many»")
	f.BoolVar(&o.accessToken, "create-access-token", false, fmt.Sprintf("ask for the users' tokens, and store them (%d users at the most) or write them to --tokens-out", largestStored))
	f.BoolVar(&o.noValidate, "no-validate", false, "send every value as it is")
	o.outputs.add(c)
	o.pace.add(c)
	for flag, values := range map[string][]string{"format": input.Formats(), "device-token": {"server"}} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	c.MarkFlagsMutuallyExclusive("quantity", "file")
}

// bulkFlags are the telematics parameters, the same for every user.
func bulkFlags() []*field.Field {
	return slices.DeleteFunc(field.All(field.Create), func(f *field.Field) bool { return f.Kind != field.Flag })
}

// templateFields are the fields that a template can write.
func templateFields() []*field.Field {
	return slices.DeleteFunc(field.All(field.Create), func(f *field.Field) bool { return f.Kind == field.Flag || f.Kind == field.Bool || f.Kind == field.UUID })
}
