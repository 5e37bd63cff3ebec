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
// without a job, before the user is registered.
func (s *Store) UseKey(ctx context.Context, host, instance, check string) error {
	return s.locked(ctx, func() error {
		return s.keepKey(Spec{Host: host, Instance: strings.ToLower(instance), KeyCheck: check})
	})
}

// checkKey refuses an identity key that is not the one last used for the instance.
func (s *Store) checkKey(host, instance, check string) error {
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
	case last.KeyCheck != check:
		return failure.Newf(failure.Invalid,
			"the identity key differs from the one last used for instance %s: users would be registered twice; nothing was sent",
			instance).
			Because(ReasonIdentityKey, instance)
	}
	return nil
}

// lastKey is the identity key last used for an instance.
type lastKey struct{ Host, Instance, KeyCheck string }

func (s *Store) keyPath(host, instance string) string {
	sum := sha256.Sum256([]byte(host + "\n" + strings.ToLower(instance)))
	return s.path(instancesFolder, hex.EncodeToString(sum[:16]))
}

func (s *Store) keepKey(spec Spec) error {
	if spec.KeyCheck == "" {
		return nil
	}
	if err := s.checkKey(spec.Host, spec.Instance, spec.KeyCheck); err != nil {
		return err
	}
	if _, err := os.Stat(s.keyPath(spec.Host, spec.Instance)); err == nil {
		return nil // it says the same
	}
	if err := journal.WriteRecord(s.keyPath(spec.Host, spec.Instance), keyKind, lastKey{spec.Host, spec.Instance,
		spec.KeyCheck}); err != nil {
		return journalFailure(s.Dir, err)
	}
	return nil
}
