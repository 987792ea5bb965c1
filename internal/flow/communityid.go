package flow

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// CommunityID returns the flow's Community ID version 1
// (https://github.com/corelight/community-id-spec) with the given seed. Of
// tunnelled packets it is the ID of the flow between the record's endpoints.
func (r *Record) CommunityID(seed uint16) string {
	a, b := &r.Source, &r.Destination
	if r.IsICMP() && !a.Sent && b.Sent {
		a, b = b, a // only the answer was seen, so its message counts
	}
	src, dst, oneWay := r.communityPorts(a, b)
	from, to := &a.Addr, &b.Addr
	if order := from.Compare(to); !oneWay && (order > 0 || order == 0 && src > dst) {
		from, to, src, dst = to, from, dst, src
	}
	n := 4
	if r.Family == 6 {
		n = 16
	}
	var buf [2 + 16 + 16 + 2 + 4]byte
	msg := binary.BigEndian.AppendUint16(buf[:0], seed)
	msg = append(append(msg, from[:n]...), to[:n]...)
	msg = append(msg, r.Proto, 0)
	if r.hasCommunityPorts() {
		msg = binary.BigEndian.AppendUint16(msg, src)
		msg = binary.BigEndian.AppendUint16(msg, dst)
	}
	sum := sha1.Sum(msg) //nolint:gosec // the specification's choice; not a secret
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}

// hasCommunityPorts reports whether ports are part of the protocol's hash.
func (r *Record) hasCommunityPorts() bool {
	switch r.Proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		return true
	}
	return r.IsICMP()
}

// communityPorts returns what the specification hashes as the ports of a flow from
// a to b. For ICMP these are the types of query and answer, or, if the message has
// no counterpart, type and code; oneWay is true then and the endpoints keep their
// order.
func (r *Record) communityPorts(a, b *Endpoint) (src, dst uint16, oneWay bool) {
	switch r.Proto {
	case packet.ProtoICMP:
		return icmpCounterpart(a.ICMPType, a.ICMPCode, icmp4Pairs[:])
	case packet.ProtoICMPv6:
		return icmpCounterpart(a.ICMPType, a.ICMPCode, icmp6Pairs[:])
	}
	return a.Port, b.Port, false
}

// The pairs of message types that are each other's counterpart, as in the
// specification's reference implementation.
var (
	icmp4Pairs = [...][2]uint8{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	icmp6Pairs = [...][2]uint8{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}}
)

// icmpCounterpart returns type and counterpart of a message, or its type and code
// and true if pairs has no counterpart.
func icmpCounterpart(kind, code uint8, pairs [][2]uint8) (src, dst uint16, oneWay bool) {
	for _, p := range pairs {
		switch kind {
		case p[0]:
			return uint16(p[0]), uint16(p[1]), false
		case p[1]:
			return uint16(p[1]), uint16(p[0]), false
		}
	}
	return uint16(kind), uint16(code), true
}
