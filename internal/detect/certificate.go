package detect

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/servercert"
)

// Certificate is one that a server of TLS has sent and that no authority has issued.
type Certificate struct {
	Client, Server netip.AddrPort
	FromClient     packet.Direction
	servercert.Certificate
}

// leastSegment is what a segment with a ServerHello and the names of a certificate has at
// least, in bytes.
const leastSegment = 300

// readCertificate reads the certificate in a packet, nil if there is none, or if an authority
// has issued it.
func readCertificate(p *packet.Packet, frame []byte) *Certificate {
	if p.Proto != packet.ProtoTCP || p.TransportLen < leastSegment || p.Fragment != packet.FragmentNone {
		return nil
	}
	payload, ok := p.Payload(frame)
	if !ok || !servercert.Begins(payload) {
		return nil
	}
	c, ok := servercert.Read(payload)
	if !ok || !c.SelfIssued {
		return nil
	}
	from := p.Direction
	if from != packet.DirectionUnknown {
		from = packet.Inbound + packet.Outbound - from
	}
	return &Certificate{netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort), netip.AddrPortFrom(p.Src.Netip(p.Family), p.SrcPort), from, c}
}

// certificate fills the observation of a certificate.
func (t *Translator) certificate(i *Item) bool {
	c := i.Certificate
	client, server := c.Client.Addr(), c.Server.Addr()
	if !t.sides(enrich.Observation{Iface: i.Iface, FromSource: c.FromClient, Source: client, Destination: server, SourceSent: true, DestSent: true,
		At: time.Unix(0, i.At)}, c.Client.Port(), c.Server.Port(), packet.ProtoTCP) {
		return false
	}
	t.o.Certificate = &c.Certificate
	t.name(client, server, i.At, "")
	return true
}
