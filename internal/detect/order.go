package detect

import "math"

// mostHeld bounds the items that are held. It is more than a batch of packets has, but for
// records of flows that end together.
const mostHeld = 256

// hold returns an empty item that is passed on with the next Flush.
func (f *Feed) hold() *Item {
	n := len(f.held)
	if n == mostHeld {
		f.pass()
		n = 0
	}
	f.held = f.held[:n+1]
	return &f.held[n]
}

// release holds what waits and came before a time.
func (f *Feed) release(before int64) {
	n := 0
	for n < len(f.waiting) && f.waiting[n].At < before {
		*f.hold() = f.waiting[n]
		n++
	}
	if n > 0 {
		m := copy(f.waiting, f.waiting[n:])
		clear(f.waiting[m:])
		f.waiting = f.waiting[:m]
	}
}

// Verified takes the verdict on a check of the verification. It goes before what came later than
// it.
func (f *Feed) Verified(c Check, at int64) {
	f.checks = append(f.checks, Item{At: at, Other: &c})
	if len(f.checks) == mostHeld {
		f.pass()
	}
}

// Flush implements [pipeline.Watcher].
func (f *Feed) Flush() {
	f.release(math.MaxInt64)
	f.pass()
}

// pass pushes what is held, and the verdicts by their times.
func (f *Feed) pass() {
	verdicts := f.checks
	for i := range f.held {
		for len(verdicts) > 0 && verdicts[0].At < f.held[i].At {
			f.push(&verdicts[0])
			verdicts = verdicts[1:]
		}
		f.push(&f.held[i])
	}
	for i := range verdicts {
		f.push(&verdicts[i])
	}
	clear(f.held)
	f.held = f.held[:0]
	clear(f.checks)
	f.checks = f.checks[:0]
}
