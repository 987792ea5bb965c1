package firewall

import "time"

// entry is one attempt that is not told yet.
type entry struct {
	Verdict
	pending      uint64 // packets that may still pass
	pendingBytes uint64
	waiting      time.Duration // since when they do
	opened       time.Duration
	touched      time.Duration
	isSpoof      bool
	isUser       bool // a rule of the user claims it
	isLogged     bool // counted by the lines of a log, until our own rules tell
	isError      bool // counted by ICMP errors
	isExplained  bool // qvm-firewall has rejected something of the same client then
}

// lane holds the attempts of one interface, so that none can crowd out others.
type lane struct {
	open     map[Tuple]*entry
	folded   map[Point]*entry
	rejected time.Duration // when qvm-firewall rejected something last

	uncertain time.Duration // until then a pass may be missing
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
		l.pass(tuple, e)
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
	case attempt:
		s.Attempts++
		if e.isLogged || e.isError { // the log was faster: our own rules count better
			s.Refused -= e.Count
			e.Count, e.Bytes, e.isLogged, e.isError = 0, 0, false, false
			e.In, e.Out, e.Source = o.In, o.Out, o.Source
		}
		if e.pending == 0 {
			e.waiting = now
		}
		e.pending++
		e.pendingBytes += uint64(o.Length)
	case rejected:
		s.Rejects++
		e.Reply = replyOf(&o.Tuple)
		if e.Reply == ReplyAdmin {
			l.rejected = now
		}
		if e.isError {
			e.refuse(1, 0, s)
		}
	case spoofed:
		s.Spoofed++
		e.isSpoof = true
		e.refuse(1, uint64(o.Length), s)
	case userRule:
		s.Rules++
		e.isUser, e.Rule = true, o.Prefix
		if e.isLogged = e.isLogged || e.Count+e.pending == 0; e.isLogged {
			e.refuse(1, uint64(o.Length), s)
		}
	}
}

func (e *entry) refuse(n, bytes uint64, s *Stats) {
	e.Count += n
	e.Bytes += bytes
	s.Refused += n
}

// pass takes back one attempt.
func (l *lane) pass(tuple Tuple, e *entry) {
	if e == nil || e.pending == 0 {
		return
	}
	if e.pending--; e.pending == 0 {
		e.pendingBytes = 0
		if e.Count == 0 {
			delete(l.open, tuple)
		}
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
			e.isExplained = e.isExplained || l.rejected > 0 && (e.touched-l.rejected).Abs() < rejectMemory
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

// settle makes refusals of what has not passed.
func (e *entry) settle(s *Stats) {
	e.refuse(e.pending, e.pendingBytes, s)
	e.pending, e.pendingBytes = 0, 0
}

// forget gives up the attempts that may have passed. Those that were rejected have
// not.
func (l *lane) forget(s *Stats) {
	for tuple, e := range l.open {
		if e.Reply != ReplyNone {
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
			e.Point = pointOf(e)
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
	}
	return len(l.open) < before
}

func pointOf(e *entry) Point {
	switch {
	case e.isSpoof:
		return Antispoof
	case e.isUser:
		return User
	}
	return place(&e.Verdict, e.isExplained)
}

// tell hands out the attempts that are ready.
func (l *lane) tell(ready func(*entry) bool, emit func(*Verdict)) {
	for tuple, e := range l.open {
		if e.pending == 0 && e.Count > 0 && ready(e) {
			e.Point = pointOf(e)
			emit(&e.Verdict)
			delete(l.open, tuple)
		}
	}
	for point, e := range l.folded {
		if ready(e) {
			emit(&e.Verdict)
			delete(l.folded, point)
		}
	}
}
