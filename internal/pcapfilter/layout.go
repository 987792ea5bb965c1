package pcapfilter

import "github.com/qubesbeat/qubesbeat/internal/packet"

// linkKind is the way in which a frame names its network protocol.
type linkKind int

const (
	ethernet linkKind = iota
	cooked            // Linux "cooked" capture, version 1
	cooked2           // version 2
	rawIP             // by the IP version
	rawIPv4
	rawIPv6
	loopback   // address family in the writer's byte order
	loopbackBE // in network byte order
	ppp        // inside PPPoE
)

// layout holds the offsets of the headers, in bytes into the frame. vlan, mpls and
// pppoes change it.
type layout struct {
	kind     linkKind
	link     uint32 // link header
	typ      uint32 // field that names the protocol
	l3       uint32 // network header
	llcExtra uint32 // bytes of the 802.2 header before an ISO packet
	labels   int    // MPLS labels before l3
}

// layoutOf returns the layout of a link type; ok is false if it is not supported.
func layoutOf(link packet.Link) (layout, bool) {
	switch link {
	case packet.LinkEthernet:
		return layout{kind: ethernet, typ: 12, l3: 14, llcExtra: 3}, true
	case packet.LinkSLL:
		return layout{kind: cooked, typ: 14, l3: 16}, true
	case packet.LinkSLL2:
		return layout{kind: cooked2, l3: 20}, true
	case packet.LinkRaw, packet.LinkRaw12, packet.LinkRaw14:
		return layout{kind: rawIP}, true
	case packet.LinkIPv4:
		return layout{kind: rawIPv4}, true
	case packet.LinkIPv6:
		return layout{kind: rawIPv6}, true
	case packet.LinkNull:
		return layout{kind: loopback, l3: 4}, true
	case packet.LinkLoop:
		return layout{kind: loopbackBE, l3: 4}, true
	}
	return layout{}, false
}

// behindIPv4 returns the field at off bytes after the IPv4 header.
func (l layout) behindIPv4(off uint32, size int) field {
	return field{off: l.l3 + off, size: size, mask: allOnes, indirect: true, l3: l.l3}
}

// network returns the field at off bytes into the network header.
func (l layout) network(off uint32, size int) field { return at(l.l3+off, size) }

// Protocol numbers: IEEE 802 EtherTypes, and below 256 service access points of
// IEEE 802.2.
const (
	etherIPv4     = 0x0800
	etherARP      = 0x0806
	etherRARP     = 0x8035
	etherIPv6     = 0x86dd
	etherVLAN     = 0x8100
	etherQinQ     = 0x88a8
	etherQinQOld  = 0x9100
	etherMPLS     = 0x8847
	etherPPPoED   = 0x8863
	etherPPPoES   = 0x8864
	etherAtalk    = 0x809b
	etherAARP     = 0x80f3
	etherIPX      = 0x8137
	etherDecnet   = 0x6003
	etherLAT      = 0x6004
	etherSCA      = 0x6007
	etherMOPDL    = 0x6001
	etherMOPRC    = 0x6002
	etherLoopback = 0x9000

	sapIP      = 0x06
	sapSTP     = 0x42
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapISO     = 0xfe

	// maxLength is the greatest value of an Ethernet type field that is a
	// length (IEEE 802.3).
	maxLength = 1500
)
