package packet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestPacket_Decode_hostile(t *testing.T) {
	testDecode(t, hostileTests())
}

// hostileTests are frames that no honest sender makes.
func hostileTests() []decodeTest {
	const e = packet.LinkEthernet
	ones := bytes.Repeat([]byte{0xff}, 1500)
	first := func(b byte, rest []byte) []byte { return cat([]byte{b}, rest[1:]) }
	four, six := ip4(17, udp(53, nil)), ip6(17, udp(53, nil))
	return []decodeTest{
		{name: "ip4 header length 0", link: e, frame: eth(0x0800, first(0x40, four)), status: packet.Malformed},
		{name: "ip4 header length 16", link: e, frame: eth(0x0800, first(0x44, four)), status: packet.Malformed},
		{name: "ip4 version 6", link: e, frame: eth(0x0800, first(0x65, four)), status: packet.Malformed},
		{name: "ip4 version 0", link: e, frame: eth(0x0800, first(0x05, four)), status: packet.Malformed},
		{name: "ip4 header length beyond the end", link: e, frame: eth(0x0800, first(0x4f, four)), status: packet.Truncated},
		{name: "ip4 header of 19 bytes", link: e, frame: eth(0x0800, four[:19]), status: packet.Truncated},
		{name: "ip6 version 4", link: e, frame: eth(0x86dd, first(0x40, six)), status: packet.Malformed},
		{name: "ip6 header of 39 bytes", link: e, frame: eth(0x86dd, six[:39]), status: packet.Truncated},
		{name: "ip4 of ones", link: e, frame: eth(0x0800, ones), status: packet.Malformed},
		{name: "mpls of ones", link: e, frame: eth(0x8847, ones), status: packet.NonIP},
		{name: "mpls of zeros", link: e, frame: eth(0x8847, make([]byte, 1500)), status: packet.NonIP},
		{name: "ethernet of ones", link: e, frame: ones, status: packet.NonIP},
		{name: "ethernet of zeros", link: e, frame: make([]byte, 1500), status: packet.NonIP},
		{name: "ip4 to itself of zeros", link: e, frame: eth(0x0800, cat([]byte{0x45}, make([]byte, 1500))),
			want: packet.Packet{Family: 4, HasMAC: true, SrcMAC: want4(0, mac).SrcMAC, DstMAC: want4(0, mac).DstMAC}},
		{name: "icmpv6 in ip4", link: e, frame: eth(0x0800, ip4(58, icmp(128, 0, 5))), want: want4(58, mac, message(128, 0, 5))},
	}
}

// TestPacket_Decode_cut cuts every frame of the tables at every byte. What is
// left must not be read as anything but a part of the whole.
func TestPacket_Decode_cut(t *testing.T) {
	t.Parallel()
	for _, tt := range allTests() {
		whole := dirty()
		whole.Decode(tt.link, tt.frame)
		// Cut at the end of what was allocated: reading on would panic.
		for n := range len(tt.frame) {
			p := dirty()
			switch status := p.Decode(tt.link, bytes.Clone(tt.frame[:n])); status {
			case packet.OK:
				checkCut(t, tt, n, &whole, &p)
			case packet.Truncated, packet.NonIP:
			default:
				if status != tt.status {
					t.Errorf("%s cut at %d: Decode = %v; want ok, truncated or non_ip", tt.name, n, status)
				}
			}
		}
	}
}

// checkCut checks the packet of a cut frame: it may know less than the whole,
// and may be the tunnel instead of its inside, but it knows nothing else.
func checkCut(t *testing.T, tt decodeTest, n int, whole, p *packet.Packet) {
	t.Helper()
	if tt.status != packet.OK {
		t.Errorf("%s cut at %d: Decode = ok; want %v as of the whole", tt.name, n, tt.status)
		return
	}
	if p.Outer.Kind != whole.Outer.Kind {
		want := [2]packet.Addr{whole.Outer.Src, whole.Outer.Dst}
		if diff := cmp.Diff(want, [2]packet.Addr{p.Src, p.Dst}); diff != "" {
			t.Errorf("%s cut at %d: address of the tunnel mismatch (-want +got):\n%s", tt.name, n, diff)
		}
		return
	}
	if p.HasL4 && (p.SrcPort != whole.SrcPort || p.DstPort != whole.DstPort || p.ICMPType != whole.ICMPType) {
		// Inside nested tunnels, a cut frame shows the layer above.
		if whole.Proto == p.Proto && whole.Src == p.Src && p.DstPort != 4789 {
			t.Errorf("%s cut at %d: ports %d to %d; want %d to %d", tt.name, n, p.SrcPort, p.DstPort, whole.SrcPort, whole.DstPort)
		}
	}
	if p.VLANs != whole.VLANs || p.VLAN != whole.VLAN {
		t.Errorf("%s cut at %d: tags %v; want %v", tt.name, n, p.VLAN[:p.VLANs], whole.VLAN[:whole.VLANs])
	}
}

// TestPacket_Decode_cutTag says what a frame that ends inside its tags is: the
// doc of Truncated promises it for everything that is cut before the end of the
// innermost IP header, though without the tag there is no sign of one.
func TestPacket_Decode_cutTag(t *testing.T) {
	t.Parallel()
	four := ip4(17, udp(53, nil))
	tests := []struct {
		name  string
		frame []byte
		from  int // length of the headers that are there in full
	}{
		{name: "vlan", frame: eth(0x8100, tag(7, 0x0800, four)), from: 14},
		{name: "qinq", frame: eth(0x88a8, tag(7, 0x8100, tag(8, 0x0800, four))), from: 18},
		{name: "mpls", frame: eth(0x8847, label(18, 1, four)), from: 14},
		{name: "pppoe", frame: eth(0x8864, session(0x0021, four)), from: 14},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for n := tt.from; n < len(tt.frame)-8; n++ {
				var p packet.Packet
				if got := p.Decode(packet.LinkEthernet, tt.frame[:n]); got != packet.Truncated {
					t.Errorf("cut at %d: Decode = %v; want %v", n, got, packet.Truncated)
				}
			}
		})
	}
}
