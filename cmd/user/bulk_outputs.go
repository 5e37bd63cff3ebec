package user

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// outputFlags name the files that a run writes.
type outputFlags struct{ results, failedOut, tokensOut string }

func (o *outputFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.results, "results", "", "write every row with its outcome to a `file`, CSV, or TSV (.tsv) or JSON Lines (.jsonl), when the run ends, however it does")
	c.Flags().StringVar(&o.failedOut, "failed-out", "", "write the rows that failed, with the reason, to a `file`, to be mended and given back; rows that could then be made twice are not in it")
	c.Flags().StringVar(&o.tokensOut, "tokens-out", "", "write the users' AccessTokens and RefreshTokens to a `file`, mode 0600, as they come")
}

// output is a file that is to be written, and the flag that names it.
type output struct{ flag, path string }

func outputsOf(o journal.Outputs) []output {
	return []output{{"--results", o.Results}, {"--failed-out", o.FailedOut}, {"--tokens-out", o.TokensOut}}
}

// spec makes the paths absolute, so that `job resume` finds them from anywhere, and holds them apart: from the input, from the report of mistakes, from
// one another. input and report may be "".
func (o outputFlags) spec(wrong *mistakes, inputFile, report string) journal.Outputs {
	var out journal.Outputs
	for _, f := range []struct {
		flag, given string
		to          *string
	}{{"--results", o.results, &out.Results}, {"--failed-out", o.failedOut, &out.FailedOut}, {"--tokens-out", o.tokensOut, &out.TokensOut}, {"--report", report, &report}} {
		if f.given == "" {
			continue
		}
		if f.given == "-" {
			wrong.add(f.flag, "it names a file: standard output has the rows already")
			continue
		}
		path, err := filepath.Abs(f.given)
		wrong.err(f.flag, err)
		*f.to = path
	}
	checkOutputs(wrong, append(outputsOf(out), output{"--report", report}), inputFile)
	return out
}

// checkOutputs finds out, before anybody is registered, what cannot be written, or must not be.
func checkOutputs(wrong *mistakes, outputs []output, inputFile string) {
	for i, o := range outputs {
		if o.path == "" || o.path == "-" {
			continue
		}
		other := ""
		for _, before := range outputs[:i] {
			if before.path != "" && sameFile(o.path, before.path) {
				other = before.flag
			}
		}
		switch why := cannotHold(o.path); {
		case sameFile(o.path, inputFile):
			wrong.add(o.flag, "it is the input file, which is never written to")
		case other != "":
			wrong.add(o.flag, "it is the file of %s", other)
		case o.flag == "--tokens-out" && job.FormatOf(o.path) == input.TSV:
			wrong.add(o.flag, "it is written as CSV (.csv) or JSON Lines (.jsonl)")
		case why != "":
			wrong.add(o.flag, "%s", why)
		}
	}
}

// cannotHold tells why no file can be written at a path; "" where one can, as far as can be seen. It makes a file beside it for a moment, as writing
// does: permissions alone do not tell.
func cannotHold(path string) string {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".gz", ".zip", ".xlsx", ".xls":
		return "it is written as CSV (.csv), TSV (.tsv) or JSON Lines (.jsonl), and not as " + ext
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "it is a folder"
	case err == nil && !info.Mode().IsRegular():
		return "it is a device or a pipe, and a file would take its place"
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "there is no folder " + dir
	}
	trial, err := os.CreateTemp(dir, ".telematicsctl-*")
	if err != nil {
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		return "no file can be made in " + dir + ": " + err.Error()
	}
	if err := errors.Join(trial.Close(), os.Remove(trial.Name())); err != nil {
		return "a file in " + dir + " cannot be removed: " + err.Error()
	}
	return ""
}

// sameFile tells whether two names are of one file, by whatever links; of files that are not there, whether they are one name.
func sameFile(path, other string) bool {
	a, err1 := os.Stat(path)
	b, err2 := os.Stat(other)
	if err1 == nil && err2 == nil {
		return os.SameFile(a, b)
	}
	abs, err := filepath.Abs(other)
	return err == nil && other != "" && abs == path
}
