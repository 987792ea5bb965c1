package flow

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// CommunityID returns the flow's Community ID version 1
// (https://github.com/corelight/community-id-spec) with the given seed, or ""
// for a protocol without one. It is that of the metered (innermost) packet.
func (r *Record) CommunityID(seed uint16) string {
	src, dst, oneWay, ok := r.communityPorts()
	if !ok {
		return ""
	}
	a, b := &r.Source.Addr, &r.Destination.Addr
	if order := a.Compare(b); !oneWay && (order > 0 || order == 0 && src > dst) {
		a, b, src, dst = b, a, dst, src
	}
	n := 4
	if r.Family == 6 {
		n = 16
	}
	var buf [2 + 16 + 16 + 2 + 4]byte
	msg := binary.BigEndian.AppendUint16(buf[:0], seed)
	msg = append(append(msg, a[:n]...), b[:n]...)
	msg = append(msg, r.Proto, 0)
	msg = binary.BigEndian.AppendUint16(msg, src)
	msg = binary.BigEndian.AppendUint16(msg, dst)
	sum := sha1.Sum(msg) //nolint:gosec // the specification's choice; not a secret
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}

// communityPorts returns what the specification hashes as ports. For ICMP these
// are the types of query and answer, or, one way, type and code.
func (r *Record) communityPorts() (src, dst uint16, oneWay, ok bool) {
	switch r.Proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		return r.Source.Port, r.Destination.Port, false, true
	case packet.ProtoICMP:
		kind, code := r.messageOf()
		src, dst, oneWay = icmpCounterpart(kind, code, icmp4Pairs[:])
		return src, dst, oneWay, true
	case packet.ProtoICMPv6:
		kind, code := r.messageOf()
		src, dst, oneWay = icmpCounterpart(kind, code, icmp6Pairs[:])
		return src, dst, oneWay, true
	}
	return 0, 0, false, false
}

// messageOf returns the ICMP message of the source, or where the source sent
// none, that of the destination.
func (r *Record) messageOf() (kind, code uint8) {
	if r.Source.Packets > 0 {
		return r.Source.ICMPType, r.Source.ICMPCode
	}
	return r.Destination.ICMPType, r.Destination.ICMPCode
}

// The message types that are each other's counterpart, as the specification's
// reference implementation lists them.
var (
	icmp4Pairs = [...][2]uint8{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	icmp6Pairs = [...][2]uint8{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}}
)

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
