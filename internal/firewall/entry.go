package firewall

import "time"

// entry is an attempt that has not been reported yet.
type entry struct {
	Verdict
	pending      uint64 // packets that may still be accepted
	pendingBytes uint64
	waiting      time.Duration // since when packets are pending
	opened       time.Duration
	touched      time.Duration
	presumed     uint64 // packets of Count that were pending for too long: a late acceptance takes one back
	isSpoof      bool
	isInput      bool // the attempt was against the netvm itself, as an ICMP error shows
	isUser       bool // a rule of the user has logged it
	isLogged     bool // counted from the lines of a log, until our own rules report it
	isError      bool // counted from ICMP errors
	isExplained  bool // qvm-firewall rejected something of the same client at that time
}

// attempt adds a packet that our own rules logged before all filters.
func (e *entry) attempt(isSpoof bool, o *Observation, now time.Duration, s *Stats) {
	if e.isSpoof = isSpoof; isSpoof { // cleared by an attempt: antispoofing has accepted what the filters see
		s.Spoofed++
	} else {
		s.Attempts++
	}
	if e.isLogged || e.isError { // the log was faster, but our own rules count better
		s.Refused -= e.Count
		e.Count, e.Bytes, e.presumed, e.isLogged, e.isError = 0, 0, 0, false, false
		e.In, e.Out, e.Source = o.In, o.Out, o.Source
	}
	if e.pending == 0 {
		e.waiting = now
	}
	e.pending++
	e.pendingBytes += uint64(o.Length)
}

// reject adds an ICMP error to the client.
func (e *entry) reject(o *Observation, s *Stats) {
	s.Rejects++
	e.Reply = replyOf(&o.Tuple)
	e.isInput = o.Inner.Dst == o.Src // for IPv6, the input chain rejects in the same way as qvm-firewall
	if e.isError {
		e.refuse(1, 0, s)
	}
}

// matchUserRule adds a packet that a rule of the user logged, or several of the same.
func (e *entry) matchUserRule(o *Observation, s *Stats) {
	n := uint64(max(o.Times, 1))
	s.Rules += n
	e.isUser, e.Rule = true, o.Prefix
	if e.isLogged = e.isLogged || e.Count+e.pending == 0; e.isLogged {
		e.refuse(n, n*uint64(o.Length), s)
		e.presumed += n // the rule may log what it accepts
	}
}

func (e *entry) refuse(n, bytes uint64, s *Stats) {
	e.Count += n
	e.Bytes += bytes
	s.Refused += n
}

// refusePending counts the pending packets as refused.
func (e *entry) refusePending(s *Stats) {
	e.presumed += e.pending
	e.refuse(e.pending, e.pendingBytes, s)
	e.pending, e.pendingBytes = 0, 0
}

// takeBack removes one packet that was accepted after all.
func (e *entry) takeBack(bytes uint64, s *Stats) {
	switch {
	case e.pending > 0:
		e.pending--
		e.pendingBytes -= min(e.pendingBytes, bytes)
	case e.presumed > 0:
		e.presumed--
		e.Count--
		s.Refused--
		e.Bytes -= min(e.Bytes, bytes)
	}
}

// point returns where the attempt was refused, as far as it is known by now.
func (e *entry) point() Point {
	switch {
	case e.isSpoof:
		return Antispoof
	case e.isUser:
		return User
	case e.isInput:
		return Input
	}
	return pointOf(&e.Verdict, e.isExplained)
}

// isIdle reports whether the attempt has not been repeated for IdleDelay, or is MaxAge
// old.
func (e *entry) isIdle(now time.Duration) bool { return now >= e.due() }

// due returns when isIdle becomes true.
func (e *entry) due() time.Duration { return min(e.touched+IdleDelay, e.opened+MaxAge) }
