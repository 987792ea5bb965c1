package verify

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Exit is the way by which a qube is to reach the outside.
type Exit uint8

// The exits. ExitNone stands for a qube of which nothing is expected.
const (
	ExitNone  Exit = iota
	ExitClear      // directly
	ExitVPN        // through a tunnel that the qube makes
	ExitTor        // through Tor, which runs in the qube
	ExitAnon       // behind a gateway, and never directly here
)

// String returns the exit as the configuration spells it, "" for ExitNone.
func (e Exit) String() string {
	names := [...]string{"", "clear", "vpn", "tor", "anon"}
	if int(e) < len(names) {
		return names[e]
	}
	return ""
}

// ExitByName is the inverse of [Exit.String].
func ExitByName(name string) (e Exit, ok bool) {
	for e = ExitClear; e <= ExitAnon; e++ {
		if e.String() == name {
			return e, true
		}
	}
	return ExitNone, name == ""
}

// Protocol is that of a tunnel. ProtocolAny is one whose shape is not judged.
type Protocol uint8

// The protocols of tunnels.
const (
	ProtocolAny Protocol = iota
	ProtocolWireGuard
	ProtocolOpenVPN
	ProtocolIPsec
)

// String returns the protocol as the configuration spells it.
func (p Protocol) String() string {
	names := [...]string{"any", "wireguard", "openvpn", "ipsec"}
	if int(p) < len(names) {
		return names[p]
	}
	return "any"
}

// ProtocolByName is the inverse of [Protocol.String]; "" is ProtocolAny.
func ProtocolByName(name string) (p Protocol, ok bool) {
	for p = ProtocolAny; p <= ProtocolIPsec; p++ {
		if p.String() == name {
			return p, true
		}
	}
	return ProtocolAny, name == ""
}

// Endpoint is where a tunnel leads. Port 0 stands for all ports, and Proto 0 for all
// protocols.
type Endpoint struct {
	Addr  netip.Addr
	Port  uint16
	Proto uint8 // IANA number
}

// String returns the endpoint as the configuration spells it: 203.0.113.9:51820/udp.
func (e Endpoint) String() string {
	text := e.Addr.String()
	if e.Port != 0 {
		text = netip.AddrPortFrom(e.Addr, e.Port).String()
	}
	switch e.Proto {
	case 0:
		return text
	case packet.ProtoTCP:
		return text + "/tcp"
	case packet.ProtoUDP:
		return text + "/udp"
	case packet.ProtoESP:
		return text + "/esp"
	}
	return text + "/" + strconv.Itoa(int(e.Proto))
}

// ParseEndpoint is the inverse of [Endpoint.String]. The port may be left out with esp. An IPv4
// address in the notation of IPv6, ::ffff:203.0.113.9, is that IPv4 address, as packets have it.
func ParseEndpoint(text string) (e Endpoint, ok bool) {
	place, proto, _ := strings.Cut(text, "/")
	switch proto {
	case "tcp":
		e.Proto = packet.ProtoTCP
	case "udp":
		e.Proto = packet.ProtoUDP
	case "esp":
		e.Proto = packet.ProtoESP
		a, err := netip.ParseAddr(place)
		e.Addr = a.Unmap()
		return e, err == nil
	default:
		return e, false
	}
	at, err := netip.ParseAddrPort(place)
	e.Addr, e.Port = at.Addr().Unmap(), at.Port()
	return e, err == nil && e.Port != 0
}

// Own is traffic that the qube of a tunnel may send beside it.
type Own uint8

// The kinds of own traffic, a set.
const (
	OwnLAN Own = 1 << iota // the local network
	OwnNTP                 // the time
)

// OwnByName returns the kind of own traffic with a name.
func OwnByName(name string) (o Own, ok bool) {
	switch name {
	case "lan":
		return OwnLAN, true
	case "ntp":
		return OwnNTP, true
	}
	return 0, false
}

// Expectation is what the user expects of a qube. It is shared and does not change.
type Expectation struct {
	Exit      Exit
	Protocol  Protocol
	Endpoints []Endpoint // of a tunnel, or bridges of Tor
	Names     []string   // of the endpoints, in lower case
	Own       Own
	// Relays are the relays of Tor; nil if they are not known.
	Relays *Relays
	// Source says where it is from: config, rules or inventory.
	Source string
	// Conflict says in words what two sources disagree on, "" if they agree.
	Conflict string
}

// needsEndpoint are the checks that are about what goes to an endpoint, or does not. VPN-6 is one of
// them, for an endpoint may be in a local network.
var needsEndpoint = setOf(VPN1, VPN2, VPN3, VPN4, VPN6, VPN7, VPN8, VPN9, VPN10)

// withoutEndpoint are those that packets speak against even if no endpoint is known: a query is no
// tunnel, and neither is a packet to another qube nor a canary.
var withoutEndpoint = setOf(VPN5, VPN6, VPN9, DNS3)

// lacksEndpoint reports whether a tunnel is expected of which no one has said where it leads.
func (x *Expectation) lacksEndpoint() bool {
	return x != nil && x.Exit == ExitVPN && len(x.Endpoints) == 0
}

// hasName reports whether a name is that of an endpoint.
func (x *Expectation) hasName(name string) bool {
	for _, one := range x.Names {
		if one == name {
			return true
		}
	}
	return false
}
