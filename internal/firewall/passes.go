package firewall

import "time"

// passMemory is how long an attempt that was let through is remembered: lines of a log
// come later than our own messages.
const passMemory = time.Second

// passes are the latest attempts of an interface that were let through, as many as our
// rules log within passMemory.
type passes struct {
	ring [512]pass
	next int
	last time.Duration
}

type pass struct {
	Tuple
	at time.Duration
}

func (p *passes) add(t Tuple, now time.Duration) {
	p.ring[p.next] = pass{t, now}
	p.next, p.last = (p.next+1)%len(p.ring), now
}

// has reports whether an attempt was let through within passMemory.
func (p *passes) has(t Tuple, now time.Duration) bool {
	for i := range p.ring {
		if r := &p.ring[i]; r.at > 0 && now-r.at < passMemory && r.Tuple == t {
			return true
		}
	}
	return false
}
