package terminal

import (
	"io"
	"time"
)

// When the spinner appears, and how often it turns.
const (
	busyAfter = time.Second
	busyTurn  = 120 * time.Millisecond
)

var busyFrames = []string{"|", "/", "-", `\`}

// busy is the spinner's state; Streams.write guards it.
type busy struct {
	running int         // calls of Busy that are not done
	held    int         // calls of HoldBusy that are not done
	timer   *time.Timer // nil while nothing runs
	since   time.Time
	frame   int
	shown   bool // the spinner stands in the current line of Err
}

// Busy reports work that may take long: after a second a spinner with the seconds turns
// at the end of Err, if that is a terminal, until done is called. Calls may overlap.
func (s *Streams) Busy() (done func()) {
	if !s.ErrTTY || s.Quiet || s.env.dumb {
		return func() {}
	}
	s.write.Lock()
	defer s.write.Unlock()
	s.busy.running++
	if s.busy.timer == nil {
		s.busy.since = time.Now()
		s.busy.timer = time.AfterFunc(busyAfter, s.turn)
	}
	return func() {
		s.write.Lock()
		defer s.write.Unlock()
		s.busy.running--
		if s.busy.running == 0 {
			s.busy.timer.Stop()
			s.busy.timer = nil
			s.clearBusy()
		}
	}
}

// HoldBusy keeps the spinner away while something else owns the last line, such as a
// progress bar or a prompt.
func (s *Streams) HoldBusy() (release func()) {
	s.write.Lock()
	defer s.write.Unlock()
	s.busy.held++
	s.clearBusy()
	return func() {
		s.write.Lock()
		defer s.write.Unlock()
		s.busy.held--
	}
}

// BeforeOutput clears the spinner; whoever writes to a terminal beside Streams calls it first.
func (s *Streams) BeforeOutput() {
	s.write.Lock()
	defer s.write.Unlock()
	s.clearBusy()
}

func (s *Streams) turn() {
	s.write.Lock()
	defer s.write.Unlock()
	if s.busy.running == 0 || s.busy.timer == nil {
		return
	}
	if s.busy.held == 0 {
		took := time.Since(s.busy.since).Truncate(time.Second)
		_, _ = io.WriteString(s.Err, "\r"+busyFrames[s.busy.frame%len(busyFrames)]+" working, "+took.String()+"\x1b[K")
		s.busy.frame++
		s.busy.shown = true
	}
	s.busy.timer.Reset(busyTurn)
}

// clearBusy is called with the write lock held.
func (s *Streams) clearBusy() {
	if s.busy.shown {
		_, _ = io.WriteString(s.Err, "\r\x1b[K")
		s.busy.shown = false
	}
}
