package periodic

import "slices"

// Ring is how many gaps a series remembers.
const Ring = 64

// The shape of a series, in milliseconds if nothing else is said.
const (
	together = 250    // arrivals closer than this to the one before are one beat: connections of one check-in
	hour     = 3600e3 // gaps shorter than this never break a series
	suspend  = 8      // gaps longer than an hour and that many medians are a suspend, and no gap
	maxGap   = 1<<32 - 1
)

// Series is a series of arrivals. The zero value is empty and ready for use. It is not
// safe for concurrent use.
type Series struct {
	first, last, raw int64 // times of the first beat, the last beat, and the last arrival, ns
	gaps             [Ring]uint32
	sizes            [Ring]uint32 // bytes that the client sent with a beat
	merge            uint32       // arrivals closer than this to the one before are part of its beat
	seen             uint32       // gaps so far
	merged           uint32       // arrivals that were merged since the last look
	next             uint32       // seen at the next look
	n, head          uint8        // gaps in the ring, and the place of the next
	sized, sizeHead  uint8        // likewise for sizes
	passed           uint8        // looks in a row that found the series regular
}

// Add adds an arrival at a time in nanoseconds and reports whether it is time for a
// [Series.Look].
func (s *Series) Add(at int64) bool {
	if s.raw == 0 || at < s.last-1e9 { // the first, or the clock was set back
		*s = Series{first: at, last: at, raw: at, next: looks[0], n: 0}
		return false
	}
	since, gap := (at-s.raw)/1e6, (at-s.last)/1e6
	s.raw = max(s.raw, at)
	if since < max(together, int64(s.merge)) {
		if s.merged++; s.merged > manyMerged { // what was a usual gap is none any more
			*s = Series{first: at, last: at, raw: at, next: looks[0]}
		}
		return false
	}
	s.last = at
	if gap > hour && s.n >= 4 && gap > suspend*int64(s.median()) {
		return false
	}
	s.push(uint32(min(gap, maxGap)))
	return s.seen >= s.next
}

// Size adds the bytes that the client has sent with a beat.
func (s *Series) Size(bytes uint64) {
	s.sizes[s.sizeHead] = uint32(min(bytes, maxGap))
	s.sizeHead = (s.sizeHead + 1) % Ring
	s.sized = min(s.sized+1, Ring)
}

// Beats returns the number of beats so far.
func (s *Series) Beats() int { return int(s.seen) + 1 }

// Begun and Last return the times of the first and of the latest beat, in nanoseconds.
func (s *Series) Begun() int64 { return s.first }

// Last returns the time of the latest beat, in nanoseconds.
func (s *Series) Last() int64 { return s.last }

// Latest returns the time of the latest arrival, also of one that belongs to an earlier beat,
// in nanoseconds; 0 if there was none.
func (s *Series) Latest() int64 { return s.raw }

func (s *Series) push(gap uint32) {
	s.gaps[s.head] = gap
	s.head = (s.head + 1) % Ring
	s.n = min(s.n+1, Ring)
	s.seen++
}

// ordered copies the gaps into dst, the oldest first.
func (s *Series) ordered(dst *[Ring]uint32) []uint32 {
	from := (int(s.head) - int(s.n) + Ring) % Ring
	for i := range int(s.n) {
		dst[i] = s.gaps[(from+i)%Ring]
	}
	return dst[:s.n]
}

// median returns the median of the gaps, of which there must be one.
func (s *Series) median() uint32 {
	var buf [Ring]uint32
	gaps := buf[:copy(buf[:], s.gaps[:s.n])]
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}
