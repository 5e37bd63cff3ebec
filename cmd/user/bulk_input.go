package user

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// input is a file of users on its way to a job; what templates make is one too.
type inputFile struct {
	file *input.File
	made bool   // by templates: its lines are nobody's
	copy string // standard input, kept until there is a job that takes it; "" where there is none
}

// openInput opens the file of a spec and fills in its digest. Standard input is kept beside the jobs, as `job resume` needs it again.
func openInput(ctx context.Context, k *cmdutil.App, jobs journal.Jobs, s *journal.Spec) (*inputFile, error) {
	in := &inputFile{}
	o := input.Options{
		Name: s.File.Path, Format: s.File.Format, Map: s.File.Map, IgnoreUnknown: s.File.IgnoreUnknown, Loose: s.NoValidate,
		Use: field.File, Now: k.Now(), SpoolDir: jobs.Dir,
	}
	stdin := k.Streams.In
	if s.File.Stdin && s.File.Path == "" {
		o.Name = "-"
		if err := os.MkdirAll(jobs.Dir, 0o700); err != nil {
			return nil, failure.Wrap(failure.Failed, "standard input cannot be kept", err)
		}
		sweep(jobs.Dir, k.Now())
		kept, err := os.CreateTemp(jobs.Dir, keptInput)
		if err != nil {
			return nil, failure.Wrap(failure.Failed, "standard input cannot be kept", err)
		}
		defer func() { _ = kept.Close() }()
		in.copy, stdin = kept.Name(), io.TeeReader(stdin, kept)
	}
	file, err := input.Open(ctx, o, stdin)
	if err != nil {
		in.close()
		return nil, movedAway(err, s.ID)
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

// movedAway says how a job is gone on with whose file is no longer where it was; job is "" where there is none yet.
func movedAway(err error, job string) error {
	if job == "" || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	e := *failure.From(err)
	e.Hint = "`telematicsctl user bulk --file NEWPATH`, with the options that the job was begun with, goes on with job " + job + " from where the file is now"
	return &e
}

// keptInput names copies of standard input that no job has taken yet.
const keptInput = ".input-*"

// sweep removes such copies that are more than a day old: their runs were killed before there was a job.
func sweep(dir string, now time.Time) {
	names, _ := filepath.Glob(filepath.Join(dir, keptInput)) // the pattern is good
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(name) // what cannot be removed now is tried again
		}
	}
}

// openTemplates makes the rows of a quantity run, to be read as a file's.
func openTemplates(ctx context.Context, k *cmdutil.App, jobs journal.Jobs, s *journal.Spec) (*inputFile, error) {
	texts, err := byField(s.Quantity.Templates)
	if err != nil {
		return nil, err
	}
	templates, err := job.NewTemplates(texts, s.Rows, s.Quantity.Run)
	if err != nil {
		return nil, err
	}
	o := input.Options{Name: "-", Called: "the templates", Format: input.JSONLines, MayBeEmpty: true, Loose: s.NoValidate, Use: field.File, Now: k.Now(), SpoolDir: jobs.Dir}
	file, err := input.Open(ctx, o, templates.Reader())
	if err != nil {
		return nil, err
	}
	return &inputFile{file: file, made: true}, nil
}

func (in *inputFile) close() {
	if in.file != nil {
		_ = in.file.Close()
	}
	if in.copy != "" {
		_ = os.Remove(in.copy)
	}
}

// check reads the whole file and returns how many rows it has and how many of them are not valid. Without skip, mistakes
// are an error that groups them by column and reason; the file of report gets every one in any case. Warnings go to
// standard error.
func (in *inputFile) check(ctx context.Context, k *cmdutil.App, skip bool, report string) (total, bad int, err error) {
	var groups input.Groups
	pass := func(w io.Writer) error {
		out := input.NewReportWriter(w, in.file.Shape().For(report), false)
		total, bad, err = in.file.Check(ctx, func(m input.Mistake) error {
			if in.made {
				m.Line = 0
			}
			groups.Add(m)
			return out.Write(m)
		})
		if err != nil {
			return err
		}
		return out.Flush()
	}
	if report == "" {
		err = pass(io.Discard)
	} else if err = atomicfile.Write(report, 0o600, pass); err != nil && failure.CodeOf(err) == failure.Failed {
		err = failure.Wrap(failure.Failed, "--report "+report, err)
	}
	if err == nil {
		for _, warning := range in.file.Warnings() {
			k.Streams.Warn(warning)
		}
	}
	if err != nil || bad == 0 || skip {
		return total, bad, err
	}
	return 0, 0, groups.Err(fmt.Sprintf("%d of %s %s not valid, and nothing was sent", bad, cmdutil.Count(total, "row", "rows"), cmdutil.Are(bad)))
}
