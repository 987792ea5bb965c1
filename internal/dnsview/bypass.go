package dnsview

import (
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Bypass is a method of resolving names without the resolver, as events spell it.
type Bypass string

// The methods. Each is the protocol that is used.
const (
	None       Bypass = ""
	PlainDNS   Bypass = "dns" // port 53 of another server
	DNSOverTLS Bypass = "dot" // RFC 7858
	DNSOverQ   Bypass = "doq" // RFC 9250
	DNSOverH   Bypass = "doh" // RFC 8484, recognised by the server's name or address
)

// dohNames are hosts that are known for DNS over HTTPS and little else.
var dohNames = map[string]bool{
	"dns.google": true, "dns64.dns.google": true, "cloudflare-dns.com": true, "one.one.one.one": true,
	"chrome.cloudflare-dns.com": true, "mozilla.cloudflare-dns.com": true, "security.cloudflare-dns.com": true,
	"family.cloudflare-dns.com": true, "dns.quad9.net": true, "dns9.quad9.net": true, "dns10.quad9.net": true,
	"dns11.quad9.net": true, "doh.opendns.com": true, "doh.familyshield.opendns.com": true, "dns.nextdns.io": true,
	"firefox.dns.nextdns.io": true, "dns.adguard.com": true, "dns.adguard-dns.com": true,
	"doh.cleanbrowsing.org": true, "doh.mullvad.net": true, "dns.mullvad.net": true,
	"doh.applied-privacy.net": true, "doh.xfinity.com": true, "dns.digitale-gesellschaft.ch": true,
	"doh.dns.sb": true, "dns.alidns.com": true, "doh.pub": true, "ordns.he.net": true, "dns0.eu": true,
	"freedns.controld.com": true, "dns.controld.com": true,
}

// dohAddrs are the addresses of public resolvers, which also offer DNS over HTTPS.
var dohAddrs = addrs(
	"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3", "9.9.9.9",
	"149.112.112.112", "9.9.9.10", "9.9.9.11", "208.67.222.222", "208.67.220.220", "94.140.14.14", "94.140.15.15",
	"45.90.28.0", "45.90.30.0", "194.242.2.2", "185.228.168.168", "76.76.2.0", "76.76.10.0", "223.5.5.5",
	"223.6.6.6", "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2606:4700:4700::1001",
	"2620:fe::fe", "2620:fe::9", "2620:119:35::35", "2620:119:53::53",
)

// addrs returns a set of addresses. It panics on an invalid one.
func addrs(list ...string) map[netip.Addr]bool {
	m := map[netip.Addr]bool{}
	for _, a := range list {
		m[netip.MustParseAddr(a)] = true
	}
	return m
}

// Classify returns how a flow of a client bypasses the resolver, None if it does
// not. own reports whether an address is one of the resolver's.
func Classify(f *event.Flow, own func(netip.Addr) bool) Bypass {
	tcp := f.Proto == packet.ProtoTCP
	if !tcp && f.Proto != packet.ProtoUDP {
		return None
	}
	dst := f.Destination.Addr.Netip(f.Family)
	if own(dst) || dst.IsMulticast() {
		return None
	}
	switch port := f.Destination.Port; {
	case port == 53:
		return PlainDNS
	case port == 853 && tcp:
		return DNSOverTLS
	case !tcp && quicPort(port):
		return DNSOverQ
	case port == 443 && offersHTTPS(f, dst):
		return DNSOverH
	}
	return None
}

// quicPort reports whether a UDP port is one of DNS over QUIC: that of RFC 9250, or
// one of those that servers used before it.
func quicPort(port uint16) bool { return port == 853 || port == 8853 || port == 784 }

// OffersHTTPS reports whether an address is that of a public resolver, which also offers DNS over HTTPS.
func OffersHTTPS(a netip.Addr) bool { return dohAddrs[a] }

// offersHTTPS reports whether the server of a flow is known for DNS over HTTPS.
func offersHTTPS(f *event.Flow, dst netip.Addr) bool {
	return dohAddrs[dst] || f.Hello != nil && dohNames[strings.ToLower(f.Hello.ServerName)]
}
