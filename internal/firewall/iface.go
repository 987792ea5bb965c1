package firewall

import (
	"cmp"
	"slices"
	"time"
)

// iface is the state of one interface. It is limited, so that one client cannot
// displace the attempts of others.
type iface struct {
	open      map[Tuple]*entry
	coalesced map[Point]*entry
	rejected  time.Duration // when qvm-firewall last rejected a packet

	uncertain time.Duration // until then, an acceptance may have been lost
	accepted  acceptedRing
}

// observe processes one observation.
func (i *iface) observe(k kind, o *Observation, now time.Duration, s *Stats) {
	tuple := o.Tuple
	if k == rejected {
		tuple = o.Inner
	}
	e := i.open[tuple]
	if k == accepted {
		s.Accepted++
		i.accepted.add(tuple, now)
		i.accept(tuple, e, uint64(o.Length), s)
		return
	}
	if k == userRule && e == nil && i.accepted.has(tuple, now) {
		s.Ignored++ // the rule logs what it accepts
		return
	}
	if e == nil {
		if e = i.newEntry(tuple, k, o, now, s); e == nil {
			return
		}
	}
	e.touched = now
	e.First, e.Last = min(e.First, o.At), max(e.Last, o.At)
	i.count(e, k, o, now, s)
}

// newEntry opens an attempt. If there are too many, it coalesces those that are decided.
// It returns nil if there is no room, and for ICMP errors that are not refusals.
func (i *iface) newEntry(tuple Tuple, k kind, o *Observation, now time.Duration, s *Stats) *entry {
	if k == rejected && replyOf(&o.Tuple) > ReplyHost {
		return nil // not from a firewall, or about an attempt that is not tracked
	}
	if len(i.open) >= maxAttempts && !i.makeRoom() {
		s.Undecided++
		return nil
	}
	e := &entry{Verdict: Verdict{Tuple: tuple, Source: o.Source, In: o.In, Out: o.Out, First: o.At, Last: o.At}, opened: now}
	if k == rejected {
		e.In, e.Out, e.isError = o.Out, "", true
		e.Source = ICMPError
	}
	i.open[tuple] = e
	return e
}

// count adds one packet to its attempt.
func (i *iface) count(e *entry, k kind, o *Observation, now time.Duration, s *Stats) {
	switch k {
	case attempt, spoofed:
		e.attempt(k == spoofed, o, now, s)
	case rejected:
		e.reject(o, s)
		if e.Reply == ReplyAdmin && !e.isInput {
			i.rejected = now
		}
	case userRule:
		e.matchUserRule(o, s)
	}
}

// accept takes one packet back, even one that was already counted as refused: the beat
// may have been suspended between the two messages.
func (i *iface) accept(tuple Tuple, e *entry, bytes uint64, s *Stats) {
	if e == nil {
		return
	}
	if e.takeBack(bytes, s); e.pending == 0 && e.Count == 0 {
		delete(i.open, tuple)
	}
}

// decide counts the packets as refused that have been pending for SettleDelay.
func (i *iface) decide(now time.Duration, s *Stats) {
	if now < i.uncertain {
		i.dropPending(s)
	}
	decided := 0
	for _, e := range i.open {
		if e.pending > 0 && now-e.waiting >= SettleDelay {
			e.isExplained = e.isExplained || i.rejected > 0 && e.touched-i.rejected < rejectMemory
			e.refusePending(s)
		}
		if e.pending == 0 {
			decided++
		}
	}
	if decided > maxDecided {
		i.makeRoom()
	}
}

// lose drops all attempts that may have been accepted, now and until a moment.
func (i *iface) lose(until time.Duration, s *Stats) {
	i.dropPending(s)
	i.uncertain = until
}

// dropPending drops the packets that may have been accepted. Those that were rejected
// were not.
func (i *iface) dropPending(s *Stats) {
	for tuple, e := range i.open {
		if e.Reply == ReplyAdmin || e.Reply == ReplyHost { // other errors also answer accepted packets
			e.refusePending(s)
		}
		s.Undecided += e.pending
		if e.pending, e.pendingBytes = 0, 0; e.Count == 0 {
			delete(i.open, tuple)
		}
	}
}

// makeRoom coalesces the attempts that are decided into one per point. It reports
// whether there were any.
func (i *iface) makeRoom() bool {
	decided := i.earliest(func(e *entry) bool { return true }, 0)
	for _, tuple := range decided {
		i.coalesce(tuple, i.open[tuple])
	}
	return len(decided) > 0
}

// earliest returns the attempts that are decided and ready, in the order in which they
// began if they are more than limit: which of them are coalesced must not depend on
// chance, for a log that is imported twice gives the same verdicts.
func (i *iface) earliest(ready func(*entry) bool, limit int) (list []Tuple) {
	for tuple, e := range i.open {
		if e.pending == 0 && e.Count > 0 && ready(e) {
			list = append(list, tuple)
		}
	}
	if len(list) > limit {
		slices.SortFunc(list, func(a, b Tuple) int { return cmp.Or(cmp.Compare(i.open[a].First, i.open[b].First), a.compare(&b)) })
	}
	return list
}

// coalesce adds an attempt to the others of its point.
func (i *iface) coalesce(tuple Tuple, e *entry) {
	e.Point = e.point()
	if i.coalesced == nil {
		i.coalesced = map[Point]*entry{}
	}
	if c := i.coalesced[e.Point]; c != nil {
		c.coalesce(&e.Verdict)
	} else {
		i.coalesced[e.Point] = e
	}
	delete(i.open, tuple)
}

// report emits the attempts that are ready: the first ones, up to limit, one by one and
// the others coalesced.
func (i *iface) report(ready func(*entry) bool, limit int, emit func(*Verdict)) {
	for n, tuple := range i.earliest(ready, limit) {
		e := i.open[tuple]
		if n >= limit {
			i.coalesce(tuple, e)
			continue
		}
		e.Point = e.point()
		emit(&e.Verdict)
		delete(i.open, tuple)
	}
	for point, e := range i.coalesced {
		if ready(e) {
			emit(&e.Verdict)
			delete(i.coalesced, point)
		}
	}
}

// due returns when there is something to decide or to report, or, if there are no
// attempts, when the state can be dropped.
func (i *iface) due() time.Duration {
	if len(i.open) == 0 && len(i.coalesced) == 0 {
		return max(i.rejected+rejectMemory, i.accepted.last+acceptedMemory, i.uncertain) + 1
	}
	due := never
	for _, e := range i.open {
		if e.pending > 0 {
			due = min(due, e.waiting+SettleDelay)
		} else {
			due = min(due, e.due())
		}
	}
	for _, e := range i.coalesced {
		due = min(due, e.due())
	}
	return due
}
