// Package progress shows how a job is doing, on standard error: one live line on
// a terminal, a plain line now and then, or JSON for machines.
//
// The live line is our own 20 lines: schollz/progressbar redraws on each of
// several calls, and wraps on a terminal that is narrower than its text.
package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/telematicsctl/telematicsctl/internal/job"
)

// The modes.
const (
	Auto  = "auto"  // a live line on a terminal, else nothing
	Plain = "plain" // a line every ten seconds
	JSON  = "json"  // an object every second, and at the end
	None  = "none"
	live  = "live"
)

var intervals = map[string]time.Duration{live: 200 * time.Millisecond, Plain: 10 * time.Second, JSON: time.Second}

// Options configure a Meter.
type Options struct {
	Mode  string
	Out   io.Writer // standard error
	TTY   bool      // Out is a terminal
	Now   func() time.Time
	Job   string           // its ID
	Width func() int       // of the terminal, in columns; nil: Out is asked
	Tick  <-chan time.Time // when to show; nil: the mode's own interval
}

// A Meter shows the progress of one run. It is safe for concurrent use.
type Meter struct {
	o     Options
	gauge job.Gauge
	began time.Time
	mu    sync.Mutex
	drawn int // columns of the live line on the terminal
	stop  chan struct{}
	done  chan struct{}
}

// New returns a meter. It shows nothing before Watch.
func New(o Options) *Meter {
	if o.Mode == "" || o.Mode == Auto {
		o.Mode = None
		if o.TTY {
			o.Mode = live
		}
	}
	if o.Width == nil {
		o.Width = func() int { return terminalWidth(o.Out) }
	}
	return &Meter{o: o}
}

// Shows reports whether the meter shows anything.
func (m *Meter) Shows() bool { return m.o.Mode != None }

// Watch starts to show a run. Stop must follow.
func (m *Meter) Watch(g job.Gauge) {
	if m.o.Mode == None {
		return
	}
	m.gauge, m.began = g, m.o.Now()
	m.stop, m.done = make(chan struct{}), make(chan struct{})
	go m.show()
}

func (m *Meter) show() {
	defer close(m.done)
	tick := m.o.Tick
	if tick == nil {
		ticker := time.NewTicker(intervals[m.o.Mode])
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			m.draw()
		case <-m.stop:
			return
		}
	}
}

// Stop ends the showing. It removes the live line; JSON gets its last object.
func (m *Meter) Stop() {
	if m.stop == nil {
		return
	}
	close(m.stop)
	<-m.done
	m.stop = nil
	if m.o.Mode == JSON {
		m.draw()
	}
	m.Aside(func() {})
}

// Aside removes the live line, and calls write to write something else to the
// terminal. The line is back with the next tick.
func (m *Meter) Aside(write func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replace("")
	write()
}

func (m *Meter) draw() {
	p := m.point() // before the lock: who calls Aside may hold the run's
	m.mu.Lock()
	defer m.mu.Unlock()
	// If standard error is gone, there is nobody to report it to.
	switch m.o.Mode {
	case live:
		m.replace(p.fit(m.o.Width() - 1)) // many terminals wrap after the last column
	case JSON:
		_ = json.NewEncoder(m.o.Out).Encode(p)
	default:
		_, _ = fmt.Fprintln(m.o.Out, p.String())
	}
}

// replace draws the live line over the last one. It needs no escape sequences.
func (m *Meter) replace(line string) {
	if m.drawn == 0 && line == "" {
		return
	}
	padding := strings.Repeat(" ", max(0, min(m.drawn, m.o.Width()-1)-len(line)))
	text := "\r" + line + padding
	if line == "" {
		text += "\r"
	}
	_, _ = io.WriteString(m.o.Out, text)
	m.drawn = len(line)
}

// terminalWidth returns 80 where the width cannot be told.
func terminalWidth(out io.Writer) int {
	if f, ok := out.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 {
			return width
		}
	}
	return 80
}
