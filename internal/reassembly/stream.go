package reassembly

import (
	"bytes"
	"time"
)

// The bounds of what waits behind one gap. A segment that was overtaken arrives
// within a round trip; what takes longer was lost before the capture.
const (
	MaxSegments = 8
	MaxBytes    = 64 << 10
	Patience    = 200 * time.Millisecond // of packet time
)

// Segment is one TCP segment of one direction.
type Segment struct {
	Time     int64  // packet time in nanoseconds
	Seq      uint32 // of the first byte of Data, or of the SYN
	SYN, FIN bool
	Data     []byte
	// Owner belongs to the caller and is passed on with the data.
	Owner any
}

// end returns the sequence number after the segment's data.
func (s *Segment) end() uint32 { return s.Seq + uint32(len(s.Data)) }

// Handler receives the data of a stream in order.
type Handler interface {
	// Data is called with a segment whose Data follows what was delivered
	// before; what repeats that is cut off its front. Data may be empty if FIN is
	// set. The segment is valid during the call only; its Data may be kept.
	Data(s *Segment)
	// Gap is called if n bytes are missing before the next Data.
	Gap(n int)
}

// Stats counts the segments and gaps of a stream.
type Stats struct {
	Repeated  uint64 // segments without new data
	Reordered uint64 // segments that waited for an earlier one, which arrived
	Gaps      uint64 // gaps that were given up
}

// Stream is one direction of a connection. The zero value begins at the first
// segment that it is given. It is not safe for concurrent use.
type Stream struct {
	next    uint32    // sequence number of the next byte to deliver; valid if started
	started bool      // a segment has been seen
	waiting []Segment // in order of their sequence numbers
	bytes   int       // of waiting
	Stats   Stats
}

// Add takes a segment and passes to h what is now in order. If the segment has to
// wait, its Data is kept and must not be changed.
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

// Acked takes an acknowledgement: the other side has everything before seq, so a
// gap before that will not be filled.
func (s *Stream) Acked(seq uint32, h Handler) {
	for len(s.waiting) > 0 && before(s.waiting[0].Seq, seq) {
		s.giveUp(h)
	}
}

// Advance gives up the gaps that are older than Patience at now, in nanoseconds of
// packet time.
func (s *Stream) Advance(now int64, h Handler) {
	for len(s.waiting) > 0 && now-s.oldest() > int64(Patience) {
		s.giveUp(h)
	}
}

// Flush delivers everything that waits.
func (s *Stream) Flush(h Handler) {
	for len(s.waiting) > 0 {
		s.giveUp(h)
	}
}

// Held returns the number of bytes that wait.
func (s *Stream) Held() int { return s.bytes }

// Next returns the sequence number that is expected next. known is false before
// the first segment.
func (s *Stream) Next() (seq uint32, known bool) { return s.next, s.started }

// oldest returns the time of the earliest segment that waits, which is when the
// gap was first seen.
func (s *Stream) oldest() int64 {
	t := s.waiting[0].Time
	for i := range s.waiting[1:] {
		t = min(t, s.waiting[i+1].Time)
	}
	return t
}

// deliver passes on a segment that begins at next or before.
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
		seg.Data = bytes.Clone(seg.Data[old:]) // so that the rest does not keep the repeated part in memory
	}
	s.next = seg.end()
	h.Data(seg)
}

// follow delivers the segments that have waited for the data just delivered, and
// returns how many there were.
func (s *Stream) follow(h Handler) (n uint64) {
	for ; len(s.waiting) > 0 && !before(s.next, s.waiting[0].Seq); n++ {
		seg := s.pop()
		s.deliver(&seg, h)
	}
	return n
}

// wait inserts a segment in order and gives up the first gap while too much waits
// behind it.
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

// giveUp reports the first gap and delivers what follows it.
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

// pop removes the first segment that waits.
func (s *Stream) pop() Segment {
	seg := s.waiting[0]
	n := copy(s.waiting, s.waiting[1:])
	s.waiting[n] = Segment{}
	s.waiting = s.waiting[:n]
	if s.bytes -= len(seg.Data); n == 0 {
		s.waiting = nil // few streams ever need the memory again
	}
	return seg
}

// before reports whether a is before b modulo 2^32 (RFC 9293 section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }
