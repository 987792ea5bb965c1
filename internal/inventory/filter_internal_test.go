package inventory

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestFilter holds that a filter has all keys of a table, IPv4 and IPv6, and few others.
func TestFilter(t *testing.T) {
	t.Parallel()
	holders := map[netip.Addr]*qube.Qube{}
	for i := range byte(100) {
		holders[netip.AddrFrom4([4]byte{10, 137, 0, i})] = &qube.Qube{}
		holders[netip.AddrFrom16([16]byte{0xfd, 9, 0x24, 0xef, 0x41, 0x79, 14: 0x89, 15: i})] = &qube.Qube{}
	}
	f := filterOf(table[netip.Addr]{}.next(holders, 1, 0))
	for addr := range holders {
		if !f.may(addr) {
			t.Errorf("the filter has not got %s", addr)
		}
	}
	others := 0
	for i := range 65536 {
		if f.may(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})) {
			others++
		}
	}
	if others > 65536/10 {
		t.Errorf("the filter has %d of 65,536 other addresses; want at most a tenth", others)
	}
	if (*filter)(nil).may(netip.IPv6Loopback()) {
		t.Error("a nil filter has an address")
	}
}
