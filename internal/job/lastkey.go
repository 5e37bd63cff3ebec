package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// UseKey records which identity key is used for an instance of a service, and refuses one that is
// not the one last used; check is its identity.Deriver.KeyCheck. It is for what derives a user
// without a job, before the user is registered; unused takes the record back when nobody was.
func (s *Store) UseKey(ctx context.Context, host, instance, check string) (unused func() error, err error) {
	spec := Spec{ID: newID(), Host: host, Instance: strings.ToLower(instance), KeyCheck: check}
	err = s.locked(ctx, func() error { return s.keepKey(spec) })
	return func() error { return s.dropKey(context.WithoutCancel(ctx), spec) }, err
}

// CheckKey refuses an identity key that is not the one last used for the instance.
func (s *Store) CheckKey(host, instance, check string) error {
	if check == "" {
		return nil
	}
	var last lastKey
	err := journal.ReadRecord(s.keyPath(host, instance), keyKind, &last)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return atomicfile.Failure(failure.Failed, "the record of the identity key last used cannot be read",
			s.keyPath(host, instance), err)
	case last.KeyCheck != check && !s.madeNobody(last.Owner):
		return failure.Newf(failure.Invalid,
			"the identity key differs from the one last used for instance %s: users would be registered twice; nothing was sent",
			instance).
			Because(ReasonIdentityKey, instance)
	}
	return nil
}

// lastKey is the identity key last used for an instance. Owner is the only job, or the only call of
// UseKey, that used it so far; "" as soon as there was another one. As long as its owner has made
// nobody, the key counts as not used: it may have been a wrong one, which the service refused.
type lastKey struct{ Host, Instance, KeyCheck, Owner string }

func (s *Store) keyPath(host, instance string) string {
	sum := sha256.Sum256([]byte(host + "\n" + strings.ToLower(instance)))
	return s.path(instancesFolder, hex.EncodeToString(sum[:16]))
}

// keepKey records a job's identity key before anything is sent. The store is locked.
func (s *Store) keepKey(spec Spec) error {
	if spec.KeyCheck == "" {
		return nil
	}
	if err := s.CheckKey(spec.Host, spec.Instance, spec.KeyCheck); err != nil {
		return err
	}
	path := s.keyPath(spec.Host, spec.Instance)
	record := lastKey{spec.Host, spec.Instance, spec.KeyCheck, spec.ID}
	var last lastKey
	if err := journal.ReadRecord(path, keyKind, &last); err == nil && last.KeyCheck == spec.KeyCheck {
		if last.Owner == "" || last.Owner == spec.ID {
			return nil // it says the same
		}
		record.Owner = ""
	}
	if err := journal.WriteRecord(path, keyKind, record); err != nil {
		return journalFailure(s.Dir, err)
	}
	return nil
}

// dropKey removes the record of an identity key that nobody but this job used, and that made
// nobody.
func (s *Store) dropKey(ctx context.Context, spec Spec) error {
	if spec.KeyCheck == "" {
		return nil
	}
	return s.locked(ctx, func() error {
		var last lastKey
		path := s.keyPath(spec.Host, spec.Instance)
		if err := journal.ReadRecord(path, keyKind, &last); err != nil || last.Owner != spec.ID {
			return nil //nolint:nilerr // a record that cannot be read is not this job's
		}
		if err := os.Remove(path); err != nil {
			return journalFailure(s.Dir, err)
		}
		return nil
	})
}

// madeNobody reports whether a job has ended without a row that may have made or found a user.
func (s *Store) madeNobody(id string) bool {
	if !idShape.MatchString(id) {
		return false
	}
	spec, err := readSpec(s.path(id), id)
	if err != nil {
		return false
	}
	info, err := s.info(spec)
	return err == nil && info.State != Running && info.Tally.madeNobody()
}

// madeNobody reports whether all that was tried failed.
func (t Tally) madeNobody() bool {
	for outcome, n := range t.Outcomes {
		if outcome != Failed && n > 0 {
			return false
		}
	}
	return true
}
