package periodic

import "slices"

// What tells the gaps within check-ins from those between them, in milliseconds if nothing else is said.
const (
	apart          = 4    // times that the gaps between check-ins are longer
	apartShare     = 12   // the part of the gaps that is left for these
	fewGaps        = 16   // fewer do not tell pauses from the gaps between check-ins
	longestCheckin = 15e3 // longest gap within a check-in
	ownPeriod      = 0.6  // quartile dispersion of beats that have a period: a jitter of 60 %
)

// collapse makes one beat of arrivals that are much closer than is usual in the series:
// a check-in with several connections.
func (s *Series) collapse() {
	var buf, sorted [Ring]uint32
	gaps := s.ordered(&buf)
	order := sorted[:copy(sorted[:], gaps)]
	slices.Sort(order)
	ref := within(order)
	if ref == 0 {
		return
	}
	seen := s.seen
	s.n, s.head, s.merge = 0, 0, ref
	begun, last := int64(0), int64(0) // of the beat, and of the arrival, since the first gap
	for _, g := range gaps {
		if last += int64(g); g > ref {
			s.push(uint32(min(last-begun, maxGap)))
			begun = last
		}
	}
	s.last -= (last - begun) * 1e6
	s.seen = max(uint32(s.n), min(seen, uint32(s.n)))
}

// within returns the gap up to which arrivals are one beat, 0 if each is one: a tenth of a long gap, if
// much is below, or where the gaps of a check-in and those between check-ins are apart.
func within(order []uint32) uint32 {
	n := len(order)
	if n < 5 {
		return 0
	}
	ref := order[n*3/4] / 10
	below, _ := slices.BinarySearch(order, ref)
	switch {
	case 5*below >= 2*n && (n >= fewGaps || !beats(order[:below])): // of chance, an eighth is below
		return ref
	case n < fewGaps:
		return 0
	}
	for i := 2 * n / 5; i < n-n/apartShare; i++ {
		if order[i] >= apart*max(order[i-1], 1) && !beats(order[:i]) {
			return 2 * order[i-1]
		}
	}
	return 0
}

// beats reports whether the shorter gaps of a series are those between beats, and the others pauses: a
// check-in takes seconds, and its connections have no period of their own.
func beats(short []uint32) bool {
	q1, q2, q3 := quartiles(short)
	return short[len(short)-1] > longestCheckin || q2 >= minPeriod && q3-q1 < ownPeriod*q2
}
