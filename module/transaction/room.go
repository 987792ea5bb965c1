package transaction

import (
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// The bounds of what waits for the output, events that are held back included.
const (
	maxWaiting      = 8192     // events
	maxWaitingBytes = 32 << 20 // bytes, as encoded by package wire
)

// room shares out what may wait: an interface may have no more events waiting, and no
// more bytes, than it leaves to the others. It is safe for concurrent use.
type room struct {
	mu     *sync.Mutex
	events *share.Pool[share.Class] // guarded by mu
	bytes  *share.Pool[share.Class] // guarded by mu
}

func newRoom() room {
	return room{new(sync.Mutex), share.NewPool[share.Class](maxWaiting), share.NewPool[share.Class](maxWaitingBytes)}
}

// take takes room for an event of some bytes, if the class has a share left.
func (r *room) take(class share.Class, bytes int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.events.Fits(class, 1) || !r.bytes.Take(class, bytes) {
		return false
	}
	r.events.Add(class, 1)
	return true
}

// give returns the room of an event.
func (r *room) give(class share.Class, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes.Give(class, bytes)
	r.events.Give(class, 1)
}

// used returns the bytes that wait.
func (r *room) used() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes.Used()
}
