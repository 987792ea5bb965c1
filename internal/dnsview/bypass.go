package dnsview

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Bypass is a method of resolving names without the resolver, as events spell it.
type Bypass string

// The methods. Each is the protocol that is used.
const (
	None       Bypass = ""
	PlainDNS   Bypass = "dns" // port 53 of another server, or another port of a public resolver
	DNSOverTLS Bypass = "dot" // RFC 7858
	DNSOverQ   Bypass = "doq" // RFC 9250
	DNSOverH   Bypass = "doh" // RFC 8484, recognised by the server's name or address
)

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
	case otherPort(port) && OffersHTTPS(dst):
		return PlainDNS
	case port == 443 && offersHTTPS(f, dst):
		return DNSOverH
	}
	return None
}

// quicPort reports whether a UDP port is one of DNS over QUIC: that of RFC 9250, or
// one of those that servers used before it.
func quicPort(port uint16) bool { return port == 853 || port == 8853 || port == 784 }

// otherPort reports whether a port is one at which public resolvers answer beside port 53:
// OpenDNS and Quad9 plain DNS, Quad9 and AdGuard DNSCrypt.
func otherPort(port uint16) bool { return port == 5353 || port == 9953 || port == 5443 || port == 8443 }
