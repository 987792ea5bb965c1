package packet

import (
	"encoding/binary"
	"net/netip"
)

// ARP is a message of the Address Resolution Protocol about addresses of IPv4 (RFC 826).
type ARP struct {
	Sender, Target netip.Addr
	Reply          bool // else a request: who has Target?
}

// etherARP is the EtherType of ARP.
const etherARP = 0x0806

// ReadARP reads the message in a frame of Ethernet, behind its tags. ok is false if there is none, or
// if it is cut short or about other addresses.
func ReadARP(link Link, frame []byte) (a ARP, ok bool) {
	if link != LinkEthernet || len(frame) < 14 {
		return a, false
	}
	var p Packet
	etherType, b := p.tags(binary.BigEndian.Uint16(frame[12:]), frame[14:])
	if etherType != etherARP || len(b) < 28 || binary.BigEndian.Uint16(b[2:]) != etherIPv4 || b[4] != 6 || b[5] != 4 {
		return a, false
	}
	a.Sender, a.Target = netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	operation := binary.BigEndian.Uint16(b[6:])
	a.Reply = operation == 2
	return a, operation == 1 || operation == 2
}
