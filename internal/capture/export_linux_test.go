package capture

import "time"

// SetNap has a ring nap for d in the next wait, as if it had read so many full blocks.
func (r *Ring) SetNap(d time.Duration, full int) { r.nap, r.full = d, full }
