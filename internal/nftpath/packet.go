package nftpath

import "net/netip"

// Packet is the first packet of a client to a server, over IPv4 and UDP or TCP.
type Packet struct {
	Iface    string // on which it arrives, such as vif1.0
	Group    int    // of the interface; 2 for the vifs of Qubes
	Src, Dst netip.Addr
	Proto    string // udp or tcp
	DstPort  uint16

	local   bool // the destination is this machine, after a redirection
	mark    int64
	anyMark bool // the mark is not known
}

// proto returns the number of the protocol.
func (p *Packet) proto() int64 {
	if p.Proto == "tcp" {
		return 6
	}
	return 17
}
