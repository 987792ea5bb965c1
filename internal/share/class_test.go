package share_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// TestOf prefers the interface, which a client cannot choose, to the address.
func TestOf(t *testing.T) {
	t.Parallel()
	a, b, six := netip.MustParseAddr("10.137.0.6"), netip.MustParseAddr("10.137.0.7"), netip.MustParseAddr("fd09::a89:6")
	mapped := netip.MustParseAddr("::ffff:10.137.0.6")
	if share.Of(7, a) != share.Of(7, six) || share.Of(7, a) != 7 {
		t.Error("two addresses behind one interface have two classes")
	}
	if share.Of(0, a) != share.Of(0, mapped) {
		t.Error("an address and its mapped form have two classes")
	}
	seen := map[share.Class]netip.Addr{share.Of(7, a): {}}
	for _, addr := range []netip.Addr{a, b, six, six.Next(), {}} {
		c := share.Of(0, addr)
		if other, had := seen[c]; had {
			t.Errorf("%v and %v share a class", addr, other)
		}
		seen[c] = addr
	}
}
