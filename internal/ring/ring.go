package ring

import (
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Config holds the settings of a [Ring].
type Config[T any] struct {
	// Size is how many elements may wait; at least 1.
	Size int
	// Block makes a push wait for room instead of dropping the element. It is right
	// for a source that can wait, as a file, and wrong for one that cannot, as the
	// kernel. Limits and classes do not matter then.
	Block bool
	// Class returns whose an element is. A class may hold no more elements than it
	// leaves free, so that the most crowded one loses first and a single one may fill
	// one half: see [share.Pool]. It is called with the ring locked and must not keep
	// v. If it is nil, all share the ring and it costs nothing.
	Class func(v *T) share.Class
	// MaxWeight bounds the sum of the weights of the elements that wait, such as
	// their bytes, except that an empty ring takes an element of any weight. Classes
	// share it like the slots. 0 means no bound.
	MaxWeight int
	// Weight returns the weight of an element, which must not change while it
	// waits. It is called like Class. If it is nil, elements weigh nothing.
	Weight func(v *T) int
	// Swap exchanges an element with the one in the reader's batch instead of
	// clearing it, so that the memory it owns is found by [Ring.Reserve] again.
	Swap bool
}

// Stats counts elements: In = Out + Dropped + Waiting.
type Stats struct {
	In, Out, Dropped uint64
	Limited          uint64 // of those dropped: pushed with a limit below the size
	Waiting          int
	Weight           int // of the elements that wait
}

// Ring is a bounded first-in, first-out queue. Any number of goroutines may push;
// only one may call Pop. All other methods are safe for concurrent use.
type Ring[T any] struct {
	conf     Config[T]
	readable chan struct{} // holds a token for a reader that waits
	timer    *time.Timer   // belongs to Pop; nil before the first deadline

	mu       sync.Mutex // guards what follows
	writable sync.Cond
	slots    []T
	head, n  int
	shares   *shares // nil without Config.Class and Config.Weight
	block    bool
	closed   bool
	idle     bool // the reader waits, or is about to
	wanted   int  // elements that it waits for
	woken    bool // since the last Pop
	ready    bool // likewise; elements wait
	stats    Stats
}

// New returns an empty ring.
func New[T any](conf Config[T]) *Ring[T] {
	if conf.Block {
		conf.Class = nil // for good
	}
	r := &Ring[T]{conf: conf, readable: make(chan struct{}, 1), slots: make([]T, max(conf.Size, 1)), block: conf.Block}
	r.writable.L = &r.mu
	r.shares = newShares(&r.conf, len(r.slots))
	return r
}

// SetBlock makes pushes wait for room from now on, as [Config].Block does.
func (r *Ring[T]) SetBlock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.block = true
}

// Close ends the ring: what is pushed from now on is dropped, and Pop returns what
// is left.
func (r *Ring[T]) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.signal()
	r.writable.Broadcast()
}

// Done reports whether the ring is closed and empty.
func (r *Ring[T]) Done() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed && r.n == 0
}

// Stats returns the counters.
func (r *Ring[T]) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Waiting = r.n
	return s
}
