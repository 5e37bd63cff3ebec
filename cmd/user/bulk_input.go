package user

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/bulk"
	"github.com/telematicsctl/telematicsctl/internal/bulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/durable"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/rows"
)

// input is a file of users on its way to a job.
type input struct {
	file *rows.File
	copy string // standard input, kept until there is a job that takes it; "" where there is none
}

// openInput opens the file of a spec and fills in its digest. Standard input is kept beside the jobs, as `job resume` needs it again.
func openInput(ctx context.Context, k *kit.Kit, jobs journal.Jobs, s *journal.Spec) (*input, error) {
	in := &input{}
	o := rows.Options{
		Name: s.File.Path, Format: s.File.Format, Map: s.File.Map, IgnoreUnknown: s.File.IgnoreUnknown, Loose: s.NoValidate,
		Use: field.File, Now: k.Now(), SpoolDir: jobs.Dir,
	}
	stdin := k.Streams.In
	if s.File.Stdin && s.File.Path == "" {
		o.Name = "-"
		if err := os.MkdirAll(jobs.Dir, 0o700); err != nil {
			return nil, failure.Because(failure.Failed, "standard input cannot be kept", err)
		}
		kept, err := os.CreateTemp(jobs.Dir, ".input-*")
		if err != nil {
			return nil, failure.Because(failure.Failed, "standard input cannot be kept", err)
		}
		defer func() { _ = kept.Close() }()
		in.copy, stdin = kept.Name(), io.TeeReader(stdin, kept)
	}
	file, err := rows.Open(ctx, o, stdin)
	if err != nil {
		in.close()
		return nil, err
	}
	in.file = file
	if s.File.Digest != "" && s.File.Digest != file.Digest() {
		in.close()
		return nil, failure.Newf(failure.Invalid, "%s is no longer the file that job %s was begun with", s.File.Path, s.ID).
			WithHint("bring the old content back, or give the new file to `telematicsctl user bulk --file`, which begins a job of its own")
	}
	s.File.Digest = file.Digest()
	return in, nil
}

func (in *input) close() {
	if in.file != nil {
		_ = in.file.Close()
	}
	if in.copy != "" {
		_ = os.Remove(in.copy)
	}
}

// mostListed is how many mistakes are told on a terminal.
const mostListed = 20

// check goes through the whole file and returns how many rows it has and how many of them are not valid. Without skip, a mistake is an
// error that tells the first ones, and under machine-readable output all of them; the file of report gets all of them in any case.
func (in *input) check(ctx context.Context, k *kit.Kit, skip bool, report string) (total, bad int, err error) {
	most := mostListed
	if k.Flags.Output == "json" || k.Flags.Output == "jsonl" || k.Flags.Output == "yaml" {
		most = math.MaxInt
	}
	var list []failure.Field
	count := 0
	pass := func(w io.Writer) error {
		write := mistakeWriter(w, bulk.IsLines(report))
		total, bad, err = in.file.Check(ctx, func(m rows.Mistake) error {
			if count++; count <= most && !skip {
				list = append(list, failure.Field{Key: mistakeKey(m), Message: mistakeText(m)})
			}
			return write(m)
		})
		return err
	}
	if report == "" {
		err = pass(io.Discard)
	} else if err = durable.Write(report, 0o600, pass); err != nil && failure.CodeOf(err) == failure.Failed {
		err = failure.Because(failure.Failed, "--report "+report, err)
	}
	if err != nil || bad == 0 || skip {
		return total, bad, err
	}
	hint := "mend them, or register the others with --skip-invalid"
	if len(list) < count {
		hint = fmt.Sprintf("these are %d of %d mistakes: --report F writes all of them; ", len(list), count) + hint
	}
	return 0, 0, &failure.Error{Code: failure.Invalid, Fields: list, Hint: hint,
		Message: fmt.Sprintf("%d of %d rows are not valid, and nothing was sent", bad, total)}
}

func mistakeKey(m rows.Mistake) string {
	key := fmt.Sprintf("row %d (line %d)", m.Row, m.Line)
	if m.Column != "" {
		key += ", " + m.Column
	}
	return key
}

// mistakeText names the value where the reason does not quote it already.
func mistakeText(m rows.Mistake) string {
	if m.Value == "" || strings.Contains(m.Why, m.Value) {
		return m.Why
	}
	return strconv.QuoteToGraphic(m.Value) + ": " + m.Why
}

// mistakeWriter writes mistakes as JSON Lines, or as CSV with a head.
func mistakeWriter(w io.Writer, lines bool) func(rows.Mistake) error {
	if lines {
		e := json.NewEncoder(w)
		return func(m rows.Mistake) error { return e.Encode(m) }
	}
	out := csv.NewWriter(w)
	put := func(cells ...string) error {
		if err := out.Write(cells); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}
	headed := false
	return func(m rows.Mistake) error {
		if !headed {
			headed = true
			if err := put("Row", "Line", "Column", "Value", "Why"); err != nil {
				return err
			}
		}
		return put(strconv.Itoa(m.Row), strconv.Itoa(m.Line), m.Column, m.Value, m.Why)
	}
}
