package verify

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// shape is what a packet to an endpoint looks like.
type shape uint8

const (
	shapeUnknown shape = iota // no mark of either kind
	shapeTunnel               // a mark of the tunnel
	shapeOther                // certainly something else
)

// marked is how many bytes at the beginning of a payload have the marks of a protocol: the type of
// WireGuard; length, opcode and session of OpenVPN over TCP; marker and header of IKE behind NAT.
var marked = [...]int{ProtocolAny: 0, ProtocolWireGuard: 4, ProtocolOpenVPN: 11, ProtocolIPsec: 32}

// shapeOf returns what a packet looks like, for the protocol that is expected. The first fragment of a datagram shows
// as much as all of it: none is so small that it would not have the marks.
func (v *Verifier) shapeOf(s *subject, p *packet.Packet, frame []byte) shape {
	if p.Proto == packet.ProtoESP {
		return shapeFor(s.expect.Protocol == ProtocolIPsec, s.expect.Protocol == ProtocolAny)
	}
	payload, ok := p.Payload(frame)
	first := p.Fragment == packet.FragmentFirst
	if !ok || first && p.Proto != packet.ProtoUDP {
		return shapeUnknown
	}
	n := length(p, frame, payload)
	if n == 0 || isCut(p, frame) && len(payload) < min(n, marked[s.expect.Protocol]) {
		return shapeUnknown
	}
	switch s.expect.Protocol {
	case ProtocolWireGuard:
		s.clock.Protocol = ProtocolWireGuard
		return shapeFor(p.Proto == packet.ProtoUDP && tunnelmark.ReadWireGuard(payload, n) != tunnelmark.WGNone, false)
	case ProtocolOpenVPN:
		return s.openVPN(p, frame, payload, n)
	case ProtocolIPsec:
		return shapeFor(tunnelmark.ReadIPsec(p.DstPort, payload, n) != tunnelmark.IPsecNone, false)
	}
	return shapeUnknown
}

// shapeFor returns shapeTunnel if is, shapeUnknown if unclear, and shapeOther otherwise.
func shapeFor(is, unclear bool) shape {
	switch {
	case is:
		return shapeTunnel
	case unclear:
		return shapeUnknown
	}
	return shapeOther
}

// openVPN judges a packet of OpenVPN. Data has one byte of marks, so that it counts only
// once the session was seen to begin; and TCP segments need not begin with a packet, but for the first.
func (s *subject) openVPN(p *packet.Packet, frame, payload []byte, n int) shape {
	read := tunnelmark.ReadOpenVPN
	if p.Proto == packet.ProtoTCP {
		read = tunnelmark.ReadOpenVPNTCP
	}
	switch read(payload, n) {
	case tunnelmark.OVReset, tunnelmark.OVAnswer:
		s.clock.Protocol = ProtocolOpenVPN
		return shapeTunnel
	case tunnelmark.OVControl, tunnelmark.OVData:
		if s.clock.Protocol == ProtocolOpenVPN {
			return shapeTunnel
		}
		return shapeUnknown
	}
	if p.Proto == packet.ProtoTCP && !foreign(payload) && !s.clock.opened.begins(p, frame, payload) {
		return shapeUnknown
	}
	return shapeOther
}

// foreign reports whether a payload begins like TLS or HTTP.
func foreign(payload []byte) bool { return clienthello.IsTLSClient(payload) || isHTTP(payload) }

// isHTTP reports whether a payload begins with a request of HTTP.
func isHTTP(b []byte) bool {
	for _, method := range [...]string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE "} {
		if len(b) >= len(method) && string(b[:len(method)]) == method {
			return true
		}
	}
	return false
}
