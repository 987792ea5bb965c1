package packet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// decodeTest is a frame and what Decode makes of it. The fields of want count
// only where status is OK.
type decodeTest struct {
	name   string
	link   packet.Link
	frame  []byte
	want   packet.Packet
	status packet.Status
}

// The four fields that belong to the caller, as the tests set them.
const (
	callerTime   = 1_700_000_000_000_000_000
	callerLength = 1514
	callerIface  = 7
)

// dirty is a packet as the nastiest frame before could have left it.
func dirty() packet.Packet {
	return packet.Packet{
		Time: callerTime, Length: callerLength, Iface: callerIface,
		Family: 9, Proto: 255, TCPFlags: 255, ICMPType: 255, ICMPCode: 255, Fragment: packet.FragmentLater,
		HasL4: true, HasMAC: true, VLANs: 2, SrcPort: 9, DstPort: 9, ICMPID: 9, VLAN: [2]uint16{9, 9}, FragID: 9, OuterFragID: 9, SYNSeq: 9,
		Src: addr(outerSrc6), Dst: addr(outerSrc6), SrcMAC: [6]byte{9}, DstMAC: [6]byte{9},
		Outer: packet.Outer{Src: addr(outerSrc6), Dst: addr(outerSrc6), ID: 9, Kind: packet.TunnelGRE, Family: 9},
	}
}

// valid returns p without the fields that it declares void.
func valid(p packet.Packet) packet.Packet {
	if !p.HasMAC {
		p.SrcMAC, p.DstMAC = [6]byte{}, [6]byte{}
	}
	if p.Outer.Kind == packet.TunnelNone {
		p.Outer, p.OuterFragID = packet.Outer{}, 0
	}
	if p.TCPFlags&packet.SYN == 0 {
		p.SYNSeq = 0
	}
	p.TransportAt, p.TransportLen = 0, 0 // see TestPacket_Transport
	p.FragOffset, p.FragMore = 0, false  // see TestPacket_fragment
	return p
}

// testDecode decodes each frame into a dirty packet, compares, and counts the
// allocations, for which no other test may run beside it.
func testDecode(t *testing.T, tests []decodeTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dirty()
			if got := p.Decode(tt.link, tt.frame); got != tt.status {
				t.Fatalf("Decode = %v; want %v", got, tt.status)
			}
			comparePacket(t, tt.status, tt.want, p)
			if got := testing.AllocsPerRun(100, func() { p.Decode(tt.link, tt.frame) }); got != 0 {
				t.Errorf("Decode allocates %v times; want 0", got)
			}
		})
	}
}

// comparePacket compares what was decoded into a dirty packet; only an OK packet
// has fields to compare.
func comparePacket(t *testing.T, status packet.Status, want, got packet.Packet) {
	t.Helper()
	if status != packet.OK {
		return
	}
	want.Time, want.Length, want.Iface = callerTime, callerLength, callerIface
	if diff := cmp.Diff(want, valid(got)); diff != "" {
		t.Errorf("Decode mismatch (-want +got):\n%s", diff)
	}
}

// want4 and want6 are what all IPv4 and all IPv6 frames of the tests share.
func want4(proto uint8, changes ...func(*packet.Packet)) packet.Packet {
	return build(packet.Packet{Family: 4, Proto: proto, Src: addr(src4), Dst: addr(dst4)}, changes)
}

func want6(proto uint8, changes ...func(*packet.Packet)) packet.Packet {
	return build(packet.Packet{Family: 6, Proto: proto, Src: addr(src6), Dst: addr(dst6)}, changes)
}

func build(p packet.Packet, changes []func(*packet.Packet)) packet.Packet {
	for _, change := range changes {
		change(&p)
	}
	return p
}

func mac(p *packet.Packet) {
	p.HasMAC = true
	p.SrcMAC = [6]byte{0x00, 0x16, 0x3e, 0x5e, 0x6c, 0x00}
	p.DstMAC = [6]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
}

func ports(from, to uint16) func(*packet.Packet) {
	return func(p *packet.Packet) { p.SrcPort, p.DstPort, p.HasL4 = from, to, true }
}

func flags(f uint8) func(*packet.Packet) {
	return func(p *packet.Packet) { p.TCPFlags, p.SYNSeq = f, uint32(f&packet.SYN)*500 }
}

func message(kind, code uint8, id uint16) func(*packet.Packet) {
	return func(p *packet.Packet) { p.ICMPType, p.ICMPCode, p.ICMPID, p.HasL4 = kind, code, id, true }
}

func vlans(ids ...uint16) func(*packet.Packet) {
	return func(p *packet.Packet) { p.VLANs = uint8(copy(p.VLAN[:], ids)) }
}

func fragment(kind packet.Fragment, id uint32) func(*packet.Packet) {
	return func(p *packet.Packet) { p.Fragment, p.FragID = kind, id }
}

func via4(kind packet.Tunnel, id uint32) func(*packet.Packet) {
	return func(p *packet.Packet) {
		p.Outer = packet.Outer{Src: addr(outerSrc4), Dst: addr(outerDst4), Family: 4, Kind: kind, ID: id}
		wrapping(p)
	}
}

func via6(kind packet.Tunnel, id uint32) func(*packet.Packet) {
	return func(p *packet.Packet) {
		p.Outer = packet.Outer{Src: addr(outerSrc6), Dst: addr(outerDst6), Family: 6, Kind: kind, ID: id}
		wrapping(p)
	}
}

// wrapping sets the protocol and the ports of p's outer header.
func wrapping(p *packet.Packet) {
	switch o := &p.Outer; {
	case o.Kind == packet.TunnelGRE:
		o.Proto = packet.ProtoGRE
	case o.Kind == packet.TunnelVXLAN:
		o.Proto, o.SrcPort, o.DstPort = packet.ProtoUDP, 49153, packet.PortVXLAN
	case p.Family == 6:
		o.Proto = packet.ProtoIPv6
	default:
		o.Proto = packet.ProtoIPv4
	}
}

func from(src, dst packet.Addr) func(*packet.Packet) {
	return func(p *packet.Packet) { p.Src, p.Dst = src, dst }
}

// allTests are the inputs of every table, for the tests that want many frames.
func allTests() []decodeTest {
	var all []decodeTest
	for _, tests := range [][]decodeTest{
		transportTests(), linkTests(), tagTests(), bridgeTests(), ip4Tests(), ip6Tests(), tunnelTests(), nestedTests(), hostileTests(),
	} {
		all = append(all, tests...)
	}
	return all
}
