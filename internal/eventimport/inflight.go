package eventimport

import (
	"sync"
	"time"
)

// maxInflight bounds the bytes of the events that are on their way to the output. One that
// is larger goes alone.
const maxInflight = 16 << 20

// saveEvery is how often the state is written.
const saveEvery = time.Second

// place is where an event stands that is on its way.
type place struct {
	file, name string // see source.first
	end        int64  // behind its line
	size       int    // bytes that it takes
	id         string
}

// inflight holds the events that are on their way to the output, in their order. It is safe
// for concurrent use.
type inflight struct {
	state   *State // nil if nothing is remembered
	refused func() uint64

	mu      sync.Mutex
	room    sync.Cond
	queue   []place
	head    int // of the queue
	bytes   int
	over    bool // nothing is added any more
	current Place
	file    string // of current
	saved   time.Time
}

func newInflight(state *State, refused func() uint64) *inflight {
	f := &inflight{state: state, refused: refused}
	f.room.L = &f.mu
	return f
}

// add adds an event. It waits until there is room, and reports false if there will be
// none.
func (f *inflight) add(p place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.bytes > 0 && f.bytes+p.size > maxInflight && !f.over {
		f.room.Wait()
	}
	if f.over {
		return false
	}
	if f.head > 0 && len(f.queue) == cap(f.queue) { // instead of growing
		f.queue = f.queue[:copy(f.queue, f.queue[f.head:])]
		f.head = 0
	}
	f.queue = append(f.queue, p)
	f.bytes += p.size
	return true
}

// giveUp ends the wait of add.
func (f *inflight) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.room.Broadcast()
}

// resume sets how far a file was acknowledged by an earlier import.
func (f *inflight) resume(file string, p Place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file, f.current = file, p
}

// acked removes the first n events, which the output has.
func (f *inflight) acked(n int, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range min(n, len(f.queue)-f.head) {
		p := &f.queue[f.head]
		f.head++
		f.bytes -= p.size
		f.note(p)
	}
	f.room.Broadcast()
	if now.Sub(f.saved) >= saveEvery {
		f.saved = now
		_ = f.store() // the next one, or the last, reports it
	}
}

// note remembers an acknowledged event.
func (f *inflight) note(p *place) {
	if f.state == nil || p.file == "" {
		return
	}
	if p.file != f.file {
		f.put()
		f.file = p.file
		f.current, _ = f.state.place(p.file)
	}
	f.current.Name, f.current.Offset, f.current.Last = p.name, p.end, p.id
	f.current.Events++
}

// put sets the place of the file that is being acknowledged.
func (f *inflight) put() {
	if f.file != "" && f.refused() == 0 {
		f.state.set(f.file, f.current)
	}
}

// store writes the state, unless the output has refused events: it acknowledges those,
// too, and they are to be sent again by the next import.
func (f *inflight) store() error {
	if f.state == nil {
		return nil
	}
	f.put()
	return f.state.save()
}

// save writes the state.
func (f *inflight) save() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.store()
}
