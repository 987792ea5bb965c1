package capture

import "time"

// pressure says how many of a ring's blocks wait to be read. A frame that is not captured
// is in no flow, one that is cut is: with segmentation offload a frame has up to 64 KiB, and
// with whole frames a ring of 24 MiB lasts for ten milliseconds of a fast transfer.
type pressure uint8

// The pressures, each with a program for the socket.
const (
	calm      pressure = iota
	strained           // a third of the blocks wait: SnapPolicy.Relief, for the interfaces that fill them
	squeezed           // two thirds wait: the headers of every frame, of all interfaces
	pressures = 3
)

// level is the part of a ring that waits, at least.
type level uint8

// The levels.
const (
	few       level = iota
	some            // an eighth
	third           // a third
	twoThirds       // two thirds
)

// A ring is calm again when few blocks have waited for quietBlocks in a row. Under a load
// that does not end, that is soon so, as cut frames are read fast; each further try would
// fill the ring again. So it waits for firstHold before the second try, and twice as long
// before each further one, lastHold at most. What is calm for that long starts over.
const (
	quietBlocks = 8
	firstHold   = 100 * time.Millisecond
	lastHold    = 10 * time.Second
)

// gauge decides on the pressure. It is not safe for concurrent use.
type gauge struct {
	now     pressure
	quiet   int   // blocks in a row before which few were waiting
	hold    int64 // how long pressure lasts at least; this and the others in nanoseconds
	rose    int64 // when the ring was calm the last time, while it is not
	settled int64 // when pressure ended the last time

	relief bool  // there is something to gain below squeezed
	blocks int64 // of the ring
	count  int64 // blocks since window
	window int64 // when they began
}

// ringLasts is how long a ring lasts at least, or there is pressure: a reader that the
// kernel does not let run for that long must not cost frames.
const ringLasts = 50 * time.Millisecond

// fast reports whether blocks come so fast that the ring lasts for less than ringLasts. It is
// called for each block, and looks at an eighth of a ring at a time.
func (g *gauge) fast(at int64) bool {
	g.count++
	if g.count < g.blocks/8 {
		return false
	}
	fast := at-g.window < int64(ringLasts)*g.count/g.blocks
	g.count, g.window = 0, at
	return fast
}

// next returns the pressure for a level at a time, in nanoseconds, which g does not have
// yet.
func (g *gauge) next(l level, at int64) pressure {
	if g.fast(at) {
		l = max(l, third)
	}
	switch {
	case l == twoThirds, l == third && (g.relief || g.now != calm):
		return g.rise(l, at)
	case l == some:
		g.quiet = 0
		return g.now
	}
	if g.quiet++; g.now == calm || g.quiet < quietBlocks || at-g.rose < g.hold {
		return g.now
	}
	g.settled = at
	return calm
}

// rise returns the pressure for a high level.
func (g *gauge) rise(l level, at int64) pressure {
	g.quiet = 0
	if g.now == calm {
		g.rose = at
		switch {
		case g.settled == 0 || at-g.settled > int64(lastHold):
			g.hold = 0
		default:
			g.hold = min(max(2*g.hold, int64(firstHold)), int64(lastHold))
		}
	}
	if l == twoThirds {
		return squeezed
	}
	return max(strained, g.now)
}
