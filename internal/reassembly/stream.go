package reassembly

import (
	"bytes"
	"time"
)

// The bounds of what waits behind one hole. A segment that was overtaken comes
// within a round trip; what takes longer was lost on the way to the capture.
const (
	MaxSegments = 8
	MaxBytes    = 64 << 10
	Patience    = 200 * time.Millisecond
)

// Segment is one TCP segment of one direction.
type Segment struct {
	Time     int64  // packet time in nanoseconds
	Seq      uint32 // of the first byte of Data, or of the SYN
	SYN, FIN bool
	Data     []byte
	// Owner is the caller's; it comes back with the data.
	Owner any
}

// end is the sequence number behind the segment's data.
func (s *Segment) end() uint32 { return s.Seq + uint32(len(s.Data)) }

// Handler takes what a stream has put in order.
type Handler interface {
	// Data is called with a segment whose Data follows what was delivered
	// before; its front is cut off where it repeats that. Data may be empty
	// where FIN is set.
	Data(s *Segment)
	// Gap is called where n bytes are missing before the next Data.
	Gap(n int)
}

// Stats counts what happened to the segments of a stream.
type Stats struct {
	Repeated  uint64 // segments with nothing new
	Reordered uint64 // segments that waited for an earlier one, which came
	Gaps      uint64 // holes that were given up
}

// Stream is one direction of a connection. The zero value begins at the first
// segment that it sees. It is not safe for concurrent use.
type Stream struct {
	next    uint32
	started bool
	waiting []Segment // in order
	bytes   int       // of waiting
	Stats   Stats
}

// Add takes a segment and hands to h what is in order now. It keeps the segment's
// Data where it has to wait.
func (s *Stream) Add(seg Segment, h Handler) {
	if seg.SYN {
		seg.Seq++
		if !s.started {
			s.next, s.started = seg.Seq, true
		}
	}
	if len(seg.Data) == 0 && !seg.FIN {
		return
	}
	if !s.started {
		s.next, s.started = seg.Seq, true
	}
	if before(s.next, seg.Seq) {
		s.wait(seg, h)
		return
	}
	s.deliver(&seg, h)
	s.Stats.Reordered += s.follow(h)
}

// Acked tells that the other side has everything before seq: a hole before that
// will not be filled.
func (s *Stream) Acked(seq uint32, h Handler) {
	for len(s.waiting) > 0 && before(s.waiting[0].Seq, seq) {
		s.giveUp(h)
	}
}

// Advance gives up holes that have waited too long by now, in packet time.
func (s *Stream) Advance(now int64, h Handler) {
	for len(s.waiting) > 0 && now-s.oldest() > int64(Patience) {
		s.giveUp(h)
	}
}

// Flush hands over everything that waits.
func (s *Stream) Flush(h Handler) {
	for len(s.waiting) > 0 {
		s.giveUp(h)
	}
}

// Held returns the bytes that wait.
func (s *Stream) Held() int { return s.bytes }

// Next returns the sequence number that is expected next, and whether one is.
func (s *Stream) Next() (seq uint32, known bool) { return s.next, s.started }

// oldest is when the hole was seen first.
func (s *Stream) oldest() int64 {
	t := s.waiting[0].Time
	for i := range s.waiting[1:] {
		t = min(t, s.waiting[i+1].Time)
	}
	return t
}

// deliver hands over a segment that begins at next or before.
func (s *Stream) deliver(seg *Segment, h Handler) {
	old := s.next - seg.Seq
	if int(old) >= len(seg.Data) && len(seg.Data) > 0 {
		s.Stats.Repeated++
		return
	}
	if len(seg.Data) == 0 && old != 0 {
		s.Stats.Repeated++ // a FIN from the past
		return
	}
	if seg.Seq += old; old > 0 {
		seg.Data = bytes.Clone(seg.Data[old:]) // what is cut off must not stay in memory with the rest
	}
	s.next = seg.end()
	h.Data(seg)
}

// follow hands over what waited for the data that has just come, and returns how
// many segments that were.
func (s *Stream) follow(h Handler) (n uint64) {
	for ; len(s.waiting) > 0 && !before(s.next, s.waiting[0].Seq); n++ {
		seg := s.pop()
		s.deliver(&seg, h)
	}
	return n
}

// wait keeps a segment in its place and gives up the first hole when too much
// waits behind it.
func (s *Stream) wait(seg Segment, h Handler) {
	at := len(s.waiting)
	for at > 0 && before(seg.Seq, s.waiting[at-1].Seq) {
		at--
	}
	s.waiting = append(s.waiting, Segment{})
	copy(s.waiting[at+1:], s.waiting[at:])
	s.waiting[at] = seg
	s.bytes += len(seg.Data)
	for len(s.waiting) > MaxSegments || s.bytes > MaxBytes {
		s.giveUp(h)
	}
}

// giveUp reports the first hole and goes on behind it.
func (s *Stream) giveUp(h Handler) {
	seg := s.pop()
	if before(s.next, seg.Seq) {
		s.Stats.Gaps++
		h.Gap(int(seg.Seq - s.next))
		s.next = seg.Seq
	}
	s.deliver(&seg, h)
	s.follow(h)
}

func (s *Stream) pop() Segment {
	seg := s.waiting[0]
	n := copy(s.waiting, s.waiting[1:])
	s.waiting[n] = Segment{}
	s.waiting = s.waiting[:n]
	if s.bytes -= len(seg.Data); n == 0 {
		s.waiting = nil // few streams ever need it
	}
	return seg
}

// before reports whether a is before b in the circle of sequence numbers.
func before(a, b uint32) bool { return int32(a-b) < 0 }
