package verify

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// Looks is what the packets of a qube look like of which nothing is expected, or a tunnel without
// an endpoint. It proposes an
// expectation, and no verdict rests on it.
type Looks struct {
	Protocol  string   `json:"protocol"` // wireguard, openvpn, ipsec or tor
	Endpoints []string `json:"endpoints"`
}

// learned are the tunnels that were recognised.
type learned struct {
	protocol  string
	endpoints []Endpoint
}

// maxLearned bounds the endpoints that are remembered.
const maxLearned = 8

// learnFrom is how many packets of a conversation are looked at.
const learnFrom = 4

// looksPerRefresh bounds the packets of a qube that are looked at in a second.
const looksPerRefresh = 256

// lookAt looks at one of the first packets of a flow, of which some were looked at, for marks of
// tunnels. It returns how many were looked at now. If there is no time, the first waits until there
// is, and the others count as looked at.
func (s *subject) lookAt(p *packet.Packet, frame []byte, looked uint8) uint8 {
	switch {
	case looked >= learnFrom || s.expect != nil && !s.expect.lacksEndpoint() || looked == 0 && s.looks == 0:
		return looked
	case s.looks > 0:
		s.looks--
		s.learn(p, frame)
	}
	return looked + 1
}

// learn looks at one of the first packets of a conversation.
func (s *subject) learn(p *packet.Packet, frame []byte) {
	protocol := recognise(p, frame)
	if protocol == "" {
		return
	}
	if s.learned.protocol != protocol {
		s.learned = learned{protocol: protocol}
	}
	e := Endpoint{Addr: p.Dst.Netip(p.Family), Port: p.DstPort, Proto: p.Proto}
	if l := &s.learned; len(l.endpoints) < maxLearned && !slices.Contains(l.endpoints, e) {
		l.endpoints = append(l.endpoints, e)
	}
}

// recognise returns the protocol of a tunnel that a packet looks like, "" if none.
func recognise(p *packet.Packet, frame []byte) string {
	if p.Proto == packet.ProtoESP {
		return ProtocolIPsec.String()
	}
	payload, ok := p.Payload(frame)
	if !ok || len(payload) == 0 {
		return ""
	}
	n := length(p, frame, payload)
	if p.Proto == packet.ProtoTCP {
		return recogniseTCP(payload, n)
	}
	switch {
	case tunnelmark.ReadWireGuard(payload, n) != tunnelmark.WGNone:
		return ProtocolWireGuard.String()
	case tunnelmark.ReadIPsec(p.DstPort, payload, n) != tunnelmark.IPsecNone:
		return ProtocolIPsec.String()
	case tunnelmark.ReadOpenVPN(payload, n) == tunnelmark.OVReset:
		return ProtocolOpenVPN.String()
	}
	return ""
}

func recogniseTCP(payload []byte, n int) string {
	if tunnelmark.ReadOpenVPNTCP(payload, n) == tunnelmark.OVReset {
		return ProtocolOpenVPN.String()
	}
	var hello clienthello.TCP
	if clienthello.IsTLSClient(payload) && hello.Feed(payload) == clienthello.Done && tunnelmark.TorName(hello.Hello().ServerName) &&
		tunnelmark.TorJA4(hello.Hello().JA4) {
		return ExitTor.String()
	}
	return ""
}

// looks returns what was learned, nil if nothing was.
func (l *learned) looks() *Looks {
	if l.protocol == "" {
		return nil
	}
	x := &Looks{Protocol: l.protocol}
	for _, e := range l.endpoints {
		x.Endpoints = append(x.Endpoints, e.String())
	}
	return x
}
