package packet

import (
	"encoding/binary"
	"testing"
)

// plainFrame returns a frame of a protocol with n bytes behind the IP header.
func plainFrame(proto uint8, n int) []byte {
	b := make([]byte, plainL4+n)
	for i := range b {
		b[i] = byte(7 * i)
	}
	b[12], b[13], b[plainIP], b[plainIP+6], b[plainIP+7], b[plainIP+9] = 8, 0, 0x45, 0x40, 0, proto
	binary.BigEndian.PutUint16(b[plainIP+2:], uint16(20+n))
	return b
}

// FuzzPacket_plain decodes frames the short way and the general one: what the short one takes,
// both decode alike.
func FuzzPacket_plain(f *testing.F) {
	for _, proto := range []uint8{ProtoTCP, ProtoUDP, ProtoICMP} {
		for _, n := range []int{0, 8, 14, 20, 100} {
			f.Add(plainFrame(proto, n), uint16(0), uint8(0))
		}
		f.Add(plainFrame(proto, 40), uint16(plainFlags), uint8(SYN))
		f.Add(plainFrame(proto, 40), uint16(plainIP+3), uint8(30)) // padding behind the packet
		f.Add(plainFrame(proto, 40), uint16(plainIP+3), uint8(0))  // segmentation offload
		f.Add(plainFrame(proto, 40), uint16(plainIP+6), uint8(0x20))
		f.Add(plainFrame(proto, 40), uint16(plainIP), uint8(0x46))
	}
	f.Fuzz(func(t *testing.T, frame []byte, at uint16, to uint8) {
		if int(at) < len(frame) {
			frame[at] = to
		}
		left := Packet{Time: 1, Length: 2, Iface: 3, Direction: Outbound, Family: 6, Proto: 1, TCPFlags: 3, ICMPType: 4, ICMPCode: 5,
			Fragment: FragmentLater, VLANs: 2, ICMPID: 7, VLAN: [2]uint16{8, 9}, SYNSeq: 10, FragID: 11, FragOffset: 12, FragMore: true,
			TransportAt: 13, TransportLen: 14, Src: Addr{15: 1}, Dst: Addr{15: 2}, Outer: Outer{Kind: TunnelGRE, ID: 5, Family: 4}}
		short, general := left, left
		if !short.plain(frame) {
			if short != left {
				t.Fatal("plain has changed the packet, and not taken it")
			}
			return
		}
		if status := general.decode(LinkEthernet, frame); status != OK || short != general {
			t.Fatalf("plain: %+v\ngenerally %v: %+v", short, status, general)
		}
	})
}

// TestPacket_plain has the usual frames go the short way.
func TestPacket_plain(t *testing.T) {
	t.Parallel()
	for _, proto := range []uint8{ProtoTCP, ProtoUDP} {
		if p := new(Packet); !p.plain(plainFrame(proto, 20)) || p.Proto != proto || p.SrcPort == 0 {
			t.Errorf("protocol %d: %+v; want it decoded", proto, p)
		}
	}
}
