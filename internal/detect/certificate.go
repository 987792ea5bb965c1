package detect

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/servercert"
)

// Certificate is one that a server of TLS has sent and that no authority has issued, or that is for
// other names than the client asks for.
type Certificate struct {
	Client, Server netip.AddrPort
	FromClient     packet.Direction
	ServerName     string // that the client asks for, "" if it is not known
	servercert.Certificate
}

// leastSegment is what a segment with a ServerHello and the names of a certificate has at
// least, in bytes.
const leastSegment = 300

// readCertificate reads the certificate in a packet of leastSegment bytes, nil if there is none, or if an authority
// has issued it for the name that the client asks for.
func (f *Feed) readCertificate(p *packet.Packet, frame []byte) *Certificate {
	if p.Proto != packet.ProtoTCP || p.Fragment != packet.FragmentNone {
		return nil
	}
	payload, ok := p.Payload(frame)
	if !ok || !servercert.Begins(payload) {
		return nil
	}
	c, ok := servercert.Read(payload)
	if !ok {
		return nil
	}
	name := f.serverName(p)
	if name != "" {
		covers, known := servercert.Covers(payload, name)
		c.OtherNames = known && !covers
	}
	if !c.SelfIssued && !c.OtherNames {
		return nil
	}
	return &Certificate{netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort), netip.AddrPortFrom(p.Src.Netip(p.Family), p.SrcPort), p.Direction.Opposite(), name, c}
}

// answersIn is how long a server takes at most to answer a ClientHello, in nanoseconds.
const answersIn = int64(30e9)

// serverName returns the name that the client of a server's packet has asked for, "" if it is not
// known.
func (f *Feed) serverName(p *packet.Packet) string {
	if f.hello == nil {
		return ""
	}
	r := flow.Record{Iface: p.Iface, Family: p.Family, Proto: p.Proto, Born: p.Time - answersIn, Start: p.Time - answersIn, End: p.Time,
		Source: flow.Endpoint{Addr: p.Dst, Port: p.DstPort}, Destination: flow.Endpoint{Addr: p.Src, Port: p.SrcPort}}
	if h := f.hello(&r); h != nil {
		return h.ServerName
	}
	return ""
}

// observe implements [Other].
func (c *Certificate) observe(t *Translator, i *Item) bool {
	client, server := c.Client.Addr(), c.Server.Addr()
	if !t.sides(&enrich.Observation{Iface: i.Iface, FromSource: c.FromClient, Source: client, Destination: server, SourceSent: true, DestSent: true,
		At: time.Unix(0, i.At)}, c.Client.Port(), c.Server.Port(), packet.ProtoTCP) {
		return false
	}
	t.o.Kind, t.o.Certificate = behaviour.Presented, &c.Certificate
	t.name(client, server, i.At, c.ServerName)
	return true
}
