package job

import "sync"

// maxParked is how many workers may wait for the next attempt at their records,
// besides those that send.
const maxParked = 1024

// workerPool runs groups of records side by side. A worker that waits for its
// next attempt is replaced meanwhile, so that a record that fares badly holds
// nobody up.
type workerPool struct {
	group  sync.WaitGroup
	mu     sync.Mutex
	active int // workers that are not waiting
	all    int
	size   int // most active ones
	spawn  func()
}

func (p *workerPool) start(size int, work <-chan []item, do func([]item)) {
	p.size = size
	p.spawn = func() {
		p.group.Add(1)
		go func() {
			defer p.group.Done()
			for items := range work {
				do(items)
				if p.shouldExit() {
					return
				}
			}
		}()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for range size {
		p.add()
	}
}

func (p *workerPool) add() {
	p.active++
	p.all++
	p.spawn()
}

// shouldExit tells a worker to exit when one that took its place is at work.
func (p *workerPool) shouldExit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active <= p.size {
		return false
	}
	p.active--
	p.all--
	return true
}

// park is called by a worker that begins to wait, and its result when the wait
// is over.
func (p *workerPool) park() (unpark func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active--
	if p.all < p.size+maxParked {
		p.add()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.active++
	}
}

func (p *workerPool) wait() { p.group.Wait() }
