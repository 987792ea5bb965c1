package firewall

import "time"

// acceptedMemory is how long an accepted attempt is remembered: lines of a log arrive
// later than the messages of our own rules.
const acceptedMemory = time.Second

// acceptedRing holds the latest accepted attempts of an interface, as many as our rules
// log within acceptedMemory.
type acceptedRing struct {
	ring [512]acceptedAttempt
	next int
	last time.Duration
}

type acceptedAttempt struct {
	Tuple
	at time.Duration
}

func (a *acceptedRing) add(t Tuple, now time.Duration) {
	a.ring[a.next] = acceptedAttempt{t, now}
	a.next, a.last = (a.next+1)%len(a.ring), now
}

// has reports whether an attempt was accepted within acceptedMemory.
func (a *acceptedRing) has(t Tuple, now time.Duration) bool {
	for i := range a.ring {
		if r := &a.ring[i]; r.at > 0 && now-r.at < acceptedMemory && r.Tuple == t {
			return true
		}
	}
	return false
}
