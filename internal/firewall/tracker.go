package firewall

import (
	"math"
	"time"
)

// The delays of a tracker. They are measured on the clock of its caller and not on the
// times of the observations: a log may be old, and a clock may be stepped.
const (
	// SettleDelay is how long a packet may take from the first rule that logs it to the
	// last. Both messages arrive in one stream, so that this covers the delay of the
	// kernel's buffer.
	SettleDelay = 500 * time.Millisecond
	// IdleDelay is how long an attempt must not have been repeated before it is
	// reported.
	IdleDelay = 4 * time.Second
	// MaxAge is when an attempt is reported in any case.
	MaxAge = 20 * time.Second
	// AdvanceInterval is the minimum time between two calls of Advance that Next asks
	// for. With maxReported, it limits the rate of verdicts.
	AdvanceInterval = 250 * time.Millisecond
	// rejectMemory is how long a rejection explains other drops of that client.
	rejectMemory = 2 * time.Second
	// uncertainty is how long nothing is decided after Lost and LostOf: while packets
	// are missing, LostOf is called twice a second.
	uncertainty = time.Second
)

// The bounds of a tracker's memory, some 300 bytes for each attempt and 40 KiB for each
// interface, and of its output.
const (
	maxInterfaces = 256
	maxAttempts   = 2048 // per interface: the burst that our rules log, and those of half a second more
	maxDecided    = 256  // per interface, of attempts that are known to be refused
	maxReported   = 25   // per interface and call of Advance
)

// never is a moment that does not come.
const never = time.Duration(math.MaxInt64)

// Stats are the counters of a tracker. All but Open are totals since the start.
type Stats struct {
	Observed  uint64 // observations
	Attempts  uint64 // packets of our own rules before all filters
	Accepted  uint64 // packets of our own rules after all filters
	Rejects   uint64 // ICMP errors to clients
	Spoofed   uint64 // packets with a source address that does not seem to be the client's
	Rules     uint64 // packets of rules of the user
	Ignored   uint64 // observations of accepted packets and of noise, ICMP errors without a packet
	Refused   uint64 // packets: the sum of the counts of all verdicts, including those to come
	Verdicts  uint64
	Coalesced uint64 // verdicts that stand for many attempts
	Undecided uint64 // attempts that may have been refused or accepted
	Open      uint64 // attempts that are being tracked now
	Overflows uint64 // observations beyond maxInterfaces
}

// Tracker finds the attempts that were refused. It is not safe for concurrent use.
type Tracker struct {
	emitTo func(*Verdict)
	ifaces map[string]*iface
	stats  Stats

	busy      string        // the interface that Advance or Flush is at
	advanced  time.Duration // when Advance was last called
	next      time.Duration // when to call it again, never if there is nothing to do
	uncertain time.Duration // until then, acceptances of any interface may have been lost
}

// NewTracker returns a tracker that passes verdicts to emit, which must not retain
// them. Only Advance and Flush call it.
func NewTracker(emit func(*Verdict)) *Tracker {
	return &Tracker{emitTo: emit, ifaces: map[string]*iface{}, next: never}
}

// Stats returns the counters.
func (t *Tracker) Stats() Stats {
	s := t.stats
	for _, i := range t.ifaces {
		s.Open += uint64(len(i.open))
	}
	return s
}

// Observe adds a packet that was logged, at a moment of the caller's clock.
func (t *Tracker) Observe(o *Observation, now time.Duration) {
	t.stats.Observed++
	k := o.kind()
	if k == ignored {
		t.stats.Ignored++
		return
	}
	client := o.In
	if k == rejected {
		client = o.Out
	}
	if i := t.iface(client); i != nil {
		i.observe(k, o, now, &t.stats)
		t.schedule(now + SettleDelay)
	}
}

// iface returns the state of an interface, nil if there are too many.
func (t *Tracker) iface(client string) *iface {
	i := t.ifaces[client]
	if i == nil && len(t.ifaces) < maxInterfaces {
		i = &iface{open: map[Tuple]*entry{}, uncertain: t.uncertain}
		t.ifaces[client] = i
	}
	if i == nil {
		t.stats.Overflows++
	}
	return i
}

// schedule makes sure that Advance is called at a moment, if not before.
func (t *Tracker) schedule(at time.Duration) { t.next = min(t.next, at) }

// Next returns the moment, on the caller's clock, at which Advance is to be called. It
// reports false if nothing is tracked, so that Advance need not be called before the
// next observation. Observe, Lost and LostOf may bring the moment forward, Advance and
// Flush may put it off. Next is cheap enough to be called after each of them.
func (t *Tracker) Next() (at time.Duration, ok bool) {
	if t.next == never {
		return 0, false
	}
	return max(t.next, t.advanced+AdvanceInterval), true
}

// Advance reports what is ready at a moment of the caller's clock. It may be called
// more often than Next asks for.
func (t *Tracker) Advance(now time.Duration) {
	t.advanced, t.next = now, never
	for name, i := range t.ifaces {
		t.busy = name
		i.decide(now, &t.stats)
		i.report(func(e *entry) bool { return e.isIdle(now) }, maxReported, t.emit)
		due := i.due()
		if len(i.open) == 0 && len(i.coalesced) == 0 && now >= due {
			delete(t.ifaces, name)
			continue
		}
		t.schedule(due)
	}
}

// Flush reports all attempts at once, except for those that may still be accepted.
func (t *Tracker) Flush(now time.Duration) {
	for name, i := range t.ifaces {
		t.busy = name
		i.decide(now, &t.stats)
		i.dropPending(&t.stats)
		i.report(func(*entry) bool { return true }, maxDecided, t.emit)
	}
	clear(t.ifaces)
	t.next = never
}

// Forget drops the state of the interface at which Advance or Flush has panicked. The
// others are looked at by the next call.
func (t *Tracker) Forget() {
	delete(t.ifaces, t.busy)
	t.next = t.advanced
}

// Lost records that observations of any interface are missing, so that attempts may
// have been accepted although no observation says so. Those that were logged before may
// still arrive.
func (t *Tracker) Lost(now time.Duration) {
	t.uncertain = now + uncertainty
	for _, i := range t.ifaces {
		i.lose(t.uncertain, &t.stats)
	}
}

// LostOf records that more packets of an interface were accepted than are logged.
func (t *Tracker) LostOf(client string, now time.Duration) {
	if i := t.iface(client); i != nil {
		i.lose(now+uncertainty, &t.stats)
		t.schedule(now + uncertainty)
	}
}

// emit counts a verdict and passes it on.
func (t *Tracker) emit(v *Verdict) {
	t.stats.Verdicts++
	if v.Coalesced {
		t.stats.Coalesced++
	}
	t.emitTo(v)
}
