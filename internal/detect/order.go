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

// enough is how many items are passed on together: each time costs as much as many more items.
const enough = 64

// Flush implements [pipeline.Watcher]: it passes on what is held, unless it is little and more comes
// at once.
func (f *Feed) Flush(idle bool) {
	f.release(math.MaxInt64)
	if idle || len(f.held)+len(f.checks) >= enough {
		f.pass()
	}
}

// pass pushes what is held, and the verdicts by their times.
func (f *Feed) pass() {
	rest := f.held
	for i := range f.checks {
		rest = f.passBefore(rest, f.checks[i].At)
		f.push(f.checks[i])
	}
	if len(rest) > 0 {
		f.push(rest...)
	}
	clear(f.held)
	f.held = f.held[:0]
	clear(f.checks)
	f.checks = f.checks[:0]
}

// passBefore pushes the items before the first one that is later than a time, and returns the others.
func (f *Feed) passBefore(items []Item, at int64) []Item {
	n := 0
	for n < len(items) && items[n].At <= at {
		n++
	}
	if n > 0 {
		f.push(items[:n]...)
	}
	return items[n:]
}
