package packet_test

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// A Packet is decoded in place, so that one value serves a whole capture.
func ExamplePacket_Decode() {
	frame := []byte{
		// Ethernet: destination, source, IPv4
		0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0x5e, 0x6c, 0x00, 0x08, 0x00,
		// IPv4: 40 bytes, TTL 64, TCP, 10.137.0.6 to 192.0.2.53
		0x45, 0x00, 0x00, 0x28, 0x00, 0x01, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, 10, 137, 0, 6, 192, 0, 2, 53,
		// TCP: port 40000 to 443, SYN
		0x9c, 0x40, 0x01, 0xbb, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x50, packet.SYN, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
	}
	var p packet.Packet
	if status := p.Decode(packet.LinkEthernet, frame); status != packet.OK {
		fmt.Println("in no flow:", status)
		return
	}
	fmt.Println(p.Src.Netip(p.Family), p.SrcPort, "to", p.Dst.Netip(p.Family), p.DstPort)
	fmt.Println("TCP:", p.Proto == packet.ProtoTCP, "SYN:", p.TCPFlags&packet.SYN != 0)
	fmt.Println("cut short:", p.Decode(packet.LinkEthernet, frame[:30]))
	// Output:
	// 10.137.0.6 40000 to 192.0.2.53 443
	// TCP: true SYN: true
	// cut short: truncated
}
