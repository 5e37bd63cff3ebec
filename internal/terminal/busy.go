package terminal

import (
	"bytes"
	"io"
	"os"
	"time"
)

// When the spinner appears, and how often it turns.
const (
	defaultBusyAfter = time.Second
	busyTurn         = 120 * time.Millisecond
)

var busyFrames = []string{"|", "/", "-", `\`}

// busy is the spinner's state; Streams.write guards it.
type busy struct {
	timer   *time.Timer // nil unless a command is running
	since   time.Time
	held    int  // calls of HoldBusy that are not done
	midLine bool // the last line of Out has no end yet
	frame   int
	shown   bool // the spinner stands in the current line of Err
}

// StartBusy reports that a command is running: after BusyAfter a spinner with the seconds turns
// at the end of Err, if that is a terminal, until EndBusy, whatever the command waits for.
func (s *Streams) StartBusy() {
	if !s.ErrTTY || s.Quiet || s.env.dumb {
		return
	}
	s.write.Lock()
	defer s.write.Unlock()
	after := s.BusyAfter
	if after <= 0 {
		after = defaultBusyAfter
	}
	s.busy.since = time.Now()
	s.busy.timer = time.AfterFunc(after, s.turn)
}

// EndBusy removes the spinner for good.
func (s *Streams) EndBusy() {
	s.write.Lock()
	defer s.write.Unlock()
	if s.busy.timer != nil {
		s.busy.timer.Stop()
		s.busy.timer = nil
	}
	s.clearBusy()
}

// HoldBusy removes the spinner while something else owns the last line, such as a progress
// bar, a prompt or a server's log.
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

// Writing removes the spinner while text is written to Out, and, on a terminal, until the line
// that the text begins has ended.
func (s *Streams) Writing(text []byte) (done func()) {
	release := s.HoldBusy()
	return func() {
		if s.OutTTY && len(text) > 0 {
			s.write.Lock()
			s.busy.midLine = !bytes.HasSuffix(text, []byte("\n"))
			s.write.Unlock()
		}
		release()
	}
}

func (s *Streams) turn() {
	s.write.Lock()
	defer s.write.Unlock()
	if s.busy.timer == nil {
		return
	}
	if s.busy.held == 0 && s.held == 0 && !s.busy.midLine {
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

// typedFile is a terminal from which a command reads: no spinner turns while a person types.
type typedFile struct {
	*os.File
	streams *Streams
}

func (f typedFile) Read(p []byte) (int, error) {
	defer f.streams.HoldBusy()()
	return f.File.Read(p)
}
