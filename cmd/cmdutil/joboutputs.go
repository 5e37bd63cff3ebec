package cmdutil

import (
	"context"
	"io"
	"os"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Deriver returns what derives the DeviceTokens of the instance's users, by its
// identity key.
func (s *Session) Deriver(ctx context.Context) (identity.Deriver, error) {
	in, err := s.Instance(ctx)
	if err != nil {
		return identity.Deriver{}, err
	}
	key, err := s.IdentityKey(ctx)
	if err != nil {
		return identity.Deriver{}, err
	}
	return identity.NewDeriver(in.ID, key), nil
}

// bytesOfRow is what a row of a file of results takes, about.
const bytesOfRow = 200

// reserveFiles makes sure, before anything is sent, that --results and --failed-out can be written:
// by rights, by links, and by room on the disk, which is held until release.
func (r *jobRun) reserveFiles(rows int) (release func(), err error) {
	var held []*atomicfile.Output
	release = func() {
		for _, out := range held {
			out.Discard()
		}
		held = nil
	}
	o := r.Job.Spec.Outputs
	for _, file := range []struct{ what, path string }{{"the results", o.Results}, {"the failed rows", o.FailedOut}} {
		if info, err := os.Stat(file.path); file.path == "" || err == nil && !info.Mode().IsRegular() {
			continue // none, or a pipe or a device, whose reader would see it end
		}
		out, err := atomicfile.Create(file.path, 0o600)
		if err == nil {
			held = append(held, out)
			err = out.Reserve(int64(rows) * bytesOfRow)
		}
		if err != nil {
			release()
			return nil, atomicfile.Failure(failure.Failed, file.what+" cannot be written to "+file.path, file.path, err)
		}
	}
	return release, nil
}

// writeFiles writes --results and --failed-out, however the run has ended. Rows
// that it did not come to have no outcome there.
func (r *jobRun) writeFiles(ctx context.Context) error {
	o := r.Job.Spec.Outputs
	if o.Results == "" && o.FailedOut == "" {
		return nil
	}
	table := r.table()
	if table == nil { // the job was finished before, and its input removed: no row has changed since
		for _, file := range []struct{ what, path string }{{"Results", o.Results}, {"The failed rows", o.FailedOut}} {
			if file.path != "" {
				r.App.Streams.Note(file.what + " are as the last run wrote them to " + file.path)
			}
		}
		return nil
	}
	if o.Results != "" {
		blank, err := r.Job.WriteResults(ctx, o.Results, table, r.rowWriter(o.Results))
		if err != nil {
			return err
		}
		text := "Results are in " + o.Results
		if blank > 0 {
			text += "; " + Count(blank, "row that was not sent has", "rows that were not sent have") + " no outcome there"
		}
		r.App.Streams.Note(text)
	}
	if o.FailedOut == "" {
		return nil
	}
	left, err := r.Job.WriteFailed(ctx, o.FailedOut, table, r.rowWriter(o.FailedOut), r.parts.FailedWithTokens)
	if err != nil {
		return err
	}
	r.App.Streams.Note(Count(left.Failed, "failed row is", "failed rows are") + " in " + o.FailedOut)
	if left.Retryable > 0 {
		r.App.Streams.Note(Count(left.Retryable, "row is", "rows are") + " unknown, and not in it: " +
			r.App.Command("job", "resume", r.Job.Spec.ID) + " retries them")
	}
	if n := left.Unknown - left.Retryable; n > 0 {
		r.App.Streams.Note(Count(n, "row is", "rows are") +
			" unknown, and not in it: look for these users at the service before you register them again")
	}
	return nil
}

func (r *jobRun) table() job.Table {
	switch {
	case r.parts.Table != nil:
		return r.parts.Table
	case r.parts.File == nil:
		return nil
	}
	return inputTable{file: r.parts.File, source: r.parts.Source}
}

// rowWriter writes files that are made to be edited and given back: in the form of
// the input.
func (r *jobRun) rowWriter(path string) job.NewRowWriter {
	shape := input.Shape{}
	if r.parts.File != nil {
		shape = r.parts.File.Shape()
	}
	return func(w io.Writer, header []string) job.RowWriter {
		return input.NewWriter(w, shape.For(path), header, r.Flags.Raw || r.kept.Raw)
	}
}
