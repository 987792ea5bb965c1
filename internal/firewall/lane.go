package firewall

import "time"

// lane holds the attempts of one interface, so that none can crowd out others.
type lane struct {
	open     map[Tuple]*entry
	folded   map[Point]*entry
	rejected time.Duration // when qvm-firewall rejected something last

	uncertain time.Duration // until then a pass may be missing
	passes    passes
}

// observe takes one observation.
func (l *lane) observe(k kind, o *Observation, now time.Duration, s *Stats) {
	tuple := o.Tuple
	if k == rejected {
		tuple = o.Inner
	}
	e := l.open[tuple]
	if k == passed {
		s.Passed++
		l.passes.add(tuple, now)
		l.pass(tuple, e, uint64(o.Length), s)
		return
	}
	if k == userRule && e == nil && l.passes.has(tuple, now) {
		s.Ignored++ // the rule logs what it lets through
		return
	}
	if e == nil {
		if e = l.make(tuple, k, o, now, s); e == nil {
			return
		}
	}
	e.touched = now
	e.First, e.Last = min(e.First, o.At), max(e.Last, o.At)
	l.count(e, k, o, now, s)
}

// make opens an attempt. Where there are too many, one that is settled makes room.
func (l *lane) make(tuple Tuple, k kind, o *Observation, now time.Duration, s *Stats) *entry {
	if k == rejected && replyOf(&o.Tuple) > ReplyHost {
		return nil // not from a firewall, or of an attempt that is not followed
	}
	if len(l.open) >= maxAttempts && !l.makeRoom() {
		s.Unjudged++
		return nil
	}
	e := &entry{Verdict: Verdict{Tuple: tuple, Source: o.Source, In: o.In, Out: o.Out, First: o.At, Last: o.At}, opened: now}
	if k == rejected {
		e.In, e.Out, e.isError = o.Out, "", true
		e.Source = ICMPError
	}
	l.open[tuple] = e
	return e
}

// count adds one packet to its attempt.
func (l *lane) count(e *entry, k kind, o *Observation, now time.Duration, s *Stats) {
	switch k {
	case attempt, spoofed:
		e.attempt(k == spoofed, o, now, s)
	case rejected:
		e.reject(o, s)
		if e.Reply == ReplyAdmin && !e.isInput {
			l.rejected = now
		}
	case userRule:
		e.claim(o, s)
	}
}

// pass takes back one attempt, also one that was given up too early: the beat may have
// stood still between the two messages.
func (l *lane) pass(tuple Tuple, e *entry, bytes uint64, s *Stats) {
	if e == nil {
		return
	}
	if e.takeBack(bytes, s); e.pending == 0 && e.Count == 0 {
		delete(l.open, tuple)
	}
}

// settle makes refusals of the attempts that have had their time to pass.
func (l *lane) settle(now time.Duration, s *Stats) {
	if now < l.uncertain {
		l.forget(s)
	}
	settled := 0
	for _, e := range l.open {
		if e.pending > 0 && now-e.waiting >= Grace {
			e.isExplained = e.isExplained || l.rejected > 0 && e.touched-l.rejected < rejectMemory
			e.settle(s)
		}
		if e.pending == 0 {
			settled++
		}
	}
	if settled > maxSettled {
		l.makeRoom()
	}
}

// lose gives up what may have passed, now and for a while.
func (l *lane) lose(until time.Duration, s *Stats) {
	l.forget(s)
	l.uncertain = until
}

// forget gives up the attempts that may have passed. Those that were rejected have
// not.
func (l *lane) forget(s *Stats) {
	for tuple, e := range l.open {
		if e.Reply == ReplyAdmin || e.Reply == ReplyHost { // others also answer what has passed
			e.settle(s)
		}
		s.Unjudged += e.pending
		if e.pending, e.pendingBytes = 0, 0; e.Count == 0 {
			delete(l.open, tuple)
		}
	}
}

// makeRoom folds the attempts that are settled into one of each point.
func (l *lane) makeRoom() bool {
	before := len(l.open)
	for tuple, e := range l.open {
		if e.pending == 0 && e.Count > 0 {
			l.fold(tuple, e)
		}
	}
	return len(l.open) < before
}

// fold adds an attempt to the others of its point.
func (l *lane) fold(tuple Tuple, e *entry) {
	e.Point = e.point()
	if l.folded == nil {
		l.folded = map[Point]*entry{}
	}
	if f := l.folded[e.Point]; f != nil {
		f.fold(&e.Verdict)
	} else {
		l.folded[e.Point] = e
	}
	delete(l.open, tuple)
}

// tell hands out the attempts that are ready, so many of them one by one and the
// rest together.
func (l *lane) tell(ready func(*entry) bool, limit int, emit func(*Verdict)) {
	told := 0
	for tuple, e := range l.open {
		if e.pending > 0 || e.Count == 0 || !ready(e) {
			continue
		}
		if told++; told > limit {
			l.fold(tuple, e)
			continue
		}
		e.Point = e.point()
		emit(&e.Verdict)
		delete(l.open, tuple)
	}
	for point, e := range l.folded {
		if ready(e) {
			emit(&e.Verdict)
			delete(l.folded, point)
		}
	}
}
