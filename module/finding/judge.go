package finding

import (
	"context"
	"errors"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// batch is how many items are judged at once, with the lock held.
const batch = 256

// Run judges what arrives until ctx ends, and then the rest.
func (s *Service) Run(ctx context.Context) error {
	stopSocket := s.serve()
	defer stopSocket()
	s.MarkReady()
	stop := context.AfterFunc(ctx, s.queue.Close)
	defer stop()
	items := make([]detect.Item, batch)
	for !s.queue.Done() {
		n := s.queue.Pop(items)
		s.judgeAll(ctx, items[:n])
		s.count()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save()
	return nil
}

// judgeAll has the engine look at items. A panic ends the detection, and nothing else.
func (s *Service) judgeAll(ctx context.Context, items []detect.Item) {
	if s.dead {
		s.lost.Add(uint64(len(items)))
		return
	}
	left := items
	err := s.guard.Do(nil, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for len(left) > 0 {
			i := &left[0]
			left = left[1:]
			s.judge(ctx, i)
		}
	})
	if errors.Is(err, guard.ErrPanic) {
		s.dead = true
		s.lost.Add(uint64(len(left)))
		s.deps.Logger.Error("the detection has failed and looks at nothing any more; restart the beat to have it again, and please report this")
	}
}

// judge has the engine look at an item. It is called with mu locked.
func (s *Service) judge(ctx context.Context, i *detect.Item) {
	if c, ok := i.Other.(*detect.Check); ok {
		s.failing.note(c.Vif, c.ID, c.Fails, i.At)
		return
	}
	o, uncertain := s.translator.Translate(i)
	if uncertain && s.wait(ctx, i) {
		o, _ = s.translator.Translate(i)
	}
	if o == nil {
		return
	}
	o.Failing = s.failing.of(s.translator.Parties.Interface, o.At)
	s.engine.Observe(o)
	if s.saved == 0 {
		s.saved = o.At
	}
	if o.At-s.saved >= saveEvery || o.At < s.saved-saveEvery {
		s.saved = o.At
		s.save()
	}
}

// named is for how long the clients of an interface are taken for unknown after they were
// waited for, in nanoseconds.
const named = int64(60e9)

// maxWaited bounds the interfaces that are remembered.
const maxWaited = 256

// wait waits until dom0 may have named the client of an item, with mu unlocked. It reports whether it
// has waited.
func (s *Service) wait(ctx context.Context, i *detect.Item) bool {
	left := s.conf.Hold - time.Since(time.Unix(0, i.At))
	if s.conf.Hold <= 0 || left <= 0 || i.At < s.waited[i.Iface] {
		return false
	}
	if len(s.waited) >= maxWaited {
		clear(s.waited)
	}
	s.waited[i.Iface] = i.At + named
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(min(left, s.conf.Hold))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}
