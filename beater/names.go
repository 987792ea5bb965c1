package beater

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	findingmodule "github.com/qubesbeat/qubesbeat/module/finding"
	flowmodule "github.com/qubesbeat/qubesbeat/module/flow"
)

// view is what the DNS of the qubes tells about their flows.
type view struct {
	run   *run
	names *dnsview.Names
	once  dnsview.Once
	local func(netip.Addr) bool

	named, unresolved, findings atomic.Uint64
}

// newView makes the view where somebody sees the qubes' DNS. packetbeat has none
// of its fields. A replay has no view: answers and flows come there by ways that
// overtake each other, and its events are to be the same on every run.
func (r *run) newView() *view {
	if !r.live || r.settings.Compat.Strict || r.dns == nil && r.analysis == nil {
		return nil
	}
	return &view{run: r, names: dnsview.NewNames(), local: localAddress()}
}

// learn takes the addresses of an answer of the dnsevent.
func (v *view) learn(e *dnsevent.Entry, name string) {
	if v == nil {
		return
	}
	v.names.Heard(e.From.Addr(), e.At)
	if e.Action == dnsevent.Blocked || len(e.Reply) < dnsmsg.HeaderSize {
		return
	}
	var r dnsmsg.Reader
	if r.Read(e.Reply) != nil {
		return
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr) && rr.Section == dnsmsg.Answer; {
		if a := rr.Address(e.Reply); a.IsValid() {
			v.names.Add(e.From.Addr(), a, name, e.At, rr.TTL)
		}
	}
}

// passiveTTL stands for that of an answer that packetbeat's analyzer has seen: its
// events have the TTLs as text, in each answer.
const passiveTTL = 300

// overheard takes the addresses of an answer that was seen on its way, and tells
// whether the resolver tells of the same query.
func (v *view) overheard(e *beat.Event) (skip bool) {
	from, ok := sideOf(e, "source")
	to, _ := sideOf(e, "destination")
	if !ok {
		return false
	}
	if d := v.run.dns; d != nil {
		id, _ := strconv.ParseUint(text(e, "dns.id"), 10, 16)
		if d.Asked(from, uint16(id)) || d.IsUpstream(to) && v.local(from.Addr()) {
			return true
		}
	}
	list, _ := e.Fields.GetValue("dns.resolved_ip")
	for _, a := range addresses(list) {
		v.names.Add(from.Addr(), a, text(e, "dns.question.name"), e.Timestamp.UnixNano(), passiveTTL)
	}
	return false
}

func text(e *beat.Event, key string) string {
	if v, err := e.Fields.GetValue(key); err == nil {
		return fmt.Sprint(v)
	}
	return ""
}

func sideOf(e *beat.Event, side string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(text(e, side+".ip"))
	port, _ := strconv.ParseFloat(text(e, side+".port"), 64)
	return netip.AddrPortFrom(a, uint16(port)), err == nil
}

// addresses reads a list of addresses, of whatever type the analyzer has made it.
func addresses(v any) (list []netip.Addr) {
	var texts []string
	switch v := v.(type) {
	case []string:
		texts = v
	case []any:
		for _, one := range v {
			texts = append(texts, fmt.Sprint(one))
		}
	}
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// fill names the destination of a flow that a client has begun, and tells where it
// goes around the DNS.
func (v *view) fill(f *event.Flow) {
	if f.Direction != event.Outbound || f.SourceQube == nil && !f.Client.IsValid() || f.Family != 4 && f.Family != 6 {
		return
	}
	client, dst := f.Source.Addr.Netip(f.Family), f.Destination.Addr.Netip(f.Family)
	name, known := v.names.Find(client, dst, f.Start)
	if f.Domain = name; name != "" {
		v.named.Add(1)
	} else if f.Unresolved = known && worldwide(dst) && !v.ours(dst); f.Unresolved {
		v.unresolved.Add(1)
	}
	if v.run.dns != nil {
		v.bypass(f, client, dst)
	}
}

// worldwide tells addresses that a program finds through the DNS and not otherwise.
func worldwide(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// ours tells the addresses at which the resolver is reached.
func (v *view) ours(a netip.Addr) bool {
	return a == qubesdb.MagicDNS[0] || a == qubesdb.MagicDNS[1] || v.local(a)
}

var bypassReasons = map[dnsview.Bypass]string{dnsview.PlainDNS: "DNS to a server that is not the resolver",
	dnsview.DNSOverTLS: "DNS over TLS goes around the resolver", dnsview.DNSOverQ: "DNS over QUIC goes around the resolver",
	dnsview.DNSOverH: "DNS over HTTPS goes around the resolver"}

func (v *view) bypass(f *event.Flow, client, dst netip.Addr) {
	way := dnsview.Classify(f, v.ours)
	if way == dnsview.None {
		return
	}
	n, ok := v.once.First(client, dst, way, f.Start)
	if !ok {
		return
	}
	d := &findingmodule.Document{Parties: f.Parties, At: f.Start, Kind: "dns-bypass", Way: string(way), Reason: bypassReasons[way], Transport: "udp",
		Source: netip.AddrPortFrom(client, f.Source.Port), Destination: netip.AddrPortFrom(dst, f.Destination.Port), FlowID: flowmodule.ID(&f.Record), Count: n}
	if f.Proto == packet.ProtoTCP {
		d.Transport = "tcp"
	}
	if d.ServerName = f.Domain; f.Hello != nil && f.Hello.ServerName != "" {
		d.ServerName = f.Hello.ServerName
	}
	v.findings.Add(1)
	v.run.publishSide(d)
}

// counters are absent where nobody sees the qubes' DNS.
func (v *view) counters(c *counterList) {
	if v == nil {
		return
	}
	s := v.names.Stats()
	c.group = "names"
	c.add("clients", s.Clients)
	c.add("addresses", s.Addresses)
	c.add("evicted", s.Evicted)
	c.add("flows_named", v.named.Load())
	c.add("flows_unresolved", v.unresolved.Load())
	c.add("findings", v.findings.Load())
}
