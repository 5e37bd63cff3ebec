package cmdutil

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Outputs returns the files that a run writes, as absolute paths, once Check has
// found them good.
func (j *JobFlags) Outputs() job.Outputs {
	return job.Outputs{Results: j.Results, FailedOut: j.FailedOut, TokensOut: j.TokensOut}
}

// checkOutputs makes the paths absolute, so that a job can be resumed anywhere,
// and finds out before anything is sent what cannot be written or must not be.
func (j *JobFlags) checkOutputs(wrong *Wrong) {
	files := []*string{&j.Results, &j.FailedOut, &j.TokensOut, &j.Report}
	names := []string{"--results", "--failed-out", "--tokens-out", "--report"}
	var before []string
	for i, path := range files {
		switch *path {
		case "":
			before = append(before, "")
			continue
		case "-":
			wrong.Add(names[i], "must name a file: standard output has the rows already")
			before = append(before, "")
			continue
		}
		abs, err := filepath.Abs(*path)
		wrong.AddErr(names[i], err)
		*path = abs
		other := slices.IndexFunc(before, func(p string) bool { return p != "" && sameFile(abs, p) })
		switch why := unfitForOutput(abs); {
		case j.File != "" && j.File != "-" && sameFile(abs, j.File):
			wrong.Add(names[i], "is the input file, which is never written to")
		case other >= 0:
			wrong.Add(names[i], "is the file of %s", names[other])
		case names[i] == "--tokens-out" && input.FormatOf(abs) == input.TSV:
			wrong.Add(names[i], "must end in .csv or .jsonl")
		case why != "":
			wrong.Add(names[i], "%s", why)
		}
		before = append(before, abs)
	}
}

// unfitForOutput returns why no file can be written at a path; "" where one can,
// as far as can be seen without writing there.
func unfitForOutput(path string) string {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".gz", ".zip", ".xlsx", ".xls":
		return "is written as .csv, .tsv or .jsonl, not as " + ext
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "is a folder"
	case err == nil && !info.Mode().IsRegular():
		return "is a device or a pipe, which a file would replace"
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "no folder " + dir
	}
	trial, err := os.CreateTemp(dir, ".telematicsctl-*")
	if err != nil {
		var of *os.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		return "no file can be created in " + dir + ": " + err.Error()
	}
	if err := errors.Join(trial.Close(), os.Remove(trial.Name())); err != nil {
		return "a file in " + dir + " cannot be removed: " + err.Error()
	}
	return ""
}

// sameFile reports whether two names are of one file, by whatever links; of files
// that are not there, whether they are one name.
func sameFile(path, other string) bool {
	a, err1 := os.Stat(path)
	b, err2 := os.Stat(other)
	if err1 == nil && err2 == nil {
		return os.SameFile(a, b)
	}
	abs, err := filepath.Abs(other)
	return err == nil && other != "" && abs == path
}
