package packet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// links are all that Decode reads, and one that it does not.
var links = []packet.Link{packet.LinkNull, packet.LinkEthernet, packet.LinkRaw12, packet.LinkRaw14, packet.LinkRaw,
	packet.LinkLoop, packet.LinkSLL, packet.LinkIPv4, packet.LinkIPv6, packet.LinkSLL2, 105}

func FuzzDecode(f *testing.F) {
	for _, tt := range allTests() {
		f.Add(uint16(tt.link), tt.frame)
	}
	for _, link := range links {
		f.Add(uint16(link), ip6(17, vxlan(1, eth(0x0800, ip4(6, tcp(2))))))
	}
	f.Fuzz(func(t *testing.T, link uint16, frame []byte) {
		before := bytes.Clone(frame)
		var fresh packet.Packet
		used := dirty()
		fresh.Time, fresh.Length, fresh.Iface = callerTime, callerLength, callerIface
		status := fresh.Decode(packet.Link(link), frame)
		if again := used.Decode(packet.Link(link), frame); again != status {
			t.Fatalf("Decode = %v into a new packet, %v into a used one", status, again)
		}
		if !bytes.Equal(before, frame) {
			t.Fatal("Decode changed the frame")
		}
		if int(status) >= packet.Statuses {
			t.Fatalf("Decode = %d; want less than %d", status, packet.Statuses)
		}
		if packet.Link(link).Supported() == (status == packet.Unsupported) {
			t.Fatalf("Decode(%d) = %v, but Supported = %v", link, status, packet.Link(link).Supported())
		}
		if status == packet.OK {
			if diff := cmp.Diff(valid(fresh), valid(used)); diff != "" {
				t.Fatalf("Decode depends on the packet before (-new +used):\n%s", diff)
			}
			checkOK(t, &fresh)
			if n := len(fresh.Transport(frame)); n > 0 && n < 4 && fresh.Fragment != packet.FragmentLater {
				t.Fatalf("Transport has %d bytes; want none or a header", n)
			}
			checkPayload(t, &fresh, frame)
		}
	})
}

// checkPayload checks that the payload is a part of the transport header's bytes
// and begins behind the smallest header.
func checkPayload(t *testing.T, p *packet.Packet, frame []byte) {
	t.Helper()
	transport := p.Transport(frame)
	payload, ok := p.Payload(frame)
	least := map[uint8]int{packet.ProtoTCP: 20, packet.ProtoUDP: 8}[p.Proto]
	if ok && (least == 0 || len(payload) > len(transport)-least || !bytes.Contains(transport[least:], payload)) {
		t.Fatalf("Payload has %d bytes of the %d of Transport", len(payload), len(transport))
	}
	if !ok && payload != nil {
		t.Fatalf("Payload = % x, false", payload)
	}
	if ok && len(payload) > 0 && p.Proto == packet.ProtoTCP && !p.SegmentBegins(frame, payload[0]) {
		t.Fatalf("SegmentBegins = false for the first byte of % x", payload)
	}
	kinds := packet.KindsOf(p, frame)
	if ok && len(payload) > 0 && p.Proto == packet.ProtoTCP && payload[0] == 22 && kinds&packet.Handshake == 0 ||
		ok && len(payload) > 0 && p.Proto == packet.ProtoUDP && payload[0] >= 0xc0 && kinds&packet.LongHeader == 0 || kinds == 0 {
		t.Fatalf("KindsOf = %06b with the payload % x", kinds, payload)
	}
}

// checkOK checks what holds of every packet that was decoded.
func checkOK(t *testing.T, p *packet.Packet) {
	t.Helper()
	if !p.Src.Netip(p.Family).IsValid() || p.VLANs > 2 || p.VLAN[0] > 4095 || p.VLAN[1] > 4095 {
		t.Errorf("family %d, %d tags %v", p.Family, p.VLANs, p.VLAN)
	}
	if p.Fragment > packet.FragmentLater || (p.Fragment == packet.FragmentNone) && p.FragID != 0 {
		t.Errorf("fragment %d with identification %d", p.Fragment, p.FragID)
	}
	if p.Fragment == packet.FragmentLater && p.HasL4 {
		t.Error("ports in a later fragment")
	}
	if !p.HasL4 && (p.SrcPort|p.DstPort|p.ICMPID != 0 || p.ICMPType|p.ICMPCode|p.TCPFlags != 0) {
		t.Error("transport fields without HasL4")
	}
	if p.TCPFlags != 0 && p.Proto != packet.ProtoTCP || p.ICMPType|p.ICMPCode != 0 && !p.IsICMP() {
		t.Errorf("fields of another protocol than %d", p.Proto)
	}
	switch p.Outer.Kind {
	case packet.TunnelNone, packet.TunnelIPIP:
		if p.Outer.ID != 0 {
			t.Errorf("identifier %d of a tunnel %q", p.Outer.ID, p.Outer.Kind)
		}
	case packet.TunnelGRE, packet.TunnelVXLAN:
	default:
		t.Errorf("tunnel of kind %d", p.Outer.Kind)
	}
	if p.Outer.Kind != packet.TunnelNone && !p.Outer.Src.Netip(p.Outer.Family).IsValid() {
		t.Errorf("tunnel of family %d", p.Outer.Family)
	}
}
