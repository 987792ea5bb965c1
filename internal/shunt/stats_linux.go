package shunt

// Stats counts what a [Shunt] has done.
type Stats struct {
	Flows   uint64 // that were counted here at some time
	Live    uint64 // now
	Refused uint64 // times that there was no room for a flow
	Late    uint64 // packets that came after the end of their flow, and are in none
}

// Stats returns the counters. It is safe for concurrent use.
func (s *Shunt) Stats() Stats {
	return Stats{Flows: s.begun.Load(), Live: uint64(max(s.current.Load(), 0)), Refused: s.refused.Load(), Late: s.late.Load()}
}
