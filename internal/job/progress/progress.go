// Package progress shows how a bulk run is doing: one live line on a terminal, a plain line now and then elsewhere, or JSON for machines.
package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

// The modes.
const (
	Auto  = "auto"  // Live on a terminal, else Plain
	Plain = "plain" // a line every ten seconds
	JSON  = "json"  // an object a line, every second
	None  = "none"
	live  = "live"
)

// Options say how progress is shown.
type Options struct {
	Mode string
	Out  io.Writer // standard error
	TTY  bool      // Out is a terminal
	Now  func() time.Time
	Job  string
	Tick <-chan time.Time // when to show; nil is a clock of the mode's own
}

// Meter shows the progress of one run. It is safe for use by many goroutines.
type Meter struct {
	o     Options
	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	drawn bool
	text  string // beside the bar
	gauge job.Gauge
	began time.Time
	stop  chan struct{}
	done  chan struct{}
}

// New makes a meter. It shows nothing before Watch.
func New(o Options) *Meter {
	if o.Mode == "" || o.Mode == Auto {
		o.Mode = Plain
		if o.TTY {
			o.Mode = live
		}
	}
	return &Meter{o: o}
}

// Watch begins to show a run.
func (m *Meter) Watch(g job.Gauge) {
	if m.o.Mode == None {
		return
	}
	m.gauge, m.began = g, m.o.Now()
	m.stop, m.done = make(chan struct{}), make(chan struct{})
	if m.o.Mode == live {
		m.bar = progressbar.NewOptions64(int64(g.Totals().Requested), progressbar.OptionSetWriter(m.o.Out), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20),
			progressbar.OptionSetElapsedTime(false), progressbar.OptionThrottle(0))
	}
	tick := m.o.Tick
	var ticker *time.Ticker
	if tick == nil {
		ticker = time.NewTicker(map[string]time.Duration{live: 200 * time.Millisecond, Plain: 10 * time.Second, JSON: time.Second}[m.o.Mode])
		tick = ticker.C
	}
	go m.show(tick, ticker)
}

func (m *Meter) show(tick <-chan time.Time, ticker *time.Ticker) {
	defer close(m.done)
	if ticker != nil {
		defer ticker.Stop()
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

// Stop ends the showing; a live line is taken away, and JSON gets its last line.
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

// Aside writes something else to the terminal: the live line gives way to it.
func (m *Meter) Aside(write func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drawn {
		_ = m.bar.Clear()
		m.drawn = false
	}
	write()
}

// Point is how a run stands, as JSON has it.
type Point struct {
	Job         string
	Requested   int
	Done        int
	Created     int
	Existing    int
	Failed      int
	Unknown     int
	PerSecond   float64  // rows settled by this run
	SecondsLeft *float64 // nil while it cannot be told
	Concurrency int      // requests that may be under way now

	sent int // rows settled by this run
}

func (m *Meter) point() Point {
	t := m.gauge.Totals()
	p := Point{Job: m.o.Job, Requested: t.Requested, Done: t.Settled(), Created: t.Created, Existing: t.Existing, Failed: t.Failed, Unknown: t.Unknown, Concurrency: m.gauge.Limit(), sent: t.Sent}
	if s := m.o.Now().Sub(m.began).Seconds(); s > 0 {
		p.PerSecond = float64(t.Sent) / s
	}
	if p.PerSecond > 0 {
		left := float64(t.NotSent()) / p.PerSecond
		p.SecondsLeft = &left
	}
	return p
}

func (m *Meter) draw() {
	p := m.point() // before the lock: whoever writes aside may hold the run's
	m.mu.Lock()
	defer m.mu.Unlock()
	// A standard error that is gone leaves nobody to tell.
	switch m.o.Mode {
	case live:
		// The bar is drawn anew by each of these calls.
		if text := p.state(); text != m.text {
			m.text = text
			m.bar.Describe(text)
		}
		if most := int64(p.Requested - p.Done + p.sent); most != m.bar.GetMax64() {
			m.bar.ChangeMax64(most)
		}
		_ = m.bar.Set(p.sent)
		m.drawn = true
	case JSON:
		_ = json.NewEncoder(m.o.Out).Encode(p)
	default:
		_, _ = fmt.Fprintln(m.o.Out, p.line())
	}
}

// state is what stands beside the bar.
func (p Point) state() string {
	text := fmt.Sprintf("%d at once", p.Concurrency)
	if n := p.Failed + p.Unknown; n > 0 {
		return fmt.Sprintf("%d failed, %s", n, text)
	}
	return text
}

// line is a point in words.
func (p Point) line() string {
	text := fmt.Sprintf("%d of %d rows", p.Done, p.Requested)
	if p.Requested > 0 {
		text += fmt.Sprintf(" (%d%%)", p.Done*100/p.Requested)
	}
	text += fmt.Sprintf(", %.1f a second, %d failed", p.PerSecond, p.Failed+p.Unknown)
	if p.SecondsLeft != nil {
		text += fmt.Sprintf(", %s left", (time.Duration(*p.SecondsLeft) * time.Second).String())
	}
	return text + fmt.Sprintf(", up to %d at once", p.Concurrency)
}
