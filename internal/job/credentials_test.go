package job_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// What a full disk or a power cut left of a line gives way to the next run's lines; whole
// lines stay.
func TestAFileOfTokensIsMadeOfWholeLines(t *testing.T) {
	t.Parallel()
	const head = "DeviceToken,AccessToken,RefreshToken,ExpiresAt\n"
	for name, c := range map[string]struct{ file, before, after string }{
		"nothing is there":   {"a.csv", "", head + "u,a,r,\n"},
		"a whole file":       {"a.csv", head + "v,b,s,\n", head + "v,b,s,\n" + "u,a,r,\n"},
		"a part of a line":   {"a.csv", head + "v,b,s,\nw,c", head + "v,b,s,\n" + "u,a,r,\n"},
		"a part of the head": {"a.csv", "DeviceTok", head + "u,a,r,\n"},
		"a part of a JSON line": {"a.jsonl",
			`{"AccessToken":"b"}` + "\n" + `{"Acc`,
			`{"AccessToken":"b"}` + "\n" + `{"AccessToken":"a","DeviceToken":"u","ExpiresAt":"","RefreshToken":"r"}` + "\n"},
		"a part of the first": {"a.jsonl",
			`{"Acc`, `{"AccessToken":"a","DeviceToken":"u","ExpiresAt":"","RefreshToken":"r"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), c.file)
			if c.before != "" {
				if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := job.OpenCredentialsFile(path, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Add("u", job.Credentials{Access: secret.New("a"), Refresh: secret.New("r")}); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != c.after {
				t.Errorf("the file is %q, %v", got, err)
			}
		})
	}
}

func TestTokensAreNotAddedToSomebodyElsesFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notes.csv")
	if err := os.WriteFile(path, []byte("my notes, without an end"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := job.OpenCredentialsFile(path, true); !failure.Is(err,
		failure.Invalid) || !strings.Contains(err.Error(), "not a file of tokens") {
		t.Errorf("the error is %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "my notes, without an end" {
		t.Errorf("the file is now %q", got)
	}
}

// A file that is refused stays as it is, its mode included, and another user's symbolic link in a
// shared folder is not followed.
func TestAFileOfTokensThatIsRefusedIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notes, shared := filepath.Join(dir, "notes.csv"), filepath.Join(dir, "shared")
	link := filepath.Join(shared, "tokens.csv")
	for _, err := range []error{
		os.WriteFile(notes, []byte("my notes"), 0o644), os.Mkdir(shared, 0o777), os.Chmod(shared, 0o777|os.ModeSticky),
		os.Symlink(notes, link), os.Symlink(filepath.Join(dir, "new.csv"), filepath.Join(shared, "new.csv")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	type refusal struct {
		path   string
		reason failure.Reason
	}
	cases := map[string]refusal{"somebody's notes": {notes, job.ReasonNotCredentials}}
	if os.Lchown(link, 4711, 4711) == nil && os.Lchown(filepath.Join(shared, "new.csv"), 4711, 4711) == nil { // as root
		cases["another user's link to a file"] = refusal{link, atomicfile.ReasonForeignLink}
		cases["another user's link to no file yet"] = refusal{filepath.Join(shared, "new.csv"), atomicfile.ReasonForeignLink}
	}
	for name, c := range cases {
		_, err := job.OpenCredentialsFile(c.path, true)
		if !failure.Is(err, failure.Invalid) || !failure.HasReason(err, c.reason) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	info, err := os.Stat(notes)
	if text, _ := os.ReadFile(notes); err != nil || string(text) != "my notes" || info.Mode().Perm() != 0o644 {
		t.Errorf("the file is now %v, %q, %v", info.Mode(), text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.csv")); err == nil {
		t.Error("a file was made where another user's link leads")
	}
}
