package firewall

import "time"

// How a tracker waits. Times are those that its caller gives, not those of the
// observations: a log may be old, and a clock may step.
const (
	// Grace is how long a packet may be on its way from the first rule that logs
	// it to the last. Both messages come in one stream, so that this covers the
	// delay of the kernel's own buffer.
	Grace = 500 * time.Millisecond
	// Quiet is how long an attempt must not have been repeated to be told.
	Quiet = 4 * time.Second
	// MaxAge is when it is told in any case.
	MaxAge = 20 * time.Second
	// rejectMemory is how long a rejection explains other drops of that client.
	rejectMemory = 2 * time.Second
)

// Bounds of a tracker's memory, some 300 bytes for each attempt, and of what it
// tells at a time.
const (
	maxLanes    = 256  // interfaces
	maxAttempts = 2048 // of one interface: the burst that our rules log, and half a second more
	maxSettled  = 256  // of them, those that are known to be refused
	maxTold     = 25   // of one interface at a time; Advance is to be called four times a second
)

// Stats counts what a tracker has seen: Refused is the sum of all counts that
// were told or are to be told.
type Stats struct {
	Observed, Attempts, Passed, Rejects, Spoofed, Rules uint64
	Ignored                                             uint64 // acceptances, noise, errors without a packet in them
	Refused                                             uint64 // packets
	Verdicts                                            uint64
	Folded                                              uint64 // verdicts
	Unjudged                                            uint64 // attempts of which nobody can say what became of them
	Open                                                uint64 // attempts that are waited for now
	Overflows                                           uint64 // observations of more interfaces than there can be
}

// Tracker finds the attempts that were refused. It is not safe for concurrent use.
type Tracker struct {
	tell  func(*Verdict)
	lanes map[string]*lane
	stats Stats

	uncertain time.Duration // until then passes of any interface may be missing
}

// NewTracker returns a tracker that hands verdicts to tell, which must not keep
// them. What it waits for is told by Advance and Flush.
func NewTracker(tell func(*Verdict)) *Tracker {
	return &Tracker{tell: tell, lanes: map[string]*lane{}}
}

// Stats returns the counters.
func (t *Tracker) Stats() Stats {
	s := t.stats
	for _, l := range t.lanes {
		s.Open += uint64(len(l.open))
	}
	return s
}

// Observe takes what was logged of a packet at a moment of the caller's clock.
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
	if l := t.lane(client); l != nil {
		l.observe(k, o, now, &t.stats)
	}
}

// lane returns the attempts of one interface, nil where there are too many.
func (t *Tracker) lane(client string) *lane {
	l := t.lanes[client]
	if l == nil && len(t.lanes) < maxLanes {
		l = &lane{open: map[Tuple]*entry{}, uncertain: t.uncertain}
		t.lanes[client] = l
	}
	if l == nil {
		t.stats.Overflows++
	}
	return l
}

// Advance tells what is ready at a moment of the caller's clock.
func (t *Tracker) Advance(now time.Duration) {
	for name, l := range t.lanes {
		l.settle(now, &t.stats)
		l.tell(func(e *entry) bool { return now-e.touched >= Quiet || now-e.opened >= MaxAge }, maxTold, t.emit)
		if len(l.open) == 0 && len(l.folded) == 0 && now-l.rejected > rejectMemory && now-l.passes.last > passMemory && now > l.uncertain {
			delete(t.lanes, name)
		}
	}
}

// Flush tells everything at once. Attempts that may still have passed are not
// told.
func (t *Tracker) Flush(now time.Duration) {
	for _, l := range t.lanes {
		l.settle(now, &t.stats)
		l.forget(&t.stats)
		l.tell(func(*entry) bool { return true }, maxSettled, t.emit)
	}
	clear(t.lanes)
}

// Lost tells that observations are missing, so that an attempt without its pass
// may have passed all the same. Of those that were sent before, some may still come.
func (t *Tracker) Lost(now time.Duration) {
	t.uncertain = now + uncertainty
	for _, l := range t.lanes {
		l.lose(t.uncertain, &t.stats)
	}
}

// uncertainty is how long after Lost and LostOf nothing can be said: the latter is told
// twice a second while it lasts.
const uncertainty = time.Second

// LostOf tells that an interface has more passes than are logged.
func (t *Tracker) LostOf(client string, now time.Duration) {
	if l := t.lane(client); l != nil {
		l.lose(now+uncertainty, &t.stats)
	}
}

func (t *Tracker) emit(v *Verdict) {
	t.stats.Verdicts++
	if v.Folded {
		t.stats.Folded++
	}
	t.tell(v)
}
