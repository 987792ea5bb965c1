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

// attempt adds what our own rules have logged before all filters.
func (e *entry) attempt(isSpoof bool, o *Observation, now time.Duration, s *Stats) {
	if e.isSpoof = isSpoof; isSpoof { // what a filter sees, antispoofing has let through
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
}

// reject adds what the client was told.
func (e *entry) reject(o *Observation, s *Stats) {
	s.Rejects++
	e.Reply = replyOf(&o.Tuple)
	e.isInput = o.Inner.Dst == o.Src // the input chain of IPv6 rejects as qvm-firewall does
	if e.isError {
		e.refuse(1, 0, s)
	}
}

// claim adds a line of a rule of the user.
func (e *entry) claim(o *Observation, s *Stats) {
	s.Rules++
	e.isUser, e.Rule = true, o.Prefix
	if e.isLogged = e.isLogged || e.Count+e.pending == 0; e.isLogged {
		e.refuse(1, uint64(o.Length), s)
		e.judged++ // the rule may log what it lets through
	}
}

func (e *entry) refuse(n, bytes uint64, s *Stats) {
	e.Count += n
	e.Bytes += bytes
	s.Refused += n
}

// settle makes refusals of what has not passed.
func (e *entry) settle(s *Stats) {
	e.judged += e.pending
	e.refuse(e.pending, e.pendingBytes, s)
	e.pending, e.pendingBytes = 0, 0
}

// takeBack takes back one packet that has passed after all.
func (e *entry) takeBack(bytes uint64, s *Stats) {
	switch {
	case e.pending > 0:
		e.pending--
		e.pendingBytes -= min(e.pendingBytes, bytes)
	case e.judged > 0:
		e.judged--
		e.Count--
		s.Refused--
		e.Bytes -= min(e.Bytes, bytes)
	}
}

// point says where the attempt was refused, as far as it is known by now.
func (e *entry) point() Point {
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
