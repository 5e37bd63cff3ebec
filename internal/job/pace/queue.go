package pace

// A queue holds the requests that wait for a slot, first in, first out. It
// reuses its waiters, so that a wait allocates nothing. The limiter's lock
// guards it.
type queue struct {
	first, last *waiter
	free        *waiter // linked by next
}

type waiter struct {
	ready      chan struct{} // receives once the slot is granted
	granted    bool
	slot       slot
	prev, next *waiter
}

func (q *queue) empty() bool { return q.first == nil }

func (q *queue) push() *waiter {
	w := q.free
	if w == nil {
		w = &waiter{ready: make(chan struct{}, 1)}
	} else {
		q.free = w.next
	}
	w.granted, w.slot, w.prev, w.next = false, slot{}, q.last, nil
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	return w
}

// grant gives the slot to the first in the queue, which must not be empty.
func (q *queue) grant(s slot) {
	w := q.first
	q.remove(w)
	w.granted, w.slot = true, s
	w.ready <- struct{}{}
}

func (q *queue) remove(w *waiter) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
}

// recycle takes back a waiter that has left the queue.
func (q *queue) recycle(w *waiter) { w.prev, w.next, q.free = nil, q.free, w }
