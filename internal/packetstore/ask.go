package packetstore

import (
	"context"
	"errors"
	"fmt"
)

// Seal seals the open segments of a qube, or all if qube is "", and waits until they can
// be found by a [Reader].
func (s *Store) Seal(ctx context.Context, qube string) error {
	if err := s.ask(ctx, qube, nil); err != nil {
		return fmt.Errorf("sealing segments: %w", err)
	}
	return nil
}

// Forget removes all segments of a qube, with a line of each in the chain, and returns
// how many. What is stored of it afterwards stays, so it should be excluded.
func (s *Store) Forget(ctx context.Context, qube, reason string) (segments int, err error) {
	fault := errStopped // unless the writer comes to it
	folder := folderOf(qube)
	if qube == "" {
		return 0, errors.New("forgetting the packets of a qube: it has no name")
	}
	err = s.ask(ctx, qube, func() { segments, fault = s.forget(folder, reason) })
	if err == nil { // else do may run yet
		err = fault
	}
	if err != nil {
		return 0, fmt.Errorf("forgetting the packets of a qube: %w", err)
	}
	return segments, nil
}

// forget removes the sealed segments of a folder.
func (s *Store) forget(folder, reason string) (n int, err error) {
	for sh := s.w.catalog.shelves[folder]; sh != nil && len(sh.segs) > 0; n++ {
		k := sh.segs[0]
		if err := s.remove(&k, Forgotten, reason); err != nil {
			return n, err
		}
		s.w.catalog.removeOldest(folder)
		s.bump(func(c *counters) {
			c.evicted.add(count{uint64(k.packets), uint64(k.bytes)})
			c.forgotten++
		})
	}
	s.dropEmpty(folder)
	return n, nil
}

// errStopped is returned when the store does not write any more.
var errStopped = errors.New("the store is stopped")

// ask has the writer seal the open segments of a qube, or all if qube is "", and then do
// something, and waits for that.
func (s *Store) ask(ctx context.Context, qube string, do func()) error {
	r := request{match: func(g *segment) bool { return qube == "" || g.qube == folderOf(qube) }, done: make(chan struct{}), do: do}
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
