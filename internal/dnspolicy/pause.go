package dnspolicy

import (
	"slices"
	"time"
)

// Pause is a time without blocking.
type Pause struct {
	Lists []string // names of lists; none means all
	Qube  string   // name of a qube; "" means all
	Until time.Time
}

// covers reports whether blocking by a list is off for a qube. A pause of some
// lists does not cover the list "", which stands for all of blocking.
func (p *Pause) covers(list, qube string) bool {
	return (p.Qube == "" || p.Qube == qube) && (len(p.Lists) == 0 || slices.Contains(p.Lists, list))
}
