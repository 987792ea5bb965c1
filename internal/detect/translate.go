package detect

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Config holds the settings of a [Translator].
type Config struct {
	// Enricher finds the qubes. It must not be nil.
	Enricher *enrich.Enricher
	// Qubes reports whether there is an inventory, without which addresses are subjects.
	Qubes bool
	// Resolver reports whether an address is that of the resolver of the qubes. It may be
	// nil; DNS that bypasses the resolver is not looked for then.
	Resolver func(netip.Addr) bool
	// Local reports whether an address is one of this machine. It may be nil.
	Local func(netip.Addr) bool
	// EachDisposable gives each disposable a baseline of its own, instead of that of its
	// template.
	EachDisposable bool
}

// Translator makes observations of items. It is not safe for concurrent use.
type Translator struct {
	conf    Config
	names   *dnsview.Names
	texts   map[netip.Addr]string // of addresses that are subjects
	foreign map[pair]int64        // when they have exchanged something else than the DNS on its port
	o       behaviour.Observation
	q       names.Query
	answers []netip.Addr // of q
	tls     behaviour.TLS
	Current // what the latest observation is about
}

// Current is what an observation is about, for the document of a finding.
type Current struct {
	Parties             event.Parties
	Source, Destination netip.AddrPort
	Proto               uint8
	Record              *flow.Record // nil if the flow has not ended
	Born                int64        // of the flow, 0 without one
}

// NewTranslator returns a translator that knows no names.
func NewTranslator(c Config) *Translator {
	return &Translator{conf: c, names: dnsview.NewNames(c.Enricher.Owner), texts: map[netip.Addr]string{}, foreign: map[pair]int64{}}
}

// Translate returns the observation that an item becomes, nil if there is none. It is valid
// until the next call. uncertain reports whether the qube may be known later.
func (t *Translator) Translate(i *Item) (o *behaviour.Observation, uncertain bool) {
	t.o = behaviour.Observation{At: i.At}
	t.Current = Current{}
	if i.Other == nil && !t.noticed(i) || i.Other != nil && !i.Other.observe(t, i) {
		return nil, false
	}
	t.o.Context = &t.Current
	return &t.o, t.conf.Qubes && t.Parties.Uncertain()
}

// sides sets the parties and reports whether the source is a client that is to be judged
// here: traffic between two qubes is seen on both vifs, and belongs to the one that began.
func (t *Translator) sides(s *enrich.Observation, sport, dport uint16, proto uint8) bool {
	p := &t.Parties
	t.conf.Enricher.Fill(p, s)
	t.Proto = proto
	t.Source, t.Destination = netip.AddrPortFrom(s.Source, sport), netip.AddrPortFrom(s.Destination, dport)
	if _, onVif := qube.VifDomain(p.Interface); onVif && p.Client != s.Source {
		return false
	}
	if p.Direction == event.External || !s.Source.IsValid() || !s.Destination.IsValid() {
		return false
	}
	if t.conf.Qubes && p.Direction == event.Inbound {
		return false
	}
	t.o.Subject = t.subject(p, s.Source)
	t.o.Addr, t.o.Port, t.o.SourcePort, t.o.Proto = s.Destination, dport, sport, proto
	t.o.Place = t.place(p, s.Source, s.Destination, dport, proto)
	t.o.Foreign = t.isForeign(s.Source, s.Destination, dport, proto, t.o.At)
	return true
}

// maxTexts bounds the addresses whose texts are remembered.
const maxTexts = 1024

// subject returns whose baseline applies: that of the qube, of the template for numbered
// disposables, or of the interface for what is not known or forged. Without an inventory it
// is that of the address.
func (t *Translator) subject(p *event.Parties, source netip.Addr) string {
	if q := p.Qube; q != nil && p.Attribution == event.Inventory && p.Client == source {
		if !t.conf.EachDisposable && Numbered(q) {
			return "disp:" + q.Template
		}
		return q.Name
	}
	if _, onVif := qube.VifDomain(p.Interface); onVif && t.conf.Qubes {
		return p.Interface
	}
	text, ok := t.texts[source]
	if !ok {
		if len(t.texts) >= maxTexts {
			clear(t.texts)
		}
		text = source.String()
		t.texts[source] = text
	}
	return text
}

// Numbered reports whether a qube is a disposable that Qubes has numbered: the next one is
// another qube with the same purpose.
func Numbered(q *qube.Qube) bool {
	digits, ok := strings.CutPrefix(q.Name, "disp")
	return ok && q.Class == "DispVM" && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// noticed fills the observation of a notice.
func (t *Translator) noticed(i *Item) bool {
	n := &i.Notice
	src, dst := n.Source.Netip(n.Family), n.Destination.Netip(n.Family)
	if n.Proto == packet.ProtoICMP && n.ICMPType != 8 && n.Kind == flow.Opened || n.Proto == packet.ProtoICMPv6 && n.ICMPType != 128 && n.Kind == flow.Opened {
		return false
	}
	if n.Proto == packet.ProtoUDP && n.DestinationPort >= 1024 && (n.SourcePort == 53 || n.SourcePort == 123) {
		return false // a response that comes after its flow has ended
	}
	if !t.sides(&enrich.Observation{Iface: n.Iface, FromSource: n.FromSource, Source: src, Destination: dst, SourceSent: true, At: time.Unix(0, n.At)},
		n.SourcePort, n.DestinationPort, n.Proto) {
		return false
	}
	t.Born = n.Born
	t.o.Kind = behaviour.Kind(n.Kind) // they begin with the same
	t.o.Midstream, t.o.Rejected, t.o.Stealth, t.o.Up = n.Midstream, n.Rejected, n.Stealth, uint64(n.Bytes)
	t.o.Flow = flowHash(&n.Source, &n.Destination, n.SourcePort, n.DestinationPort, n.Born)
	t.o.Connection = connectionHash(&n.Source, &n.Destination, n.SourcePort, n.DestinationPort, n.Iface)
	t.name(src, dst, n.Born, "")
	return true
}

// observe implements [Other].
func (e *Ended) observe(t *Translator, _ *Item) bool {
	var f event.Flow
	t.conf.Enricher.Flow(&e.Record, &f)
	r := &f.Record
	src, dst := r.Source.Addr.Netip(r.Family), r.Destination.Addr.Netip(r.Family)
	if r.IsICMP() && r.ICMPKind>>8 != 8 && r.ICMPKind>>8 != 128 {
		return false
	}
	if !t.sides(&enrich.Observation{Iface: r.Iface, FromSource: r.FromSource, Source: src, Destination: dst, SourceSent: r.Source.Sent,
		DestSent: r.Destination.Sent, At: time.Unix(0, r.End)}, r.Source.Port, r.Destination.Port, r.Proto) {
		return false
	}
	t.Record, t.Born = &e.Record, r.Born
	o := &t.o
	o.Kind, o.Midstream = behaviour.Traffic, r.Midstream()
	o.Flow, o.Final, o.Duration = flowHash(&r.Source.Addr, &r.Destination.Addr, r.Source.Port, r.Destination.Port, r.Born), r.Final(), r.End-r.Born
	o.Connection, o.Ended = connectionHash(&r.Source.Addr, &r.Destination.Addr, r.Source.Port, r.Destination.Port, r.Iface), r.Reason == flow.ReasonEnd
	o.Up, o.Down, o.UpPackets, o.DownPackets = r.Source.Bytes, r.Destination.Bytes, r.Source.Packets, r.Destination.Packets
	sni := ""
	if h := e.Hello; h != nil {
		sni = strings.ToLower(h.ServerName)
		domain, given := registered(sni)
		t.tls = behaviour.TLS{ServerName: sni, Domain: domain, Given: given, JA4: h.JA4, ECH: h.ECH}
		o.TLS = &t.tls
	}
	t.name(src, dst, r.Born, sni)
	if t.conf.Resolver != nil && (f.OfClient() || !t.conf.Qubes) {
		f.Hello = e.Hello
		o.Bypass = string(dnsview.Classify(&f, t.conf.Resolver))
	}
	return true
}

// observe implements [Other].
func (v *Refusal) observe(t *Translator, i *Item) bool {
	if !v.Src.IsValid() || !v.Dst.IsValid() || v.Coalesced {
		return false
	}
	p := t.conf.Enricher.PartiesOn(v.In, enrich.Observation{Iface: i.Iface, FromSource: packet.Inbound, Source: v.Src, Destination: v.Dst, SourceSent: true,
		At: time.Unix(0, v.First)})
	t.Parties, t.Proto = p, v.Proto
	t.Source, t.Destination = netip.AddrPortFrom(v.Src, v.SrcPort), netip.AddrPortFrom(v.Dst, v.DstPort)
	t.o.Kind = behaviour.Refused
	t.o.Subject, t.o.Addr, t.o.Port, t.o.Proto = t.subject(&p, v.Src), v.Dst, v.DstPort, v.Proto
	t.o.Place, t.o.Point = t.place(&p, v.Src, v.Dst, v.DstPort, v.Proto), v.Point.String()
	t.name(v.Src, v.Dst, v.First, "")
	return true
}

// observe implements [Other]: the translator knows the addresses in the message from now on.
func (m *Message) observe(t *Translator, i *Item) bool {
	if !t.sides(&enrich.Observation{Iface: i.Iface, FromSource: m.FromClient, Source: m.Client, Destination: m.Server, SourceSent: true, At: time.Unix(0, i.At)},
		0, 53, packet.ProtoUDP) {
		return false
	}
	t.answers = t.answers[:0]
	for _, a := range m.Addresses {
		t.answers = append(t.answers, a.Addr)
		t.names.Add(m.Client, a.Addr, m.Name, i.At, a.TTL)
		if !t.conf.Qubes {
			t.names.Add(anyone, a.Addr, m.Name, i.At, a.TTL)
		}
	}
	domain, given := registered(m.Name)
	t.q = names.Query{At: i.At, Name: m.Name, Domain: domain, Suffix: domain != "", Given: given, Type: m.Type, Response: m.Response, NXDomain: m.NXDomain, Bytes: m.Bytes,
		Addrs: t.answers}
	if domain == "" {
		t.q.Domain = lastLabels(m.Name)
	}
	t.o.Kind, t.o.Query, t.o.Name, t.o.Domain = behaviour.Asked, &t.q, m.Name, t.q.Domain
	return true
}

// anyone stands for all clients of a network without an inventory.
var anyone netip.Addr

// name sets the name of the destination of what has begun at a time and goes on until now, and
// whether the client could have resolved it: neighbours are found by other ways than the DNS.
func (t *Translator) name(client, dst netip.Addr, begun int64, sni string) {
	o := &t.o
	name, known := t.names.Use(client, dst, begun, o.At)
	if !known && !t.conf.Qubes { // it may have asked under another address
		name, _ = t.names.Use(anyone, dst, begun, o.At)
	}
	o.Unresolved = known && name == "" && o.Place == behaviour.World && !isPrivate(dst)
	if name == "" {
		name = sni
	}
	o.Name = name
	o.Domain, _ = registered(name)
	if o.Domain == "" {
		o.Domain = name
	}
}

// flowHash returns the same for all items of a flow.
func flowHash(src, dst *packet.Addr, sport, dport uint16, born int64) uint64 {
	h := uint64(born) ^ uint64(sport)<<48 ^ uint64(dport)<<32
	h = mix(mix(h, binary.LittleEndian.Uint64(src[:])), binary.LittleEndian.Uint64(src[8:]))
	return mix(mix(h, binary.LittleEndian.Uint64(dst[:])), binary.LittleEndian.Uint64(dst[8:]))
}

// mix adds a word to a hash.
func mix(h, word uint64) uint64 {
	h = (h ^ word) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// connectionHash returns the same for all flows between two ports on an interface, in both
// directions: who forges an address does so on another one.
func connectionHash(src, dst *packet.Addr, sport, dport uint16, iface uint32) uint64 {
	if c := src.Compare(dst); c > 0 || c == 0 && sport > dport {
		src, dst, sport, dport = dst, src, dport, sport
	}
	return flowHash(src, dst, sport, dport, int64(iface))
}
