// Package addrscope distinguishes the addresses of hosts in the public network from
// all others, in whatever form an address is written.
package addrscope

import "net/netip"

// nonPublic are networks without public hosts that netip.Addr has no method for:
// shared address space of carriers (RFC 6598), "this network", protocol
// assignments, reserved addresses, site-local addresses, local NAT64 (RFC 8215),
// IPv4-compatible addresses (RFC 4291 section 2.5.5.1), IPv4-translated addresses
// (RFC 7915) and the discard prefix (RFC 6666).
var nonPublic = [...]netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("fec0::/10"),
	nat64Local, netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"),
	netip.MustParsePrefix("100::/64"),
}

// The prefixes of IPv6 addresses that contain an IPv4 address.
var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 section 2.1: in the last four bytes
	// nat64Local is that of a network (RFC 8215), mostly with the same form.
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixTo4     = netip.MustParsePrefix("2002::/16") // RFC 3056: behind the prefix
	teredo     = netip.MustParsePrefix("2001::/32") // RFC 4380: server behind the prefix, client at the end, inverted
)

// Private reports whether an address belongs to no host of the public network. Of
// an IPv6 address that leads to an IPv4 address, that one counts. An invalid address
// is private.
func Private(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return true
	}
	for i := range nonPublic {
		if nonPublic[i].Contains(a) {
			return true
		}
	}
	list, n := Inside(a)
	for _, v4 := range list[:n] {
		if Private(v4) {
			return true
		}
	}
	return false
}

// Inside returns the IPv4 addresses that an IPv6 address leads to through NAT64,
// 6to4 or Teredo, and their number: none for all other addresses.
func Inside(a netip.Addr) (list [2]netip.Addr, n int) {
	if !a.Is6() {
		return list, 0
	}
	b := a.As16()
	switch {
	case nat64.Contains(a), nat64Local.Contains(a):
		return [2]netip.Addr{netip.AddrFrom4([4]byte(b[12:]))}, 1
	case sixTo4.Contains(a):
		return [2]netip.Addr{netip.AddrFrom4([4]byte(b[2:]))}, 1
	case teredo.Contains(a):
		return [2]netip.Addr{netip.AddrFrom4([4]byte(b[4:])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}, 2
	}
	return list, 0
}
