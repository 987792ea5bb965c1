package verify

import (
	"encoding/binary"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// vifMAC is the MAC address that Linux gives to the end of a vif in the backend (xen-netback,
// interface.c).
var vifMAC = [6]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}

// ownMACs are the last MAC addresses that this machine has used on a vif: on a bridge, or as one of several gateways,
// it has more than one.
type ownMACs struct {
	list [4][6]byte
	next int
}

func (o *ownMACs) note(mac [6]byte) {
	if mac == ([6]byte{}) || o.list[0] == mac || slices.Contains(o.list[1:], mac) {
		return
	}
	o.list[o.next] = mac
	o.next = (o.next + 1) % len(o.list)
}

// has reports whether a frame is sent to this machine. As long as that has sent nothing, its address is
// that of a vif.
func (o *ownMACs) has(mac [6]byte) bool {
	if o.list[0] == ([6]byte{}) {
		return mac == vifMAC
	}
	return mac != [6]byte{} && slices.Contains(o.list[:], mac)
}

// arrives reports whether a packet gets from the vif to the IP layer of this machine: it is not damaged, and
// sent to this machine.
func (s *subject) arrives(p *packet.Packet, frame []byte) bool {
	h := ipHeader(p, frame)
	return h != nil && p.VLANs == 0 && !isDamaged(h) && (!p.HasMAC || s.macs.has(p.DstMAC))
}

// taken reports whether the kernel takes a packet from the vif: it arrives, in one piece, and is sound. Of
// a qube that is not known, or whose addresses are not, nothing is known of what it takes.
func (s *subject) taken(p *packet.Packet, frame []byte) bool {
	return s.qube != nil && !(s.anyIP6 && p.Family == 6) && p.Fragment == packet.FragmentNone && s.arrives(p, frame) &&
		isPlain(p, frame) && isSound(p, frame)
}

// isPlain reports whether an IP header has no options or extension headers, which the kernel may drop a
// packet for, and a length that the frame has room for.
func isPlain(p *packet.Packet, frame []byte) bool {
	h := ipHeader(p, frame)
	room := int(p.Length) - (len(frame) - len(h))
	if p.Family == 6 {
		return h[6] == p.Proto && header6+int(binary.BigEndian.Uint16(h[4:])) <= room
	}
	total := int(binary.BigEndian.Uint16(h[2:]))
	return h[0]&15 == header4/4 && total >= header4 && total <= room
}

// isSound reports whether the transport header of a packet agrees with its size: what does not is invalid
// to connection tracking (Linux, nf_conntrack_proto_tcp.c and nf_conntrack_proto_udp.c).
func isSound(p *packet.Packet, frame []byte) bool {
	const tcpHeader, udpHeader, tcpOffset = 20, 8, 12
	t, size := p.Transport(frame), wireSize(p, frame)
	switch p.Proto {
	case packet.ProtoTCP:
		if !p.HasL4 || len(t) <= tcpOffset {
			return false
		}
		n := int(t[tcpOffset]>>4) * 4
		return n >= tcpHeader && n <= size
	case packet.ProtoUDP:
		if !p.HasL4 || len(t) < udpHeader {
			return false
		}
		n := int(binary.BigEndian.Uint16(t[4:]))
		return n >= udpHeader && n <= size
	}
	return p.HasL4
}

// beginsNew reports whether a packet that is sound begins a connection, in the view of connection tracking.
// All else is dropped as invalid before any rule about its addresses, or is a part of a connection.
func beginsNew(p *packet.Packet) bool {
	const echoRequest, echoRequest6 = 8, 128
	switch p.Proto {
	case packet.ProtoTCP:
		return p.TCPFlags&(packet.SYN|packet.ACK|packet.FIN|packet.RST) == packet.SYN
	case packet.ProtoUDP:
		return true
	case packet.ProtoICMP:
		return p.ICMPType == echoRequest
	case packet.ProtoICMPv6:
		return p.ICMPType == echoRequest6
	}
	return false
}

// maxWhole is the size of the largest packet that every link lets through in one piece, in bytes (RFC 8200
// section 5). A larger one may leave in fragments, or in several segments.
const maxWhole = 1280

// staysWhole reports whether a packet leaves in one piece, if it leaves.
func staysWhole(p *packet.Packet, frame []byte) bool {
	header := header4
	if p.Family == 6 {
		header = header6
	}
	return p.Fragment == packet.FragmentNone && header+wireSize(p, frame) <= maxWhole
}
