package packetstore

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Seal seals the open segments of a qube, or all if qube is "", and waits until they can
// be found by a [Reader].
func (s *Store) Seal(ctx context.Context, qube string) error {
	if err := s.ask(ctx, openOf(qube), nil); err != nil {
		return fmt.Errorf("sealing segments: %w", err)
	}
	return nil
}

// openOf returns what says whether a segment is one of a qube, or of any if qube is "".
func openOf(qube string) func(*segment) bool {
	folder := folderOf(qube)
	return func(g *segment) bool { return qube == "" || g.qube == folder }
}

// mostRemoved is how many segments are removed at once: each takes a line of the chain that is on the
// disk, and packets that come meanwhile wait.
const mostRemoved = 64

// Forget removes all segments of a qube, with a line of each in the chain, and returns
// how many. What is stored of it afterwards stays, so it should be excluded.
func (s *Store) Forget(ctx context.Context, qube, reason string) (segments int, err error) {
	if qube == "" {
		return 0, errors.New("forgetting the packets of a qube: it has no name")
	}
	match, folder := openOf(qube), folderOf(qube)
	for left := math.MaxInt; left > 0; match = nil {
		n, most, fault := 0, left, errStopped // unless the writer comes to it
		if err = s.ask(ctx, match, func() { n, left, fault = s.forget(folder, reason, most) }); err == nil {
			err = fault // else do may run yet
		}
		if err != nil {
			return segments, fmt.Errorf("forgetting the packets of a qube: %w", err)
		}
		segments += n
	}
	return segments, nil
}

// forget removes the oldest sealed segments of a folder, up to mostRemoved of them, and returns how many, and how
// many of the most that were asked for are left.
func (s *Store) forget(folder, reason string, most int) (n, left int, err error) {
	s.dropMissing()
	sh := s.w.catalog.shelves[folder]
	if sh == nil {
		s.dropEmpty(folder)
		return 0, 0, nil
	}
	for left = min(most, len(sh.segs)); left > 0 && n < mostRemoved; left-- {
		k := sh.segs[0]
		if err := s.remove(&k, Forgotten, reason); err != nil {
			return n, left, err
		}
		s.w.catalog.removeOldest(folder)
		s.bump(func(c *counters) {
			c.evicted.add(count{uint64(k.packets), uint64(k.bytes)})
			c.forgotten++
		})
		n++
	}
	s.dropEmpty(folder)
	return n, left, nil
}

// errStopped is returned when the store does not write any more.
var errStopped = errors.New("the store is stopped")

// ask has the writer seal the open segments that match, none if that is nil, and then do
// something, and waits for that.
func (s *Store) ask(ctx context.Context, match func(*segment) bool, do func()) error {
	r := request{match: match, done: make(chan struct{}), do: do}
	s.mu.Lock()
	if s.level == levelClosed {
		s.mu.Unlock()
		return errStopped
	}
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	s.notify()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
