package detect

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// shared is the network of neighbours behind a provider's translation of addresses (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// place returns where a destination is, as seen by its client.
func (t *Translator) place(p *event.Parties, src, dst netip.Addr, port uint16, proto uint8) behaviour.Place {
	switch {
	case dst.IsLoopback() && !t.conf.Qubes: // a capture within one machine, whose programs are hosts of a network
		return t.neighbour(src, port)
	case everyone(dst):
		return behaviour.Nowhere
	case t.isLocal(dst):
		return own(port, proto)
	case qvmfirewall.IsMagic(dst) || t.conf.Resolver != nil && t.conf.Resolver(dst):
		return behaviour.Nowhere
	case p.DestinationQube != nil && p.DestinationQube != p.SourceQube:
		if p.DestinationQube.ProvidesNetwork {
			return behaviour.NetVM
		}
		return behaviour.Qube
	case !isPrivate(dst):
		return behaviour.World
	}
	return t.neighbour(src, port)
}

// isLocal reports whether an address is one of this machine.
func (t *Translator) isLocal(a netip.Addr) bool { return t.conf.Local != nil && t.conf.Local(a) }

// neighbour returns the place of a private address that is no qube's. Without qubes, hosts
// of a network talk to each other and to their router all the time, and who comes from the world to a
// server is no neighbour of it.
func (t *Translator) neighbour(src netip.Addr, port uint16) behaviour.Place {
	switch {
	case t.conf.Qubes || behaviour.Service(port) && (isPrivate(src) || src.IsLoopback()):
		return behaviour.LAN
	case infrastructure(port):
		return behaviour.Nowhere
	}
	return behaviour.World
}

// everyone reports whether an address is not that of one host.
func everyone(a netip.Addr) bool {
	return a.IsMulticast() || a.IsUnspecified() || a.IsLoopback() || isBroadcast(a)
}

// own returns the place of an address of this machine: clients ask it for names, and send it
// echo requests.
func own(port uint16, proto uint8) behaviour.Place {
	if port == 53 || proto == packet.ProtoICMP || proto == packet.ProtoICMPv6 {
		return behaviour.Nowhere
	}
	return behaviour.NetVM
}

// infrastructure reports whether every client of a network uses a port of its router.
func infrastructure(port uint16) bool {
	switch port {
	case 53, 67, 68, 123, 137, 138, 1900, 5351, 5353, 5355:
		return true
	}
	return false
}

// isPrivate reports whether an address is that of a neighbour.
func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// isBroadcast reports whether an address is the broadcast address of a network of 256 or
// more addresses, as far as it can be told.
func isBroadcast(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	return b[3] == 255 && (b[0] == 255 || isPrivate(a))
}
