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
	judged       uint64 // of Count, those that were pending: a late pass takes one back
	isSpoof      bool
	isInput      bool // an error says that the netvm itself was meant
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

	passed   [512]pass // the latest ones: passMemory at the pace that our rules log
	next     int       // in passed
	lastPass time.Duration
}

// passMemory is how long an attempt that was let through is remembered: lines of a log
// come later than our own messages.
const passMemory = time.Second

// pass is an attempt that was let through.
type pass struct {
	Tuple
	at time.Duration
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
		l.passed[l.next] = pass{tuple, now}
		l.next, l.lastPass = (l.next+1)%len(l.passed), now
		l.pass(tuple, e, uint64(o.Length), s)
		return
	}
	if k == userRule && e == nil && l.hasPassed(tuple, now) {
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
		if e.isSpoof = k == spoofed; e.isSpoof { // what a filter sees, antispoofing has let through
			s.Spoofed++
		} else {
			s.Attempts++
		}
		if e.isLogged || e.isError { // the log was faster: our own rules count better
			s.Refused -= e.Count
			e.Count, e.Bytes, e.judged, e.isLogged, e.isError = 0, 0, 0, false, false
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
		e.isInput = o.Inner.Dst == o.Src // the input chain of IPv6 rejects as qvm-firewall does
		if e.Reply == ReplyAdmin && !e.isInput {
			l.rejected = now
		}
		if e.isError {
			e.refuse(1, 0, s)
		}
	case userRule:
		s.Rules++
		e.isUser, e.Rule = true, o.Prefix
		if e.isLogged = e.isLogged || e.Count+e.pending == 0; e.isLogged {
			e.refuse(1, uint64(o.Length), s)
			e.judged++ // the rule may log what it lets through
		}
	}
}

func (e *entry) refuse(n, bytes uint64, s *Stats) {
	e.Count += n
	e.Bytes += bytes
	s.Refused += n
}

// hasPassed reports whether an attempt was let through within the last second.
func (l *lane) hasPassed(tuple Tuple, now time.Duration) bool {
	for i := range l.passed {
		if p := &l.passed[i]; p.at > 0 && now-p.at < passMemory && p.Tuple == tuple {
			return true
		}
	}
	return false
}

// pass takes back one attempt, also one that was given up too early: the beat may have
// stood still between the two messages.
func (l *lane) pass(tuple Tuple, e *entry, bytes uint64, s *Stats) {
	switch {
	case e == nil || e.pending+e.judged == 0:
		return
	case e.pending > 0:
		e.pending--
		e.pendingBytes -= min(e.pendingBytes, bytes)
	default:
		e.judged--
		e.Count--
		s.Refused--
		e.Bytes -= min(e.Bytes, bytes)
	}
	if e.pending == 0 && e.Count == 0 {
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

// settle makes refusals of what has not passed.
func (e *entry) settle(s *Stats) {
	e.judged += e.pending
	e.refuse(e.pending, e.pendingBytes, s)
	e.pending, e.pendingBytes = 0, 0
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

func pointOf(e *entry) Point {
	switch {
	case e.isSpoof:
		return Antispoof
	case e.isUser:
		return User
	case e.isInput:
		return Input
	}
	return place(&e.Verdict, e.isExplained)
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
		e.Point = pointOf(e)
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
