package apply

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Begin records that a plan is carried out.
func (l *Ledger) Begin(p *Plan, now time.Time) {
	if p.Head.Input != nil {
		l.Rows, l.Ended, l.Applied = p.Head.Input.Rows, p.Head.Input.Ended, now.UTC()
	}
	l.adopt(p.Adopt)
	changed := map[uuid.UUID]owned{}
	for _, user := range p.Inactive {
		if u := l.of(user); u.inactive == 0 {
			u.inactive = seconds(now)
			changed[user] = u
		}
	}
	l.put(changed)
	for k, w := range l.written {
		if now.Sub(time.Unix(w.At, 0)) > writtenKept {
			delete(l.written, k)
		}
	}
}

// adopt adds users, or marks those that are there as adopted.
func (l *Ledger) adopt(users []uuid.UUID) {
	l.users = slices.Grow(l.users, len(users))
	for _, user := range users {
		if i, ok := l.find(user); ok {
			l.users[i].adopted = true
			continue
		}
		l.users = append(l.users, owned{user: user, adopted: true})
	}
	l.put(nil)
	l.users = slices.CompactFunc(l.users, func(a, b owned) bool { return a.user == b.user })
}

// Settled records what became of the actions of a run.
func (l *Ledger) Settled(rows []job.Row, now time.Time) {
	changed := map[uuid.UUID]owned{}
	for _, row := range rows {
		user := row.DeviceToken
		u, ok := changed[user]
		if !ok {
			u = l.of(user)
		}
		switch row.Outcome {
		case job.Created, job.Existing, job.Confirmed, job.Moved:
			u.adopted = true
		case job.Deleted:
			u = owned{user: user}
		case job.Updated, job.Unchanged:
			u = l.changed(u, row, now)
		}
		changed[user] = u
	}
	l.put(changed)
}

func (l *Ledger) changed(u owned, row job.Row, now time.Time) owned {
	switch {
	case Kind(row.Action) == Deactivate:
		u.ours = u.ours || row.Outcome == job.Updated
		if u.inactive == 0 {
			u.inactive = seconds(now)
		}
	case Kind(row.Action) == Update && row.Outcome == job.Updated:
		for _, c := range row.Changes {
			if !row.Earlier {
				l.wrote(row.DeviceToken, c, now)
			}
			if c.Field == "Status" && c.To == "Active" {
				u.ours, u.inactive = false, 0
			}
		}
	}
	return u
}

func (l *Ledger) wrote(user uuid.UUID, c job.Change, now time.Time) {
	f, ok := field.Lookup(c.Field)
	if !ok {
		return
	}
	k := writtenKey{user, f.Name}
	w := written{To: form(f, value(f, c.To)), From: form(f, value(f, c.From)), Times: 1, At: now.Unix()}
	if before := l.written[k]; before.To == w.To && before.From == w.From {
		w.Times = before.Times + 1
	}
	l.written[k] = w
}
