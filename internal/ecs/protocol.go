package ecs

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Transport returns the name of an IP protocol: packetbeat's for the four that it
// knows, the IANA keyword in lower case for other common ones, "" for the rest, which
// only network.iana_number identifies.
func Transport(proto uint8) string {
	switch proto {
	case packet.ProtoTCP:
		return "tcp"
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoICMP:
		return "icmp"
	case packet.ProtoICMPv6:
		return "ipv6-icmp"
	case packet.ProtoSCTP:
		return "sctp"
	case packet.ProtoESP:
		return "esp"
	case packet.ProtoGRE:
		return "gre"
	case packet.ProtoUDPLite:
		return "udplite"
	case packet.ProtoDCCP:
		return "dccp"
	case 2:
		return "igmp"
	}
	return ""
}

// numbers are the protocol numbers as text, made once.
var numbers = func() (n [256]string) {
	for i := range n {
		n[i] = strconv.Itoa(i)
	}
	return n
}()

// IANANumber returns the number of an IP protocol as text.
func IANANumber(proto uint8) string { return numbers[proto] }

// HasPorts reports whether an IP protocol has ports.
func HasPorts(proto uint8) bool {
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoUDPLite, packet.ProtoDCCP:
		return true
	}
	return false
}
