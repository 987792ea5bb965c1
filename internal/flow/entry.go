package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// entry is one live flow. Its first two cache lines hold what every packet
// reads or writes; the rest is accessed only when the flow starts, is reported
// or ends.
type entry struct {
	key     Key   // 52 bytes
	note    Note  // of a judge
	touched int64 // table time of the last packet

	packets [2]uint64 // by side: initiator, responder
	bytes   [2]uint64
	born    int64 // packet time of the first packet of the flow
	last    int64 // latest packet time since the last final report

	tcp   tcpState
	burst burst
	place uint16 // of the shunt, 0 if the flow is not shunted
	facts facts
	side  packet.Direction // of the initiator's packets

	mac    [2][6]byte
	latest latest

	first      int64 // earliest packet time since the last final report
	activeFrom int64 // table time at which the active timeout started
	reportFrom int64 // table time of the last interim report

	next, prev uint32 // neighbours in a wheel slot; next also links the free list
	hash       uint32
	slot       int16 // wheel slot, -1 for none
	hasMAC     bool
	mark       Mark // of a keeper; with it the entry fills three cache lines

	outerPorts [2]uint16 // by side: ports of the outer header of the first packet
}

// facts are what is or is not so of an entry, a bit each: the cache line has no room for bools.
type facts uint8

// The facts. The last two are by side, from sentFirst up: that it has sent a packet since the
// flow began.
const (
	initiatorB facts = 1 << iota // the initiator is key.B
	closing                      // the connection is closed and lingers for late packets
	split                        // an active timeout has already made a record
	fresh                        // the next packet starts a new span of time
	outerRev                     // the outer header is stored in the reverse direction
	reported                     // no packet since the last report
	sentFirst
)

// is reports whether a fact holds.
func (e *entry) is(f facts) bool { return e.facts&f != 0 }

// sent reports whether a side has sent a packet since the flow began.
func (e *entry) sent(side int) bool { return e.is(sentFirst << (side & 1)) }

// sends notes that a side has sent a packet.
func (e *entry) sends(side int) { e.facts = e.facts&^reported | sentFirst<<(side&1) }

// latest is what an entry keeps of the last packets, by protocol: of TCP the sequence number
// of the initiator's last SYN, of ICMP type and code of the last message of each side.
type latest uint32

// message returns type and code of the last ICMP message of a side.
func (l latest) message(side int) (kind, code uint8) {
	l >>= 16 * side
	return uint8(l >> 8), uint8(l)
}

// setMessage sets type and code of the last ICMP message of a side.
func (l *latest) setMessage(side int, kind, code uint8) {
	*l = *l&^(0xffff<<(16*side)) | latest(uint32(kind)<<8|uint32(code))<<(16*side)
}

// The two sides of a flow, as indexes into the fields of an entry.
const (
	initiator = 0
	responder = 1
)

// sideOf returns the side that sent a packet whose key was swapped or not.
func sideOf(e *entry, swapped bool) int {
	if swapped == e.is(initiatorB) {
		return initiator
	}
	return responder
}

// start fills e for the first packet of a new flow. isB says that the initiator is key.B.
func (e *entry) start(k *Key, hash uint64, p *packet.Packet, isB, swapped bool, now int64) {
	next, mark := e.next, e.mark&^MarkOpen
	*e = entry{key: *k, hash: uint32(hash >> 32), touched: now, first: p.Time, last: p.Time,
		born: p.Time, activeFrom: now, reportFrom: now, next: next, slot: -1, mark: mark, facts: fresh}
	if isB {
		e.facts |= initiatorB
	}
	s := sideOf(e, swapped)
	if p.Outer.Src.Compare(&p.Outer.Dst) > 0 != (s == responder) {
		e.facts |= outerRev
	}
	e.outerPorts[s], e.outerPorts[1-s] = p.Outer.SrcPort, p.Outer.DstPort
	if e.hasMAC = p.HasMAC; e.hasMAC {
		e.mac[s], e.mac[1-s] = p.SrcMAC, p.DstMAC
	}
	if e.side = p.Direction; s == responder {
		e.side = e.side.Opposite()
	}
}

// reversed reports whether p, the first packet seen of a flow, was sent by the
// responder. A SYN+ACK and the answer to an ICMP query always are. In a TCP flow
// that is first seen in the middle (metering began late, or an idle timeout split
// it) the only side with a server port is taken for the responder, as in Zeek;
// otherwise a connection that was idle would return as one that the server opened.
func reversed(p *packet.Packet) bool {
	if !p.HasL4 {
		return false
	}
	if p.IsICMP() {
		query, ok := p.ICMPQuery()
		return ok && query != p.ICMPType // an answer
	}
	if p.Proto != packet.ProtoTCP {
		return false
	}
	switch p.TCPFlags & (packet.SYN | packet.ACK) {
	case packet.SYN | packet.ACK:
		return true
	case packet.SYN:
		return false
	}
	return serverPort(p.SrcPort) && !serverPort(p.DstPort)
}

// serverPort reports whether only servers use a port. Of those from 512 to 1023
// only the listed ones count: clients of NFS and other RPC services use the rest
// as source ports.
func serverPort(port uint16) bool {
	switch port {
	case 587, 636, 853, 873, 989, 990, 992, 993, 995:
		return true
	}
	return port < 512
}

// add counts one packet.
func (e *entry) add(p *packet.Packet, swapped bool, now int64) {
	s := sideOf(e, swapped)
	e.packets[s]++
	e.bytes[s] += uint64(p.Length)
	e.touched = now
	e.sends(s)
	e.span(p.Time)
	switch p.Proto {
	case packet.ProtoTCP:
		e.tcp.observe(s, p.TCPFlags)
		if s == initiator && opens(p) {
			e.latest = latest(p.SYNSeq)
		}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		e.latest.setMessage(s, p.ICMPType, p.ICMPCode)
	}
}

// span widens the flow's time to t. Packets of several queues or files may arrive
// out of order; a flow spans all of them.
func (e *entry) span(t int64) {
	if e.is(fresh) {
		e.first, e.last = t, t
		e.facts &^= fresh
		return
	}
	if t >= e.last {
		e.last = t
		return
	}
	e.first = min(e.first, t)
}

// endReason returns why a flow that gets no more packets ends: ReasonEnd for a
// closed connection, silent for any other.
func (e *entry) endReason(silent Reason) Reason {
	if e.is(closing) {
		return ReasonEnd
	}
	return silent
}

// opens reports whether p asks for a connection: a SYN alone.
func opens(p *packet.Packet) bool {
	return p.TCPFlags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN
}

// reopened reports whether p opens a new connection on the ports of this one. It does not if it is older than the last packet, which
// makes it a late copy, if the responder has not answered yet, or if the connection is
// open and was asked for with the same sequence number: then it is a repetition.
func (e *entry) reopened(p *packet.Packet) bool {
	switch {
	case !opens(p) || p.Time < e.last:
		return false
	case e.is(closing):
		return true
	}
	repeated := e.tcp.synCount > 0 && latest(p.SYNSeq) == e.latest
	return e.tcp.answered() && !repeated
}
