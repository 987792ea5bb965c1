package dnsview

import (
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// dohNames are hosts that are known for DNS over HTTPS and little else.
var dohNames = words(`dns.google dns64.dns.google cloudflare-dns.com one.one.one.one 1dot1dot1dot1.cloudflare-dns.com
	dns.quad9.net dns9.quad9.net dns10.quad9.net dns11.quad9.net dns12.quad9.net
	doh.opendns.com doh.familyshield.opendns.com doh.sandbox.opendns.com doh.umbrella.com
	dns.nextdns.io dns.adguard.com dns-family.adguard.com dns-unfiltered.adguard.com
	doh.cleanbrowsing.org family-filter-dns.cleanbrowsing.org adult-filter-dns.cleanbrowsing.org security-filter-dns.cleanbrowsing.org
	doh.mullvad.net dns.mullvad.net doh.applied-privacy.net doh.xfinity.com doh.cox.net dns.digitale-gesellschaft.ch
	doh.dns.sb doh.sb dns.sb dns.alidns.com doh.pub doh.360.cn ordns.he.net dns0.eu zero.dns0.eu kids.dns0.eu
	freedns.controld.com dns.controld.com basic.rethinkdns.com max.rethinkdns.com sky.rethinkdns.com
	doh.ffmuc.net dnsforge.de doh.libredns.gr odvr.nic.cz dns.switch.ch wikimedia-dns.org doh.tiar.app dns.twnic.tw
	public.dns.iij.jp private.canadianshield.cira.ca protected.canadianshield.cira.ca family.canadianshield.cira.ca
	unfiltered.joindns4.eu protective.joindns4.eu noads.joindns4.eu child.joindns4.eu doh.dnslify.com common.dot.dns.yandex.net`)

// dohDomains are domains below which each client, or each setting, has a host of its own.
var dohDomains = words(`dns.nextdns.io cloudflare-dns.com cloudflare-gateway.com adguard-dns.com dns.controld.com dns.mullvad.net`)

// words returns a set of words.
func words(text string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		m[w] = true
	}
	return m
}

// dohAddrs are the addresses of public resolvers, which also offer DNS over HTTPS.
var dohAddrs = addrs(`8.8.8.8 8.8.4.4 2001:4860:4860::8888 2001:4860:4860::8844 2001:4860:4860::64 2001:4860:4860::6464
	1.1.1.1 1.0.0.1 1.1.1.2 1.0.0.2 1.1.1.3 1.0.0.3 2606:4700:4700::1111 2606:4700:4700::1001 2606:4700:4700::1112
	2606:4700:4700::1002 2606:4700:4700::1113 2606:4700:4700::1003 2606:4700:4700::64 2606:4700:4700::6400
	9.9.9.9 9.9.9.10 9.9.9.11 9.9.9.12 149.112.112.112 149.112.112.9 149.112.112.10 149.112.112.11 149.112.112.12
	2620:fe::fe 2620:fe::9 2620:fe::10 2620:fe::fe:10 2620:fe::11 2620:fe::fe:11 2620:fe::12 2620:fe::fe:12
	208.67.222.222 208.67.220.220 208.67.222.123 208.67.220.123 208.67.222.2 208.67.220.2
	2620:119:35::35 2620:119:53::53 2620:119:35::123 2620:119:53::123
	94.140.14.14 94.140.15.15 94.140.14.15 94.140.15.16 94.140.14.140 94.140.14.141
	2a10:50c0::ad1:ff 2a10:50c0::ad2:ff 2a10:50c0::bad1:ff 2a10:50c0::bad2:ff 2a10:50c0::1:ff 2a10:50c0::2:ff
	194.242.2.2 194.242.2.3 194.242.2.4 194.242.2.5 194.242.2.6 194.242.2.9
	2a07:e340::2 2a07:e340::3 2a07:e340::4 2a07:e340::5 2a07:e340::6 2a07:e340::9
	185.228.168.9 185.228.168.10 185.228.168.168 185.228.169.9 185.228.169.11 185.228.169.168
	223.5.5.5 223.6.6.6 2400:3200::1 2400:3200:baba::1 119.29.29.29 1.12.12.12 120.53.53.53
	185.222.222.222 45.11.45.11 2a09:: 2a11:: 74.82.42.42 2001:470:20::2 77.88.8.8 77.88.8.1 77.88.8.88 77.88.8.2
	185.95.218.42 185.95.218.43 5.1.66.255 185.150.99.255 193.110.81.0 185.253.5.0 101.101.101.101`)

// dohNets are networks of public resolvers that give each client an address of its own.
var dohNets = []netip.Prefix{
	netip.MustParsePrefix("45.90.28.0/24"), netip.MustParsePrefix("45.90.30.0/24"), // NextDNS
	netip.MustParsePrefix("2a07:a8c0::/32"), netip.MustParsePrefix("2a07:a8c1::/32"),
	netip.MustParsePrefix("76.76.2.0/24"), netip.MustParsePrefix("76.76.10.0/24"), // Control D
	netip.MustParsePrefix("2606:1a40::/47"),
}

// addrs returns a set of addresses. It panics on an invalid one.
func addrs(text string) map[netip.Addr]bool {
	m := map[netip.Addr]bool{}
	for a := range strings.FieldsSeq(text) {
		m[netip.MustParseAddr(a)] = true
	}
	return m
}

// nat64 is the prefix behind which IPv4 is reached over IPv6 (RFC 6052 section 2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// OffersHTTPS reports whether an address is that of a public resolver, which also offers DNS over HTTPS.
func OffersHTTPS(a netip.Addr) bool {
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if dohAddrs[a] {
		return true
	}
	for i := range dohNets {
		if dohNets[i].Contains(a) {
			return true
		}
	}
	return false
}

// offersHTTPS reports whether the server of a flow is known for DNS over HTTPS.
func offersHTTPS(f *event.Flow, dst netip.Addr) bool {
	return OffersHTTPS(dst) || f.Hello != nil && isDoHName(f.Hello.ServerName)
}

// isDoHName reports whether a host is known for DNS over HTTPS.
func isDoHName(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if dohNames[name] {
		return true
	}
	first, parent, _ := strings.Cut(name, ".")
	for first != "www" && parent != "" {
		if dohDomains[parent] {
			return true
		}
		_, parent, _ = strings.Cut(parent, ".")
	}
	return false
}
