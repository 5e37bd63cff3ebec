package user

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// leasing writes the leases of a command. It is safe for concurrent use: leases that come while
// others are written are written together by the next.
type leasing struct {
	session *cmdutil.Session
	store   *lease.Store
	length  time.Duration
	earlier []lease.Lease // that were open when the command began
	waits   bool          // the command itself ends them
	lasting int           // users who have the value already, and under no lease

	mu      sync.Mutex
	writing bool
	pending []pendingLease
	ids     map[string]bool
	until   time.Time // when the last of them ends
}

type pendingLease struct {
	lease lease.Lease
	done  chan writtenLease
}

type writtenLease struct {
	id  string
	err error
}

func newLeasing(s *cmdutil.Session, length time.Duration) (*leasing, error) {
	store, err := s.Leases()
	if err != nil {
		return nil, err
	}
	earlier, err := store.List()
	return &leasing{session: s, store: store, length: length, ids: map[string]bool{}, earlier: earlier}, err
}

// add records a lease; it lasts when add returns.
func (l *leasing) add(ctx context.Context, deviceToken string, f *field.Field, value bool) (id string, err error) {
	now := l.session.Now()
	p := pendingLease{done: make(chan writtenLease, 1), lease: lease.Lease{
		Profile: l.session.Profile.Name, InstanceID: l.session.InstanceID(), DeviceToken: deviceToken,
		Field: f.Name, Value: value, Before: !value, Since: now, Until: now.Add(l.length),
	}}
	l.mu.Lock()
	l.pending = append(l.pending, p)
	if !l.writing {
		l.writing = true
		for len(l.pending) > 0 {
			batch := l.pending
			l.pending = nil
			l.mu.Unlock()
			l.write(ctx, batch)
			l.mu.Lock()
		}
		l.writing = false
	}
	l.mu.Unlock()
	w := <-p.done
	if w.err == nil {
		l.mu.Lock()
		l.ids[w.id] = true
		if p.lease.Until.After(l.until) {
			l.until = p.lease.Until
		}
		l.mu.Unlock()
	}
	return w.id, w.err
}

func (l *leasing) write(ctx context.Context, batch []pendingLease) {
	leases := make([]lease.Lease, len(batch))
	for i, p := range batch {
		leases[i] = p.lease
	}
	added, err := l.store.Add(context.WithoutCancel(ctx), leases...)
	for i, p := range batch {
		w := writtenLease{err: err}
		if err == nil {
			w.id = added[i].ID
		}
		p.done <- w
	}
}

// extend gives a user who has the value already, by an earlier lease, this one instead.
func (l *leasing) extend(ctx context.Context, id uuid.UUID, change field.Set) error {
	for _, f := range change.Fields() {
		value, _ := change.Get(f.Name)
		if old, ok := l.earlierOf(id.String(), f); ok && old.Value == value {
			_, err := l.add(ctx, id.String(), f, old.Value)
			return err
		}
	}
	l.lasting++
	return nil
}

// noteLasting says that users who had the value before keep it.
func (l *leasing) noteLasting() {
	if l == nil || l.lasting == 0 {
		return
	}
	l.session.Note(cmdutil.Count(l.lasting, "user has", "users have") +
		" this value already, and not for a time: --for changes nothing there, and nothing is put back")
}

// earlierOf returns the lease that a user's flag was under when the command began.
func (l *leasing) earlierOf(deviceToken string, f *field.Field) (lease.Lease, bool) {
	takes := l.session.OfProfile()
	for _, old := range l.earlier {
		if takes(old) && old.DeviceToken == deviceToken && old.Field == f.Name {
			return old, true
		}
	}
	return lease.Lease{}, false
}

// advise warns where nothing will end the leases by itself.
func (l *leasing) advise() {
	if !l.waits {
		l.session.WarnWithoutTimer()
	}
}

// wait waits until the leases end, and ends them.
func (l *leasing) wait(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, c *changer) error {
	if len(l.ids) == 0 {
		return nil
	}
	k.Streams.Note("Waiting until " + l.until.UTC().Format(time.RFC3339) + "; the leases stay if this is interrupted")
	if err := wait.Sleep(ctx, l.until.Truncate(time.Second).Sub(k.Now())); err != nil {
		return failure.New(failure.Interrupted, "interrupted: the leases are not ended yet").
			Because(cmdutil.ReasonLeasesStay, "")
	}
	var errs []error
	err := l.store.Cancel(ctx, NewLeaseUsers(s, c.actor), l.ids, func(r lease.Result) error {
		k.Streams.Note("Lease " + r.ID + " of user " + r.DeviceToken + ": " + string(r.Outcome))
		errs = append(errs, r.Err)
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// leased sends updates each of which is a lease: it is written before the change is sent, and
// removed where the service refuses it.
type leased struct {
	operation.Updater
	leases *leasing
}

// Update implements operation.Updater.
func (u leased) Update(ctx context.Context, as userservice.Caller, deviceToken string, change field.Set) error {
	var ids []string
	for _, f := range change.Fields() {
		value, ok := change.Value(f)
		on, isFlag := value.(bool)
		if !ok || !isFlag {
			continue
		}
		id, err := u.leases.add(ctx, deviceToken, f, on)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	err := u.Updater.Update(ctx, as, deviceToken, change)
	if err != nil && !failure.MayHaveApplied(err) {
		return errors.Join(err, u.leases.drop(ctx, ids, deviceToken, change))
	}
	return err
}

// drop removes leases whose change was refused. One that they had replaced is open again.
func (l *leasing) drop(ctx context.Context, ids []string, deviceToken string, change field.Set) error {
	l.mu.Lock()
	for _, id := range ids {
		delete(l.ids, id)
	}
	l.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	if err := l.store.Remove(ctx, ids...); err != nil {
		return err
	}
	for _, f := range change.Fields() {
		if old, ok := l.earlierOf(deviceToken, f); ok {
			if _, err := l.store.Add(ctx, old); err != nil {
				return err
			}
		}
	}
	return nil
}
