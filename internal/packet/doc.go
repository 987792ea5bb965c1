// Package packet decodes the headers of one captured frame, from the link layer
// to the ports, into a reusable [Packet].
//
// It reads what a flow meter needs and nothing else: addresses, protocol,
// ports, TCP flags, the ICMP type, VLAN tags, the fragment's identification and,
// for tunnels, the outermost and the innermost IP header. It never interprets a
// payload, keeps no state, does not allocate and does not panic, whatever the
// bytes are; a length field is believed only as far as bytes were captured.
//
//	var p packet.Packet
//	switch p.Decode(packet.LinkEthernet, frame) {
//	case packet.OK: // p.Src, p.Dst, p.Proto, ... are valid
//	default:        // not IP, or unreadable: count it
//	}
package packet
