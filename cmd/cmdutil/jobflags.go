package cmdutil

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/progress"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// The titles under which the help lists the flags of jobs.
const (
	groupInput  = "Input"
	groupRows   = "Rows"
	groupFiles  = "Output files"
	groupSpeed  = "Speed and failures"
	groupJob    = "Job"
	maxInputGiB = "4GiB"
)

// JobFlags are the flags that every command that runs a job shares. A command
// adds the groups that it has, and calls Check, which reports all mistakes at
// once:
//
//	AddInput      --file and how it is read
//	AddSelection  which rows of it
//	AddOutputs    the files that are written
//	AddSpeed      how fast, and what is put up with; changes nothing that is sent
//	AddRestart    --restart and --dry-run
type JobFlags struct {
	File     string // "" for none, - for standard input
	MaxInput string
	Input    JobInput

	Match         string
	Offset, Limit int
	Shard         string
	SkipInvalid   bool
	Report        string

	Results, FailedOut, TokensOut string
	Raw                           bool

	Concurrency int
	Rate        string
	Retries     int
	Patience    time.Duration
	MaxFailures string
	Progress    string

	Restart, DryRun bool

	flags *pflag.FlagSet
	added []string // the names of the flags that were added
	maps  []string // --map as it was given
}

// JobInput says how an input is read. It decides what is sent, so it is part of
// what a job is known by.
type JobInput struct {
	Format        string            `json:",omitempty"`
	Encoding      string            `json:",omitempty"`
	Separator     string            `json:",omitempty"`
	Sheet         string            `json:",omitempty"`
	DateFormat    string            `json:",omitempty"`
	Map           map[string]string `json:",omitempty"`
	IgnoreUnknown bool              `json:",omitempty"`
	NoValidate    bool              `json:",omitempty"`
	Key           string            `json:",omitempty"`
}

// AddInput adds --file and the flags that say how it is read. what is what the
// file has, such as "users to register".
func (j *JobFlags) AddInput(c *cobra.Command, what string) {
	f := c.Flags()
	f.StringVar(&j.File, "file", "", "read "+what+" from a `file` (- is standard input)")
	f.StringVar(&j.Input.Format, "format", "", "format of the file: "+strings.Join(input.Formats(), ", "))
	f.StringVar(&j.Input.Encoding, "encoding", "", "`encoding` of the file, such as windows-1252")
	f.StringVar(&j.Input.Separator, "separator", "", "column separator of CSV: a `character`, or tab")
	f.StringVar(&j.Input.Sheet, "sheet", "", "`name` or number of the sheet of a workbook")
	f.StringVar(&j.Input.DateFormat, "date-format", "", "`format` of dates, such as dd.mm.yyyy")
	f.StringArrayVar(&j.maps, "map", nil, "rename a column or a value: `'Work mail=Email'`")
	f.BoolVar(&j.Input.IgnoreUnknown, "ignore-unknown", false, "skip columns that are not a field")
	f.StringVar(&j.Input.Key, "key", "", "`fields` that identify a row: client-id,email")
	f.StringVar(&j.MaxInput, "max-input", maxInputGiB, "maximum `size` of the input")
	f.BoolVar(&j.Input.NoValidate, "no-validate", false, "send values as they are")
	CompleteWords(c, "format", input.Formats()...)
	j.group(c, groupInput, "file", "format", "encoding", "separator", "sheet", "date-format", "map", "ignore-unknown",
		"key", "max-input", "no-validate")
}

// AddSelection adds the flags that say which rows of the input the job is about.
func (j *JobFlags) AddSelection(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&j.Match, "match", "", "only rows whose column matches: `'City=^Berlin'`")
	f.IntVar(&j.Offset, "offset", 0, "skip the first `N` rows (not to resume a job)")
	f.IntVar(&j.Limit, "limit", 0, "at most `N` rows")
	f.StringVar(&j.Shard, "shard", "", "only the rows of one shard: `3/16`")
	f.BoolVar(&j.SkipInvalid, "skip-invalid", false, "send the valid rows although others are not")
	f.StringVar(&j.Report, "report", "", "write the invalid rows to a `file`, to be corrected and given back")
	j.group(c, groupRows, "match", "offset", "limit", "shard", "skip-invalid", "report")
}

// AddOutputs adds the flags of the files that a run writes; --tokens-out only
// where the operation has tokens to write.
func (j *JobFlags) AddOutputs(c *cobra.Command, tokens bool) {
	f := c.Flags()
	names := []string{"results", "failed-out", "raw"}
	f.StringVar(&j.Results, "results", "", "write all rows with their outcomes to a `file`")
	f.StringVar(&j.FailedOut, "failed-out", "", "write the failed rows, to correct, to a `file`")
	if tokens {
		f.StringVar(&j.TokensOut, "tokens-out", "", "write the users' tokens to a `file`, mode 0600")
		names = append(names, "tokens-out")
	}
	f.BoolVar(&j.Raw, "raw", false, "do not guard cells that look like formulas")
	j.group(c, groupFiles, names...)
}

// AddSpeed adds the flags of how fast a job runs, and how it takes failures.
func (j *JobFlags) AddSpeed(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&j.Concurrency, "concurrency", 32, "maximum requests in flight")
	f.StringVar(&j.Rate, "rate", "", "maximum request `rate`: 50/s, 3000/m")
	f.IntVar(&j.Retries, "retries", 5, "how often a row is retried")
	f.DurationVar(&j.Patience, "patience", 5*time.Minute, "how long the service may be down")
	f.StringVar(&j.MaxFailures, "max-failures", "", "stop after this `many` failed rows: 20 or 5%")
	f.StringVar(&j.Progress, "progress", progress.Auto, "progress `mode`: auto, plain, json, none")
	CompleteWords(c, "progress", progressModes...)
	j.group(c, groupSpeed, "concurrency", "rate", "retries", "patience", "max-failures", "progress")
}

// AddRestart adds --restart and --dry-run.
func (j *JobFlags) AddRestart(c *cobra.Command) {
	c.Flags().BoolVar(&j.Restart, "restart", false, "start over instead of resuming")
	j.AddDryRun(c)
	j.group(c, groupJob, "restart")
}

// AddDryRun adds --dry-run.
func (j *JobFlags) AddDryRun(c *cobra.Command) {
	c.Flags().BoolVar(&j.DryRun, "dry-run", false, "do everything except send")
	j.group(c, groupJob, "dry-run")
}

func (j *JobFlags) group(c *cobra.Command, title string, names ...string) {
	j.flags = c.Flags()
	j.added = append(j.added, names...)
	GroupFlags(c, title, names...)
}

var progressModes = []string{progress.Auto, progress.Plain, progress.JSON, progress.None}

// Given returns those of the flags of jobs that were given, as --name: a command
// whose users are arguments is not a job, and refuses them. except are names that
// count there too.
func (j *JobFlags) Given(except ...string) []string {
	var out []string
	for _, name := range j.added {
		if j.flags.Changed(name) && !slices.Contains(except, name) {
			out = append(out, "--"+name)
		}
	}
	return out
}

// Wrong gathers what is wrong with the flags of a command, so that all of it is
// reported at once.
type Wrong []failure.Field

// Add adds a mistake of a flag.
func (w *Wrong) Add(flag, format string, args ...any) {
	*w = append(*w, failure.Field{Key: flag, Message: fmt.Sprintf(format, args...)})
}

// AddErr adds an error of a flag; nil is none.
func (w *Wrong) AddErr(flag string, err error) {
	if err != nil {
		w.Add(flag, "%s", failure.From(err).Error())
	}
}

// AtLeast adds a mistake where a number is below least.
func (w *Wrong) AtLeast(flag string, n, least int) {
	if n < least {
		w.Add(flag, "must be at least %d, not %d", least, n)
	}
}

// Err returns the failure.Invalid that names every mistake; nil for none.
func (w *Wrong) Err() error {
	flags, arguments := 0, 0
	for _, f := range *w {
		if strings.HasPrefix(f.Key, "--") {
			flags++
		} else {
			arguments++
		}
	}
	what := "invalid flags"
	switch {
	case flags == 0:
		what = "invalid arguments"
	case arguments > 0:
		what = "invalid flags and arguments"
	}
	return failure.InvalidFields(what, *w)
}

// Check reads the flags, makes the paths absolute and reports what is wrong. It
// opens nothing of the input, and can be called before anything else.
func (j *JobFlags) Check(wrong *Wrong) {
	j.checkInput(wrong)
	_ = j.selection(wrong)
	_, err := j.Settings(1)
	if err != nil {
		*wrong = append(*wrong, failure.From(err).Fields...)
	}
	j.checkOutputs(wrong)
}

func (j *JobFlags) checkInput(wrong *Wrong) {
	wrong.OneOf("--format", &j.Input.Format, input.Formats()...)
	if _, err := parseSize(j.MaxInput); err != nil {
		wrong.AddErr("--max-input", err)
	}
	j.Input.Map = nil
	for _, text := range j.maps {
		column, to, ok := strings.Cut(text, "=")
		column, to = strings.TrimSpace(column), strings.TrimSpace(to)
		_, twice := j.Input.Map[column]
		switch {
		case !ok || column == "" || to == "":
			wrong.Add("--map", "must have the form Column=Field, not %q", text)
		case twice:
			wrong.Add("--map", "column %q is renamed twice", column)
		case j.Input.Map == nil:
			j.Input.Map = map[string]string{column: to}
		default:
			j.Input.Map[column] = to
		}
	}
}

// Selection returns which rows the flags select, once Check has found them good.
func (j *JobFlags) Selection() job.Selection { return j.selection(&Wrong{}) }

func (j *JobFlags) selection(wrong *Wrong) job.Selection {
	s := job.Selection{Match: j.Match, Offset: j.Offset, Limit: j.Limit}
	wrong.AtLeast("--offset", j.Offset, 0)
	wrong.AtLeast("--limit", j.Limit, 0)
	var err error
	s.Shard, s.Shards, err = parseShard(j.Shard)
	wrong.AddErr("--shard", err)
	_, err = operation.NewSelector(s)
	wrong.AddErr("--match", err)
	return s
}

// InputSize returns how many bytes of input are taken at most.
func (j *JobFlags) InputSize() int64 {
	n, _ := parseSize(j.MaxInput) // Check has the error
	return n
}

var errSize = errors.New("must be a size such as 500MiB or 8GiB")

// parseSize reads 4GiB, 500M or a number of bytes.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number := strings.TrimRight(text, "kKMGTiB")
	unit := strings.TrimSuffix(strings.TrimSuffix(text[len(number):], "B"), "i")
	shift, ok := map[string]uint{"": 0, "k": 10, "K": 10, "M": 20, "G": 30, "T": 40}[unit]
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || n < 1 || n > math.MaxInt64>>shift {
		return 0, errSize
	}
	return n << shift, nil
}

func parseShard(text string) (shard, shards int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	first, second, _ := strings.Cut(text, "/")
	shard, err1 := strconv.Atoi(first)
	shards, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil || shard < 1 || shard > shards || shards > 100_000 {
		return 0, 0, fmt.Errorf("must have the form 3/16, the first number from 1 to the second, not %q", text)
	}
	return shard, shards, nil
}

// JobSettings are the speed of a run in the engine's terms.
type JobSettings struct {
	Rate        float64
	MaxFailures int
}

// Settings reads the flags of AddSpeed; requested is how many rows 100% are.
func (j *JobFlags) Settings(requested int) (JobSettings, error) {
	var wrong Wrong
	if j.flags.Lookup("concurrency") != nil {
		wrong.AtLeast("--concurrency", j.Concurrency, 1)
	}
	wrong.AtLeast("--retries", j.Retries, 0)
	if j.Patience < 0 {
		wrong.Add("--patience", "must not be negative")
	}
	wrong.OneOf("--progress", &j.Progress, progressModes...)
	rate, err := parseRate(j.Rate)
	wrong.AddErr("--rate", err)
	most, err := parseMaxFailures(j.MaxFailures, requested)
	wrong.AddErr("--max-failures", err)
	return JobSettings{Rate: rate, MaxFailures: most}, wrong.Err()
}

// parseRate reads 50/s, 3000/m or 50 (a second).
func parseRate(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	per, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(n > 0) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("must be a rate such as 50/s, 3000/m or 100000/h, not %q", text)
	}
	return n / per, nil
}

// parseMaxFailures reads a number of rows, or a part of those requested; -1 is no
// limit.
func parseMaxFailures(text string, requested int) (int, error) {
	if text == "" {
		return -1, nil
	}
	if part, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(part, 64)
		if err == nil && p >= 0 && p <= 100 {
			return int(p / 100 * float64(requested)), nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return n, nil
	}
	return 0, fmt.Errorf("must be a number of rows or a percentage such as 5%%, not %q", text)
}
