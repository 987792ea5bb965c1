package dnstest_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// TestFreePort holds that no port is given twice, although nothing listens at any.
func TestFreePort(t *testing.T) {
	t.Parallel()
	seen := map[uint16]bool{}
	for range 200 {
		p := dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1})).Port()
		if seen[p] {
			t.Fatalf("port %d was given twice", p)
		}
		seen[p] = true
	}
}
