package packet_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestAddr_Netip(t *testing.T) {
	tests := []struct {
		ip     string
		family uint8
	}{
		{ip: "0.0.0.0", family: 4},
		{ip: "10.137.0.6", family: 4},
		{ip: "255.255.255.255", family: 4},
		{ip: "::", family: 6},
		{ip: "2001:db8::53", family: 6},
		{ip: "::ffff:10.137.0.6", family: 6}, // mapped, as it is on the wire
		{ip: "::10.137.0.6", family: 6},
	}
	for _, tt := range tests {
		ip := netip.MustParseAddr(tt.ip)
		a, family := packet.AddrFrom(ip)
		if family != tt.family {
			t.Errorf("AddrFrom(%v): family %d; want %d", ip, family, tt.family)
		}
		if got := a.Netip(family); got != ip {
			t.Errorf("AddrFrom(%v).Netip(%d) = %v; want it back", ip, family, got)
		}
		if got := testing.AllocsPerRun(100, func() { a, family = packet.AddrFrom(ip); _ = a.Netip(family) }); got != 0 {
			t.Errorf("AddrFrom(%v).Netip allocates %v times; want 0", ip, got)
		}
	}
}

func TestAddr_Netip_invalid(t *testing.T) {
	t.Parallel()
	if a, family := packet.AddrFrom(netip.Addr{}); family != 0 || a != (packet.Addr{}) {
		t.Errorf("AddrFrom of the zero Addr = %v, %d; want zeros", a, family)
	}
	for _, family := range []uint8{0, 1, 5, 7, 255} {
		if got := new(packet.Addr).Netip(family); got.IsValid() {
			t.Errorf("Netip(%d) = %v; want the zero Addr", family, got)
		}
	}
}

func TestAddr_Compare(t *testing.T) {
	t.Parallel()
	// In rising order; pairs differ in the first and in the last eight bytes.
	var rising []packet.Addr
	for _, ip := range []string{"::", "::1", "::ff00", "0:0:0:1::", "10.137.0.6", "10.137.0.7", "128.0.0.0", "fd09::1", "ff02::1", "ff02::2"} {
		rising = append(rising, addr(netip.MustParseAddr(ip)))
	}
	for i := range rising {
		for j := range rising {
			want := netip.AddrFrom16(rising[i]).Compare(netip.AddrFrom16(rising[j]))
			if got := rising[i].Compare(&rising[j]); got != want {
				t.Errorf("Compare(%v, %v) = %d; want %d", rising[i], rising[j], got, want)
			}
		}
	}
	if !slices.IsSortedFunc(rising, func(a, b packet.Addr) int { return a.Compare(&b) }) {
		t.Error("Compare finds the sorted list unsorted")
	}
}

func TestStatus_String(t *testing.T) {
	t.Parallel()
	var got []string
	for s := range packet.Statuses {
		got = append(got, packet.Status(s).String())
	}
	if diff := cmp.Diff([]string{"ok", "non_ip", "truncated", "malformed", "unsupported"}, got); diff != "" {
		t.Errorf("String mismatch (-want +got):\n%s", diff)
	}
}

func TestTunnel_String(t *testing.T) {
	t.Parallel()
	var got []string
	for _, k := range []packet.Tunnel{packet.TunnelNone, packet.TunnelIPIP, packet.TunnelGRE, packet.TunnelVXLAN} {
		got = append(got, k.String())
	}
	if diff := cmp.Diff([]string{"", "ipip", "gre", "vxlan"}, got); diff != "" {
		t.Errorf("String mismatch (-want +got):\n%s", diff)
	}
}
