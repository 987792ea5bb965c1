package reassembly

import (
	"bytes"
	"time"
)

// The bounds of what waits behind one gap. A reordered segment arrives within a
// round trip; what takes longer was not captured. GapTimeout is packet time.
const (
	MaxSegments = 8
	MaxBytes    = 64 << 10
	GapTimeout  = 200 * time.Millisecond
)

// Segment is one TCP segment of one direction.
type Segment struct {
	Time     int64  // packet time in nanoseconds
	Seq      uint32 // of the first byte of Data, or of the SYN
	SYN, FIN bool
	Data     []byte
	// Owner belongs to the caller and is returned with the data.
	Owner any
}

// end returns the sequence number after the segment's data.
func (s *Segment) end() uint32 { return s.Seq + uint32(len(s.Data)) }

// Handler receives the data of a stream in order.
type Handler interface {
	// Data is called with a segment whose Data follows what was delivered
	// before, without the bytes that repeat it. Data may be empty if FIN is set.
	Data(s *Segment)
	// Gap is called if n bytes are missing before the next Data.
	Gap(n int)
}

// Stats counts what happened to the segments of a stream.
type Stats struct {
	Repeated  uint64 // segments with nothing new
	Reordered uint64 // segments that waited for an earlier one, which came
	Gaps      uint64 // gaps reported to the handler
}

// Stream is one direction of a connection. The zero value starts at the first
// segment that it sees. It is not safe for concurrent use.
type Stream struct {
	next    uint32
	started bool
	waiting []Segment // in order
	bytes   int       // of waiting
	Stats   Stats
}

// Add passes to h what is in order now. It retains the segment's Data if an
// earlier segment is missing.
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
	s.Stats.Reordered += s.deliverWaiting(h)
}

// Acked says that the receiver has everything before seq: a gap before that will
// not be filled.
func (s *Stream) Acked(seq uint32, h Handler) {
	for len(s.waiting) > 0 && before(s.waiting[0].Seq, seq) {
		s.skipGap(h)
	}
}

// Advance skips gaps that are older than [GapTimeout] at now, in packet time.
func (s *Stream) Advance(now int64, h Handler) {
	for len(s.waiting) > 0 && now-s.oldest() > int64(GapTimeout) {
		s.skipGap(h)
	}
}

// Flush passes on everything that waits, and the gaps before it.
func (s *Stream) Flush(h Handler) {
	for len(s.waiting) > 0 {
		s.skipGap(h)
	}
}

// Held returns how many bytes wait for a missing segment.
func (s *Stream) Held() int { return s.bytes }

// Next returns the sequence number that is expected next. known is false before
// the first segment.
func (s *Stream) Next() (seq uint32, known bool) { return s.next, s.started }

// oldest returns the packet time at which the gap was seen first.
func (s *Stream) oldest() int64 {
	t := s.waiting[0].Time
	for i := range s.waiting[1:] {
		t = min(t, s.waiting[i+1].Time)
	}
	return t
}

// deliver passes on a segment that starts at next or before.
func (s *Stream) deliver(seg *Segment, h Handler) {
	old := s.next - seg.Seq
	if int(old) >= len(seg.Data) && len(seg.Data) > 0 {
		s.Stats.Repeated++
		return
	}
	if len(seg.Data) == 0 && old != 0 {
		s.Stats.Repeated++ // a FIN that was seen before
		return
	}
	if seg.Seq += old; old > 0 {
		seg.Data = bytes.Clone(seg.Data[old:]) // do not retain the memory of the repeated bytes
	}
	s.next = seg.end()
	h.Data(seg)
}

// deliverWaiting passes on the segments that are in order now, and returns how many
// there were.
func (s *Stream) deliverWaiting(h Handler) (n uint64) {
	for ; len(s.waiting) > 0 && !before(s.next, s.waiting[0].Seq); n++ {
		seg := s.pop()
		s.deliver(&seg, h)
	}
	return n
}

// wait inserts a segment in order, and skips the first gap if too much waits
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
		s.skipGap(h)
	}
}

// skipGap reports the first gap and continues after it.
func (s *Stream) skipGap(h Handler) {
	seg := s.pop()
	if before(s.next, seg.Seq) {
		s.Stats.Gaps++
		h.Gap(int(seg.Seq - s.next))
		s.next = seg.Seq
	}
	s.deliver(&seg, h)
	s.deliverWaiting(h)
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

// before reports whether a precedes b in sequence number space (RFC 9293 section
// 3.4), which wraps around.
func before(a, b uint32) bool { return int32(a-b) < 0 }
