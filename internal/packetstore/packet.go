package packetstore

import "net/netip"

// Packet is a captured frame and the flow that it belongs to.
type Packet struct {
	Iface    uint32 // index of the observation point
	At       int64  // Unix time in nanoseconds
	Data     []byte // from the link header on, with the VLAN tags; read during Add only
	Length   int    // bytes on the wire, at least len(Data)
	LinkType uint16 // of pcap: 1 is Ethernet, 101 an IP packet without a link header
	Flags    uint32 // pcapng's epb_flags: direction in bits 0 and 1, checksums in 9 to 11
	Dropped  uint32 // frames that the kernel has lost on the ring since the last packet

	Account *Account  // of the flow, written by Add; nil if the frame belongs to none, such as ARP
	Flow    *FlowInfo // names the flow; nil for Describe
	// Describe does the same for the first packet of a flow in a segment. It must not
	// be nil if Flow is and Account is not.
	Describe func(*FlowInfo)
}

// FlowInfo names a flow. Its ends are those of the packet or of the flow's record: the
// store takes either for the flow's, as long as a flow's first packet has them.
type FlowInfo struct {
	Key                         uint64 // the number at the end of flow.id, unique for the flow
	Source, Destination         netip.Addr
	SourcePort, DestinationPort uint16 // of ICMP: type and code
	Protocol                    uint8  // of IP
	Born                        int64  // time of the flow's first packet, Unix nanoseconds
}
