package user

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job/progress"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// progressModes are the values of --progress.
var progressModes = []string{progress.Auto, progress.Plain, progress.JSON, progress.None}

// mistakes gathers everything that is wrong with the flags, so that all of it is told at once.
type mistakes []failure.Field

func (m *mistakes) add(key, format string, args ...any) {
	*m = append(*m, failure.Field{Key: key, Message: fmt.Sprintf(format, args...)})
}

func (m *mistakes) err(key string, err error) {
	if err != nil {
		m.add(key, "%s", failure.From(err).Message)
	}
}

func (m *mistakes) atLeast(least int, key string, n int) {
	if n < least {
		m.add(key, "%d is not %d or more", n, least)
	}
}

// bulkSpec checks all that was said and puts it into the terms of a job. Nothing is opened yet.
func bulkSpec(k *cmdutil.App, o bulkOptions) (journal.Spec, error) {
	var wrong mistakes
	s := journal.Spec{NoValidate: o.noValidate, CreateAccessToken: o.accessToken, Given: byName(o.given)}
	wrong.atLeast(1, "--batch-size", o.batchSize)
	switch o.deviceToken {
	case "":
	case "server":
		s.ServerTokens = true
	default:
		wrong.add("--device-token", "%q is not server", o.deviceToken)
	}
	if o.hasQuantity {
		wrong.atLeast(1, "--quantity", o.quantity)
		s.Rows, s.Requested = o.quantity, o.quantity
		s.Quantity = quantitySpec(o, &wrong)
	} else {
		s.File = fileSpec(o, &wrong)
	}
	r := field.Reader{Use: field.Create, Now: k.Now(), Loose: o.noValidate}
	readInto(&r, o.given)
	for _, m := range r.Mistakes {
		wrong.add(flagOf(m.Key), "%s", m.Message)
	}
	if s.Quantity != nil && len(o.templates) == 0 && canCarry(r.Set) {
		s.Quantity.BatchSize = o.batchSize
	}
	for _, flag := range o.empty {
		wrong.add(flag, "it says nothing: leave it out, or give it a value")
	}
	s.Outputs = o.outputs.spec(&wrong, o.file, o.report)
	if _, err := o.pace.settings(1); err != nil {
		wrong = append(wrong, failure.From(err).Fields...)
	}
	if o.accessToken && o.hasQuantity && len(o.templates) == 0 && o.quantity > largestStored && o.outputs.tokensOut == "" {
		wrong.add("--create-access-token", "%s", tooManyPairs(o.quantity))
	}
	return s, failure.InvalidFields("the run is not valid, and nothing was sent", wrong)
}

// flagOf is the flag that a field of the service was given by.
func flagOf(path string) string {
	if f, ok := field.Lookup(path); ok {
		return "--" + f.Flag
	}
	return path
}

func tooManyPairs(n int) string {
	return fmt.Sprintf("the token store takes the tokens of %d users in one run, not of %d: name a file for them with --tokens-out", largestStored, n)
}

// onlyWith finds the flags that mean nothing in a run of this kind.
func (m *mistakes) onlyWith(what string, flags map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if flags[name] {
			m.add(name, "it is for runs of %s alone", what)
		}
	}
}

// runName is what --run takes: it becomes a part of e-mail addresses and ClientIds.
var runName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func quantitySpec(o bulkOptions, wrong *mistakes) *journal.Quantity {
	wrong.onlyWith("a file", map[string]bool{"--format": o.format != "", "--map": len(o.columns) > 0, "--ignore-unknown": o.ignoreUnknown})
	q := &journal.Quantity{Templates: byName(o.templates), Run: o.run, Named: o.run != ""}
	if len(o.templates) == 0 {
		wrong.onlyWith("a file or of templates", map[string]bool{
			"--skip-invalid": o.skipInvalid, "--report": o.report != "", "--match": o.match != "", "--offset": o.offset != 0, "--limit": o.limit != 0,
			"--shard": o.shard != "", "--restart": o.restart,
		})
		wrong.onlyWith("templates", map[string]bool{"--run": o.run != ""})
		return q
	}
	q.Choice = choiceSpec(o, wrong)
	switch {
	case o.run != "" && !runName.MatchString(o.run):
		wrong.add("--run", "%q is not a name of up to 64 letters, digits, dots, dashes and underscores", o.run)
	case o.run == "" && o.restart:
		wrong.add("--restart", "a quantity run begins anew each time, unless --run names it")
	case o.run == "" && q.Shards > 0:
		wrong.add("--shard", "the shards of templates need one name of the run, the same for all: give it with --run")
	}
	return q
}

// choiceSpec reads the flags that say which rows a run is about.
func choiceSpec(o bulkOptions, wrong *mistakes) journal.Choice {
	c := journal.Choice{Match: o.match, Offset: o.offset, Limit: o.limit}
	wrong.atLeast(0, "--offset", o.offset)
	wrong.atLeast(0, "--limit", o.limit)
	var err error
	c.Shard, c.Shards, err = parseShard(o.shard)
	wrong.err("--shard", err)
	_, err = job.NewChoice(c)
	wrong.err("--match", err)
	return c
}

func fileSpec(o bulkOptions, wrong *mistakes) *journal.File {
	format := strings.ToLower(o.format)
	f := &journal.File{Stdin: o.file == "-", Format: format, IgnoreUnknown: o.ignoreUnknown, Choice: choiceSpec(o, wrong)}
	wrong.onlyWith("templates", map[string]bool{"--run": o.run != ""})
	for _, flag := range templateFields() {
		if _, given := o.templates[flag]; given {
			wrong.add("--"+flag.Flag+"-template", "it is for --quantity: in a file each row says it")
		}
	}
	if format != "" && !slices.Contains(input.Formats(), format) {
		wrong.add("--format", "%q is none of %s", o.format, strings.Join(input.Formats(), ", "))
	}
	if o.file != "-" {
		path, err := filepath.Abs(o.file)
		wrong.err("--file", err)
		f.Path = path
	}
	f.Map = readMap(o.columns, wrong)
	return f
}

// readMap reads --map; nil for none.
func readMap(columns []string, wrong *mistakes) map[string]string {
	var out map[string]string
	for _, text := range columns {
		column, to, ok := strings.Cut(text, "=")
		column, to = strings.TrimSpace(column), strings.TrimSpace(to)
		switch _, twice := out[column]; {
		case !ok || column == "" || to == "":
			wrong.add("--map", "%q is not Column=Field", text)
		case twice:
			wrong.add("--map", "the column %q is renamed twice", column)
		case out == nil:
			out = map[string]string{column: to}
		default:
			out[column] = to
		}
	}
	return out
}

func parseShard(text string) (shard, shards int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	first, second, _ := strings.Cut(text, "/")
	shard, err1 := strconv.Atoi(first)
	shards, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil || shard < 1 || shard > shards || shards > 100_000 {
		return 0, 0, failure.Newf(failure.Invalid, "%q is not a shard such as 3/16: the first number goes from 1 to the second", text)
	}
	return shard, shards, nil
}

// settings are the pace of a run in the engine's terms.
type settings struct {
	concurrency, retries, maxFailures int
	rate                              float64
	patience                          time.Duration
}

// settings reads the flags; requested is how many rows a part in per cent is of.
func (p paceFlags) settings(requested int) (settings, error) {
	var wrong mistakes
	wrong.atLeast(1, "--concurrency", p.concurrency)
	wrong.atLeast(0, "--retries", p.retries)
	if p.patience < 0 {
		wrong.add("--patience", "%s is not a time to wait", p.patience)
	}
	if !slices.Contains(progressModes, p.progress) {
		wrong.add("--progress", "%q is none of %s", p.progress, strings.Join(progressModes, ", "))
	}
	rate, err := parseRate(p.rate)
	wrong.err("--rate", err)
	most, err := parseMaxFailures(p.maxFailures, requested)
	wrong.err("--max-failures", err)
	return settings{concurrency: p.concurrency, retries: p.retries, maxFailures: most, rate: rate, patience: p.patience},
		failure.InvalidFields("the run is not valid, and nothing was sent", wrong)
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
		return 0, failure.Newf(failure.Invalid, "%q is not a rate such as 50/s, 3000/m or 100000/h", text)
	}
	return n / per, nil
}

// parseMaxFailures reads a number of rows, or a part of those requested; -1 is no limit.
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
	return 0, failure.Newf(failure.Invalid, "%q is neither a number of rows nor a part such as 5%%", text)
}

// byName is a set of flags as a job keeps it.
func byName(given map[*field.Field]string) map[string]string {
	if len(given) == 0 {
		return nil
	}
	out := map[string]string{}
	for f, text := range given {
		out[f.Name] = text
	}
	return out
}

func byField(given map[string]string) (map[*field.Field]string, error) {
	out := map[*field.Field]string{}
	for name, text := range given {
		f, ok := field.Lookup(name)
		if !ok {
			return nil, errors.New("the job names a field that is not known: " + name)
		}
		out[f] = text
	}
	return out, nil
}

// canCarry tells whether «register many» has room for all fields of a set.
func canCarry(s field.Set) bool {
	return !slices.ContainsFunc(s.Fields(), func(f *field.Field) bool { return f.Use&field.Quantity == 0 })
}
