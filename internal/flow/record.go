package flow

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Reason is why a record was made, after flowEndReason of RFC 5102 section
// 5.11.3.
type Reason uint8

// The reasons. All but ReasonNone make a final record.
const (
	ReasonNone    Reason = iota // an interim report; the flow lives on
	ReasonIdle                  // no packet for the idle timeout
	ReasonActive                // the flow is older than the active timeout; it continues in a new record
	ReasonEnd                   // TCP: FIN from both sides, or RST
	ReasonForced                // the meter stops
	ReasonEvicted               // the table was full
	reasons                     // the number of reasons
)

// Reasons is the number of different reasons, for arrays of counters.
const Reasons = int(reasons)

// String returns the name of the reason as events spell it, "" for ReasonNone and
// "reason N" for an unknown one.
func (r Reason) String() string {
	names := [...]string{"", "idle", "active", "end", "forced", "evicted"}
	if int(r) < len(names) {
		return names[r]
	}
	return "reason " + strconv.Itoa(int(r))
}

// Endpoint is one side of a flow: its address and what it has sent.
type Endpoint struct {
	Addr     packet.Addr
	Port     uint16 // 0 for protocols without ports
	MAC      [6]byte
	TCPFlags uint8 // all flags sent, or-ed
	ICMPType uint8 // of the last ICMP message sent; valid if Sent
	ICMPCode uint8 // likewise
	Packets  uint64
	Bytes    uint64 // on the wire, link header included
	Sent     bool   // it has sent a packet since the flow began
}

// Record describes a flow, or a part of it, up to the time of the report. Its
// counters cover the time since the last final record of the flow; with
// [Config.Delta], since the last record of any kind.
type Record struct {
	Source      Endpoint     // the initiator
	Destination Endpoint     // the responder
	Start, End  int64        // packet times, nanoseconds since the Unix epoch
	Born        int64        // packet time of the flow's first packet; the same in all its records
	Outer       packet.Outer // Src is the outer address on the initiator's side
	Iface       uint32       // observation point, as the capture numbers it
	VLAN        [2]uint16    // outermost first, valid up to VLANs
	ICMPID      uint16       // identifier of an ICMP query, 0 for other messages
	ICMPKind    uint16       // upper byte: type of the query or message; lower byte: code of a message other than a query
	VLANs       uint8
	Family      uint8 // 4 or 6
	Proto       uint8
	State       State            // TCP only
	SynCount    uint8            // SYN packets of the initiator, saturating at 255
	RSTCount    uint8            // resets of both sides, saturating at 255
	FromSource  packet.Direction // which way the source's packets crossed the observation point
	HasMAC      bool
	Reason      Reason
	Mark        Mark // of a keeper of packets
	Kept        Kept // is filled in by it, see pipeline.Keeper
}

// Final reports whether the record ends its counters; false for an interim report.
func (r *Record) Final() bool { return r.Reason != ReasonNone }

// IsICMP reports whether the flow is ICMP of either version.
func (r *Record) IsICMP() bool {
	return r.Proto == packet.ProtoICMP || r.Proto == packet.ProtoICMPv6
}

// Midstream reports whether the flow is one of TCP without the SYN of its initiator: a part of a
// connection that has begun before.
func (r *Record) Midstream() bool { return r.Proto == packet.ProtoTCP && r.SynCount == 0 }

// record writes the state of e into r.
func (t *Table) record(e *entry, r *Record, reason Reason) {
	k := &e.key
	*r = Record{Start: e.first, End: e.last, Born: e.born, Iface: k.Iface, VLAN: k.VLAN,
		VLANs: k.VLANs, Family: k.Family, Proto: k.Proto, FromSource: e.side,
		HasMAC: e.hasMAC, Reason: reason, Mark: e.mark}
	r.Source = Endpoint{Addr: k.A, Port: k.APort}
	r.Destination = Endpoint{Addr: k.B, Port: k.BPort}
	if e.is(initiatorB) {
		r.Source, r.Destination = r.Destination, r.Source
	}
	e.counters(&r.Source, initiator)
	e.counters(&r.Destination, responder)
	if k.Tunnel != 0 {
		r.Outer = t.tunnels.outer(k.Tunnel)
		r.Outer.SrcPort, r.Outer.DstPort = e.outerPorts[initiator], e.outerPorts[responder]
		if e.is(outerRev) {
			r.Outer.Src, r.Outer.Dst = r.Outer.Dst, r.Outer.Src
		}
	}
	switch {
	case k.Proto == packet.ProtoTCP:
		r.State, r.SynCount, r.RSTCount = e.tcp.state(), e.tcp.synCount, e.tcp.rstCount
	case r.IsICMP():
		r.ICMPID, r.ICMPKind = k.APort, k.BPort
		r.Source.Port, r.Destination.Port = 0, 0
	}
}

// counters writes what one side has sent into p.
func (e *entry) counters(p *Endpoint, side int) {
	p.MAC, p.Packets, p.Bytes, p.Sent = e.mac[side], e.packets[side], e.bytes[side], e.sent(side)
	p.TCPFlags = e.tcp.flags[side]
	if e.key.Proto == packet.ProtoICMP || e.key.Proto == packet.ProtoICMPv6 {
		p.ICMPType, p.ICMPCode = e.latest.message(side)
	}
}
