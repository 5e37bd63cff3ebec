package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A row that has neither a ClientId nor a CustomToken gets a DeviceToken that is made of a seed. All jobs of one content at one instance of one
// service share theirs: whatever the options of a run are, a row has the DeviceToken that it had before, and its user is not made twice. A seed is a file
// in the folder seeds, written before the first job that uses it; it stays when jobs are removed.
const (
	seedsFolder = "seeds"
	seedsLock   = "lock"
)

var seedShape = regexp.MustCompile(`^[0-9a-f]{64}$`)

// seedPath is where the seed of a job's content is.
func (j Jobs) seedPath(s Spec) string {
	h := sha256.Sum256([]byte(strings.Join([]string{s.Host, s.Instance, s.File.Digest}, "\n")))
	return filepath.Join(j.Dir, seedsFolder, hex.EncodeToString(h[:16]))
}

// Seed finds the seed of the content of s, which is the job of a file; "" where no run has had one. Nothing is written.
func (j Jobs) Seed(s Spec) (string, error) {
	path := j.seedPath(s)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return j.seedOfJobs(s)
	case err != nil:
		return "", failure.Wrap(failure.Failed, "the seed of the file's DeviceTokens cannot be read", err)
	}
	seed := strings.TrimSpace(string(data))
	if !seedShape.MatchString(seed) {
		return "", failure.Newf(failure.Failed, "the seed of the file's DeviceTokens is damaged: %s", path).
			WithHint("bring the file back; without it, rows that have neither a ClientId nor a CustomToken are made anew")
	}
	return seed, nil
}

// seedOfJobs finds the seed in the jobs themselves, the oldest first: of a job that was begun before seeds had files.
func (j Jobs) seedOfJobs(s Spec) (string, error) {
	entries, err := os.ReadDir(j.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", failure.Wrap(failure.Failed, "the jobs cannot be listed", err)
	}
	var oldest Spec
	for _, e := range entries {
		other, err := j.Find(e.Name())
		if err != nil || other.File == nil || other.ServerTokens || other.Host != s.Host || other.Instance != s.Instance || other.File.Digest != s.File.Digest {
			continue // a job that cannot be read has no seed to give
		}
		if oldest.Seed == "" || other.Begun.Before(oldest.Begun) {
			oldest = other
		}
	}
	return oldest.Seed, nil
}

// KeepSeed makes s.Seed the seed of the content of s, unless it has one, and returns the one that it has then: another process may have been first. It
// outlives a power cut as soon as a job does that is created after.
func (j Jobs) KeepSeed(s Spec) (seed string, err error) {
	path := j.seedPath(s)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", unwritable(err)
	}
	lock := flock.New(filepath.Join(filepath.Dir(path), seedsLock), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil { // it is held for as long as this takes
		return "", unwritable(err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if seed, err = j.Seed(s); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return seed, nil
	}
	if seed == "" {
		seed = s.Seed
	}
	if err := atomicfile.WriteFile(path, []byte(seed+"\n"), 0o600); err != nil {
		return "", unwritable(err)
	}
	return seed, nil
}
