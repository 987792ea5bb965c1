package packet

// Kinds is a set of kinds of packets, for those who look at few. A packet may be of several.
type Kinds uint8

// The kinds.
const (
	Segment    Kinds = 1 << iota // of TCP
	Handshake                    // a segment that begins with a record of the handshake of TLS
	LongHeader                   // a datagram of UDP that begins like a long header of QUIC
	Domain                       // one of the ports is that of the DNS
	ICMP                         // or ICMPv6
	Rest                         // none of these

	AllKinds = Segment | Handshake | LongHeader | Domain | ICMP | Rest
)

const (
	handshake  = 22   // content type (RFC 8446 section 5.1)
	longHeader = 0xc0 // bits that are set in the first byte (RFC 9000 section 17.2)
	domainPort = 53
)

// KindsOf returns the kinds of a packet that was decoded from a frame. It is a quick look before
// [Packet.Payload]: of what begins in some way there may be no payload.
func KindsOf(p *Packet, frame []byte) (k Kinds) {
	switch p.Proto {
	case ProtoTCP:
		k = Segment
		if p.SegmentBegins(frame, handshake) {
			k |= Handshake
		}
	case ProtoUDP:
		k = Rest
		if at := int(p.TransportAt) + udpHeader; at < len(frame) && frame[at]&longHeader == longHeader {
			k = LongHeader
		}
	case ProtoICMP, ProtoICMPv6:
		return ICMP
	default:
		k = Rest
	}
	if p.SrcPort == domainPort || p.DstPort == domainPort {
		k |= Domain
	}
	return k
}
