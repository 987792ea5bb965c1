package resolver

import "net/netip"

// nonPublic are networks without public hosts that netip.Addr has no method for:
// shared address space of carriers (RFC 6598), "this network", protocol
// assignments, reserved addresses, site-local addresses, local NAT64 (RFC 8215)
// and IPv4-compatible addresses (RFC 4291 section 2.5.5.1).
var nonPublic = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96")}

// nat64Prefix is the well-known prefix of IPv6 addresses that end in an IPv4
// address (RFC 6052 section 2.1).
var nat64Prefix = netip.MustParsePrefix("64:ff9b::/96")

// private reports whether an address belongs to no host of the public network.
func private(a netip.Addr) bool {
	if a = a.Unmap(); nat64Prefix.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return true
	}
	for _, n := range nonPublic {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
