package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

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
}

// add notes a segment of n bytes, which is too short for a message. It reports whether that may be a
// length, of a connection of which none has come, or the other half of one. That of a connection whose
// message never comes holds its place; with too many of these, it reports false.
func (l *lengths) add(p *packet.Packet, frame []byte, n int) bool {
	begin := sequence(p, frame)
	if one := l.find(p); one != nil {
		return int32(begin-one.begin)+int32(n) <= lengthSize //nolint:gosec // wraps as sequence numbers do
	}
	one := &l.list[l.next]
	full := one.ports != 0
	*one = aloneLength{p.Dst, portsOf(p), begin}
	l.next = (l.next + 1) % len(l.list)
	return !full
}

// end notes that the message of a connection has come.
func (l *lengths) end(p *packet.Packet) {
	if one := l.find(p); one != nil {
		*one = aloneLength{}
	}
}

func (l *lengths) find(p *packet.Packet) *aloneLength {
	for i := range l.list {
		if one := &l.list[i]; one.ports == portsOf(p) && one.dst == p.Dst {
			return one
		}
	}
	return nil
}
