package packetstore

import (
	"context"
	"time"
)

// writer is what belongs to the goroutine of Run.
type writer struct {
	chain     *chain
	catalog   catalog
	indexer   indexer
	scratch   []byte // aligned, for the last page and what fills it
	cipher    []byte // aligned, for what is encrypted; nil without
	breaks    []time.Time
	retry     time.Time          // end of levelFailed
	looked    clock              // when the age of segments was looked at
	stale     bool               // segments are to be looked at again, because one was sealed
	more      bool               // more are to be removed than were at once
	lines     map[string]sealing // segments of the chain, and how they were sealed; while the store opens
	changed   []string           // segments that were repaired, and are not as they were sealed: why
	opened    map[string]Line    // that say whose the open segments are, by boot and number; as long
	spared    map[string]int64   // folders that are watched, and until when
	condemned string             // segment whose line says that it was removed
	stuck     bool               // the first job waits for space
	slowest   time.Duration
	full      string // why nothing is stored, if the limits cannot be held
	packing   packing
}

// scratchSize has room for the rest of a page, the longest statistics and a filler.
const scratchSize = 4 * pageSize

// Run writes until ctx ends, seals what is open, and closes the store.
func (s *Store) Run(ctx context.Context) error {
	s.MarkReady()
	tick := time.NewTicker(s.conf.Flush)
	defer tick.Stop()
	for {
		timed := false
		var idle <-chan time.Time
		if s.packs() {
			idle = time.After(time.Until(s.w.packing.rest))
		}
		select {
		case <-ctx.Done():
			return s.finish()
		case <-idle:
			s.pack()
			continue
		case <-s.wake:
		case <-tick.C:
			timed = true
		}
		s.turn(timed)
	}
}

// turn does what there is to do; timed is set once in a flush interval.
func (s *Store) turn(timed bool) {
	s.meet()
	s.relieve()
	if s.w.stuck && !timed {
		return // the disk is full: not with every chunk
	}
	if timed {
		if !s.conf.Now().Before(s.w.retry) {
			s.w.retry = time.Time{}
			s.reopen()
		}
		s.look()
	}
	if s.work(); timed {
		if !s.w.stuck {
			s.flush()
		}
		s.tend()
		s.publishUse()
	}
}

// meet takes over the segments that have begun since the last turn.
func (s *Store) meet() {
	s.mu.Lock()
	fresh := s.fresh
	s.fresh = nil
	s.mu.Unlock()
	for _, g := range fresh {
		g.seen = s.conf.Now()
		s.resolve(g, false)
	}
}

// relieve seals segments as the meter or a request asks.
func (s *Store) relieve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tight {
		s.tight = false
		s.sealOne(func(a, b *segment) bool { return a.notes.bytes() > b.notes.bytes() }, "notes")
	}
	for _, r := range s.asked {
		for _, st := range s.streams {
			if st.seg != nil && r.match != nil && r.match(st.seg) {
				s.seal(st, "asked for")
			}
		}
		s.jobs = append(s.jobs, &job{done: r.done, do: r.do})
	}
	s.asked = nil
}

// work does the jobs in their order. It stops at one that must wait for space.
func (s *Store) work() {
	s.setStuck(false)
	for {
		s.mu.Lock()
		if len(s.jobs) == 0 {
			s.mu.Unlock()
			return
		}
		j := s.jobs[0]
		s.mu.Unlock()
		s.meet() // a new client must not wait for the disk of the others
		if j.done != nil {
			if j.do != nil {
				j.do()
			}
			close(j.done)
		} else if s.do(j) {
			s.setStuck(true)
			return
		}
		s.mu.Lock()
		s.jobs = s.jobs[1:]
		if len(s.jobs) == 0 {
			s.jobs = nil
		}
		s.mu.Unlock()
	}
}

// setStuck notes whether the first job waits for space. What memory has no room for
// meanwhile is lost for the disk.
func (s *Store) setStuck(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.stuck, s.stalled = on, on
}

// do does a job, and reports whether it must be done again once there is space.
func (s *Store) do(j *job) (again bool) {
	g := j.seg
	s.resolve(g, true)
	for attempt := 0; !g.broken && !g.excluded; attempt++ {
		err := s.try(j)
		switch {
		case err == nil:
			return false
		case isFull(err):
			if !s.makeRoom(4 * chunkSize) {
				s.setLevel(levelShort, "no space is left on the disk")
				return true
			}
		case attempt >= 2:
			s.breakOff(g, err)
		default:
			s.bump(func(c *counters) { c.faults++ })
		}
		if attempt > 100 {
			s.breakOff(g, err)
		}
	}
	s.discard(j)
	return false
}

// try does a job up to the first fault. What was done is not done again.
func (s *Store) try(j *job) error {
	g := j.seg
	if err := s.create(g); err != nil {
		return err
	}
	if j.chunk != nil {
		if err := s.writeJobs(g, s.gather(j)); err != nil {
			return err
		}
	}
	if j.seal != "" {
		return s.finishSegment(g, j.seal)
	}
	return nil
}

// settle counts the packets of a chunk that is on the disk and gives it back.
func (s *Store) settle(g *segment, c *chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credit(g, &c.tally, c.base+int64(c.n))
	s.pool.give(c)
	s.notePressure()
}

// written moves packets of a segment from those that wait to those that are stored.
func (s *Store) written(g *segment, t *tally) {
	s.c.waiting.less(t)
	s.c.written.merge(t)
	g.stored.merge(t)
	*t = tally{}
}

// bump changes counters.
func (s *Store) bump(do func(c *counters)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(&s.c)
}

// finish seals what is open and closes the store. What no space is left for is lost.
func (s *Store) finish() error {
	s.mu.Lock()
	s.level = levelClosed
	for _, st := range s.streams {
		if st.seg != nil {
			s.seal(st, "stop")
		}
	}
	s.mu.Unlock()
	s.meet()
	s.relieve()
	s.work()
	s.giveUp()
	s.packEnd()
	s.publishUse()
	return s.Close()
}

// giveUp drops the jobs that no space is left for.
func (s *Store) giveUp() {
	for len(s.jobs) > 0 {
		if j := s.jobs[0]; j.done != nil {
			close(j.done)
		} else {
			s.discard(j)
		}
		s.jobs = s.jobs[1:]
	}
}
