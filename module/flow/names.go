package flow

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// transportName returns the name of an IP protocol: packetbeat's for the four
// that it knows, the IANA keyword in lower case for others that are common, ""
// for the rest, which network.iana_number tells apart.
func transportName(proto uint8) string {
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

// protoNumbers are the protocol numbers as text, made once.
var protoNumbers = func() (n [256]string) {
	for i := range n {
		n[i] = strconv.Itoa(i)
	}
	return n
}()

func hasPorts(proto uint8) bool {
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoUDPLite, packet.ProtoDCCP:
		return true
	}
	return false
}

// flagOrder are the TCP flags from the lowest bit up (RFC 9293 section 3.1).
var flagOrder = [8]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"}

// flagSets are the names of every set of flags, made once: 256 small slices
// instead of one per event.
var flagSets = func() (sets [256][]string) {
	for set := range sets {
		for bit, name := range flagOrder {
			if set&(1<<bit) != 0 {
				sets[set] = append(sets[set], name)
			}
		}
	}
	return sets
}()

func flagNames(flags uint8) []string { return flagSets[flags] }

// macString formats an address as ECS wants it: upper case, with hyphens.
func macString(mac [6]byte) string {
	const digits = "0123456789ABCDEF"
	var b [17]byte
	for i, c := range mac {
		if i > 0 {
			b[i*3-1] = '-'
		}
		b[i*3], b[i*3+1] = digits[c>>4], digits[c&15]
	}
	return string(b[:])
}
