package job_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// What was in the file before is known, so that a run that goes on can tell how many of
// its users have no tokens there.
func TestAFileOfTokensTellsHowManyItHad(t *testing.T) {
	t.Parallel()
	line := `{"AccessToken":"` + strings.Repeat("a", 1000) + `"}` + "\n"
	for name, c := range map[string]struct {
		file, before string
		want         int
	}{
		"nothing is there":        {"a.csv", "", 0},
		"a head":                  {"a.csv", "DeviceToken,AccessToken,RefreshToken,ExpiresAt\n", 0},
		"pairs":                   {"a.csv", "DeviceToken,AccessToken,RefreshToken,ExpiresAt\nu,a,r,\nv,b,s,\n", 2},
		"a pair that is cut":      {"a.csv", "DeviceToken,AccessToken,RefreshToken,ExpiresAt\nu,a,r,\nv,b", 1},
		"nothing in JSON Lines":   {"a.jsonl", "", 0},
		"very many in JSON Lines": {"a.jsonl", strings.Repeat(line, 500) + "{", 500},
	} {
		path := filepath.Join(t.TempDir(), c.file)
		if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := job.OpenCredentialsFile(path, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Had(); got != c.want {
			t.Errorf("%s: it had %d, not %d", name, got, c.want)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
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
