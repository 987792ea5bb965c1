package verify

import (
	"encoding/binary"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// lengths are connections of DNS over TCP of which the length of a message has come alone, and the
// message not yet.
type lengths struct {
	list [8]aloneLength
	next int
}

// aloneLength is such a length.
type aloneLength struct {
	dst   packet.Addr
	ports uint32 // 0 for none
	begin uint32 // its sequence number
	at    int64  // own time of its first segment
	value [lengthSize]byte
	have  int // how many bytes of it have come
}

// lengthFor is how long a message may take to follow its length, in nanoseconds.
const lengthFor = int64(2 * time.Minute)

// add notes a segment of n bytes, which is too short for a message. It reports whether that may be a
// length, of a connection of which none has come, or the other half of one. That of a connection whose
// message does not come holds its place for a while; with too many of these, it reports false.
func (l *lengths) add(p *packet.Packet, frame []byte, n int, now int64) bool {
	begin := sequence(p, frame)
	one := l.find(p)
	if one == nil {
		one = &l.list[l.next]
		full := one.ports != 0 && now-one.at < lengthFor
		*one = aloneLength{dst: p.Dst, ports: portsOf(p), begin: begin, at: now}
		if l.next = (l.next + 1) % len(l.list); full {
			return false
		}
	}
	from := int(int32(begin - one.begin)) //nolint:gosec // wraps as sequence numbers do
	if from < 0 || from+n > lengthSize {
		return false
	}
	payload, _ := p.Payload(frame)
	for i := range payload {
		if at := from + i; at == one.have && at < lengthSize { // what comes again is not what counts
			one.value[at] = payload[i]
			one.have++
		}
	}
	return true
}

// end notes that the message has come whose first byte, its length left out, has a sequence number: behind
// the length that has come alone, or with it once more. It returns that length, if all of it has come.
func (l *lengths) end(p *packet.Packet, begin uint32) (n int, ok bool) {
	one := l.find(p)
	if one == nil || begin != one.begin+lengthSize {
		return 0, false
	}
	n, ok = int(binary.BigEndian.Uint16(one.value[:])), one.have == lengthSize
	*one = aloneLength{}
	return n, ok
}

func (l *lengths) find(p *packet.Packet) *aloneLength {
	for i := range l.list {
		if one := &l.list[i]; one.ports == portsOf(p) && one.dst == p.Dst {
			return one
		}
	}
	return nil
}

// isFramed reports whether a packet of DNS is one message of its true length: over TCP, the length says
// where the resolver takes the next message to begin.
func (s *subject) isFramed(p *packet.Packet, frame []byte) bool {
	payload, ok := p.Payload(frame)
	if p.Proto != packet.ProtoTCP || !ok {
		return ok
	}
	msg, begin := message(payload), sequence(p, frame)
	if len(msg) == 0 {
		return false
	}
	if len(msg) == len(payload) {
		n, ok := s.lengths.end(p, begin)
		return ok && n == len(msg)
	}
	n, alone := s.lengths.end(p, begin+lengthSize)
	first := int(binary.BigEndian.Uint16(payload))
	return first == len(msg) && (!alone || n == first)
}
