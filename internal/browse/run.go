package browse

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A runner carries the model's commands out. Its goroutines end with stop.
type runner struct {
	ctx    context.Context //nolint:containedctx // the runner is a process of its own, which stop ends
	cancel context.CancelFunc
	port   Port
	send   func(Msg)

	running sync.WaitGroup
	mu      sync.Mutex
	stopped bool
	slots   map[string]context.CancelFunc // what a newer command of the kind cancels
	timers  map[Wait]*time.Timer
	lost    error // of a change whose outcome nobody was told
}

func newRunner(ctx context.Context, port Port, send func(Msg)) *runner {
	ctx, cancel := context.WithCancel(ctx)
	return &runner{ctx: ctx, cancel: cancel, port: port, send: send,
		slots: map[string]context.CancelFunc{}, timers: map[Wait]*time.Timer{}}
}

// do carries a command out, in the background. Quit is the views' own.
func (r *runner) do(c Cmd) {
	switch c := c.(type) {
	case Search:
		r.load("search", func(ctx context.Context) Msg {
			hits, err := r.port.Search(ctx, c.Query)
			return Found{c.Seq, hits, err}
		}, func(err error) Msg { return Found{Seq: c.Seq, Err: err} })
	case CancelSearch:
		r.slot("search", func() {})
	case LoadCard:
		r.load("card", func(ctx context.Context) Msg {
			card, err := r.port.Card(ctx, c.ID)
			return Loaded{c.Seq, card, err}
		}, func(err error) Msg { return Loaded{Seq: c.Seq, Err: err} })
	case LoadChain:
		r.load("chain", func(ctx context.Context) Msg {
			chain, err := r.port.Explain(ctx, c.ID)
			return Explained{c.Seq, chain, err}
		}, func(err error) Msg { return Explained{Seq: c.Seq, Err: err} })
	case Write:
		r.write(c)
	case Later:
		r.later(c)
	}
}

// slot cancels what was in flight of a kind, and puts the cancel function of the next there. It
// reports whether the runner still runs.
func (r *runner) slot(kind string, cancel context.CancelFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.slots[kind]; before != nil {
		before()
	}
	r.slots[kind] = cancel
	return !r.stopped
}

// load runs a read whose answer nobody wants once a newer one of its kind was asked for.
func (r *runner) load(kind string, read func(context.Context) Msg, failed func(error) Msg) {
	ctx, cancel := context.WithCancel(r.ctx)
	if !r.slot(kind, cancel) {
		cancel()
		return
	}
	r.running.Go(func() {
		defer cancel()
		msg := caught(func() Msg { return read(ctx) }, failed)
		if ctx.Err() == nil {
			r.send(msg)
		}
	})
}

// caught turns a panic of the port into an error: the terminal must be left whole.
func caught(read func() Msg, failed func(error) Msg) (msg Msg) {
	defer func() {
		if p := recover(); p != nil {
			msg = failed(bug(p))
		}
	}()
	return read()
}

// ReasonBug is a panic.
const ReasonBug failure.Reason = "bug"

func bug(p any) error {
	return failure.New(failure.Failed, "this is a bug of telematicsctl: "+fmt.Sprint(p)).Because(ReasonBug, "")
}

// write makes a change. What became of it is kept where the view has ended meanwhile.
func (r *runner) write(w Write) {
	do := r.port.Change
	if w.Change.Undo {
		do = r.port.Undo
	}
	r.running.Go(func() {
		msg := caught(func() Msg {
			changed, err := do(r.ctx, w.Change, func() { r.send(Sent{w.Seq}) })
			return Done{w.Seq, changed, err}
		}, func(err error) Msg { return Done{Seq: w.Seq, Err: err} })
		if r.ctx.Err() != nil {
			r.mu.Lock()
			r.lost = msg.(Done).Err
			r.mu.Unlock()
			return
		}
		r.send(msg)
	})
}

func (r *runner) later(l Later) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	if before := r.timers[l.Due.Wait]; before != nil {
		before.Stop()
	}
	r.timers[l.Due.Wait] = time.AfterFunc(l.After, func() { r.send(l.Due) })
}

// stop ends everything and waits for it: a change in flight is awaited as long as the port does.
// The error is that of a change whose outcome nobody was told.
func (r *runner) stop() error {
	r.mu.Lock()
	r.stopped = true
	for _, t := range r.timers {
		t.Stop()
	}
	r.mu.Unlock()
	r.cancel()
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}
