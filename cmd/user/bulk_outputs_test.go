package user

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Where no file can be written is known before anybody is registered.
func TestWhereNoFileCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		filepath.Join(dir, "new.csv"):           "",
		dir:                                     "it is a folder",
		filepath.Join(dir, "new.csv.gz"):        "it is written as CSV",
		filepath.Join(dir, "none", "new.csv"):   "there is no folder",
		filepath.Join(dir, "file.csv"):          "",
		filepath.Join(dir, "file.csv", "x.csv"): "there is no folder",
	}
	if err := os.WriteFile(filepath.Join(dir, "file.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		cases["/proc/new.csv"] = "no file can be made in /proc: "
		cases["/dev/null"] = "it is a device or a pipe"
	}
	if runtime.GOOS != "windows" && os.Geteuid() != 0 {
		cases[filepath.Join(locked, "new.csv")] = "no file can be made in "
	}
	for path, want := range cases {
		if got := cannotHold(path); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// Two flags never write one file, nor the input, whatever it is called.
func TestOutputsAreHeldApart(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "out.csv")
	for _, path := range []string{in, out} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{filepath.Join(dir, "in-link.csv"): in, filepath.Join(dir, "out-link.csv"): out}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			t.Skip("there are no symbolic links here: ", err)
		}
	}
	for _, c := range []struct {
		given  outputFlags
		report string
		want   string
	}{
		{outputFlags{results: out}, filepath.Join(dir, "report.csv"), ""},
		{outputFlags{results: in}, "", "--results: it is the input file"},
		{outputFlags{results: filepath.Join(dir, "in-link.csv")}, "", "--results: it is the input file"},
		{outputFlags{results: out, failedOut: filepath.Join(dir, "out-link.csv")}, "", "--failed-out: it is the file of --results"},
		{outputFlags{results: filepath.Join(dir, "new.csv"), tokensOut: filepath.Join(dir, ".", "new.csv")}, "", "--tokens-out: it is the file of --results"},
		{outputFlags{failedOut: out}, out, "--report: it is the file of --failed-out"},
		{outputFlags{}, in, "--report: it is the input file"},
		{outputFlags{results: filepath.Join(dir, "new.tsv"), tokensOut: filepath.Join(dir, "tokens.tsv")}, "", "--tokens-out: it is written as CSV"},
		{outputFlags{results: "-"}, "", "--results: it names a file"},
	} {
		var wrong mistakes
		c.given.spec(&wrong, in, c.report)
		var got []string
		for _, m := range wrong {
			got = append(got, m.Key+": "+m.Message)
		}
		if text := strings.Join(got, "; "); !strings.HasPrefix(text, c.want) || (c.want == "") != (text == "") || len(got) > 1 {
			t.Errorf("%+v, report %q: %q, want %q", c.given, c.report, text, c.want)
		}
	}
}
