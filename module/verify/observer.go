package verify

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// observer owns the verifier and runs in the meter's goroutine. Others reach it by what
// they leave for it, so that a packet takes no lock.
type observer struct {
	verifier *judge.Verifier
	drops    func() uint64
	dropped  uint64 // as of the last look
	looked   int64  // packet time of the last look

	attention atomic.Bool // something was left
	env       atomic.Pointer[judge.Environment]
	calls     chan func(*judge.Verifier)
	stats     atomic.Pointer[judge.Stats]

	mu     sync.Mutex // of what follows, and of verifier once closed
	closed bool
}

var _ pipeline.Judge = (*observer)(nil) // type check

// maxCalls bounds the commands that wait.
const maxCalls = 16

func newObserver(c judge.Config, drops func() uint64) *observer {
	o := &observer{verifier: judge.New(c), drops: drops, calls: make(chan func(*judge.Verifier), maxCalls)}
	o.stats.Store(&judge.Stats{})
	return o
}

// set leaves an environment for the verifier.
func (o *observer) set(e *judge.Environment) {
	o.env.Store(e)
	o.attention.Store(true)
}

// lookEvery is how often losses are looked at, in nanoseconds of packet time.
const lookEvery = int64(time.Second)

// Packets implements [pipeline.Judge].
func (o *observer) Packets(ps []packet.Packet, frames []capture.Frame, flows []flow.Ref) {
	if o.attention.Load() {
		o.attend()
	}
	if len(ps) == 0 {
		return
	}
	o.verifier.Packets(ps, func(i int) []byte { return frames[i].Data }, flows)
	at := ps[len(ps)-1].Time
	if d := at - o.looked; d >= lookEvery || d <= -lookEvery {
		o.look(at)
	}
}

// Tick implements [pipeline.Judge].
func (o *observer) Tick(now int64) {
	if o.attention.Load() {
		o.attend()
	}
	o.look(now)
	o.verifier.Tick(now)
}

// Close implements [pipeline.Judge].
func (o *observer) Close() {
	o.attend()
	o.look(o.looked)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for {
		select {
		case call := <-o.calls:
			call(o.verifier)
		default:
			return
		}
	}
}

// look notes what the capture has lost, and shares the counters.
func (o *observer) look(now int64) {
	o.looked = now
	if n := o.drops(); n > o.dropped {
		o.verifier.Lost(n - o.dropped)
		o.dropped = n
	}
	s := o.verifier.Stats()
	o.stats.Store(&s)
}

// attend takes what was left.
func (o *observer) attend() {
	o.attention.Store(false)
	if e := o.env.Swap(nil); e != nil {
		o.verifier.SetEnvironment(e)
	}
	for {
		select {
		case call := <-o.calls:
			call(o.verifier)
		default:
			return
		}
	}
}

// errBusy is returned if too many commands wait.
var errBusy = errors.New("the verifier is busy; try again")

// do has the verifier's goroutine call a function, and waits until it has returned. After
// the end of the capture it calls it itself.
func (o *observer) do(ctx context.Context, call func(*judge.Verifier)) error {
	done := make(chan struct{})
	if o.direct(call) {
		return nil
	}
	select {
	case o.calls <- func(v *judge.Verifier) { call(v); close(done) }:
		o.attention.Store(true)
	default:
		return errBusy
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// direct calls a function if the capture has ended.
func (o *observer) direct(call func(*judge.Verifier)) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		call(o.verifier)
	}
	return o.closed
}
