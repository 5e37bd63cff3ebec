package fleet

import (
	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// mostBack is how many pages a list is read again from further ahead, at most.
const mostBack = 10

// Recent returns a Seen that remembers the users of the last pages alone, as many as Pages may go
// back over: its memory does not grow with the list. It suits lists in the order of creation, where
// users move forward and new ones come last, and does not suit PageOptions.Complete.
func Recent() Seen { return &recent{last: make([]uuid.UUID, 0, 2*mostBack*PageSize), known: tokens{}} }

type recent struct {
	known tokens
	last  []uuid.UUID // a ring
	next  int
}

func (r *recent) Has(u userservice.User) bool { return r.known.Has(u) }

func (r *recent) Add(u userservice.User) {
	id, err := field.ParseServiceUUID(u.DeviceToken)
	if err != nil {
		return
	}
	r.known[id] = struct{}{}
	if len(r.last) < cap(r.last) {
		r.last = append(r.last, id)
		return
	}
	delete(r.known, r.last[r.next])
	r.last[r.next] = id
	r.next = (r.next + 1) % len(r.last)
}
