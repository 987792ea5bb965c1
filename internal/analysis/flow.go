package analysis

import (
	"cmp"
	"net/netip"
	"strconv"
	"time"
)

// compareQubes sorts qubes.
func compareQubes(x, y *Qube) int {
	if (x.Name == "") != (y.Name == "") {
		return cmp.Compare(y.Name, x.Name)
	}
	return cmp.Or(cmp.Compare(y.Bytes(), x.Bytes()), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Host, y.Host), cmp.Compare(x.UUID, y.UUID))
}

// addFlow adds a flow event.
func (a *Analysis) addFlow() {
	l := a.line
	isFinal := l.value(fFinal).IsTrue()
	if !isFinal && !a.isDelta {
		a.Interim++
		return
	}
	q := a.qube()
	out, in, isInbound := l.uint(fSourceBytes), l.uint(fDestinationBytes), l.clientIsDestination()
	if isInbound {
		out, in = in, out
	}
	t := Traffic{Out: out, In: in, Span: Span{l.at, l.at}}
	if from := l.value(fEventStart).Time(); !from.IsZero() && from.Before(l.at) {
		t.First = from
	}
	if isFinal {
		t.Flows = 1
		a.countFlow(q, isInbound)
	}
	a.Total.merge(&t)
	q.merge(&t)
	a.addToTimelines(q, &t)
	a.addPeer(q, &t, isInbound)
}

// countFlow counts what a flow is, apart from its bytes.
func (a *Analysis) countFlow(q *Qube, isInbound bool) {
	l := a.line
	for _, c := range [...]struct {
		n  *uint64
		is bool
	}{
		{&q.Spoofed, l.is(fAttribution, "spoofed")}, {&q.Unresolved, l.value(fUnresolved).IsTrue()}, {&q.Inbound, isInbound},
		{&q.Unanswered, l.uint(fDestinationBytes) == 0 && !a.isDelta || l.is(fTCPState, "syn_sent") || l.is(fTCPState, "refused")},
	} {
		if c.is {
			*c.n++
		}
	}
	if ja4 := l.text(fJA4); ja4 != "" {
		a.count(q.JA4, ja4, 1)
	}
}

func (a *Analysis) addToTimelines(q *Qube, t *Traffic) {
	l := a.line
	bytes := t.Bytes()
	a.Timeline.at(l.at).Bytes[LabelIndex(q.Label)] += bytes
	b := q.Timeline.at(l.at)
	b.Out, b.In = b.Out+t.Out, b.In+t.In
	at := l.at.In(a.conf.Location)
	q.Hours[at.Weekday()][at.Hour()] += bytes
	if l.is(fDirection, "internal") {
		q.Internal += bytes
	}
}

// clientIsDestination reports whether the event's qube is the destination.
func (l *line) clientIsDestination() bool {
	if l.is(fDirection, "inbound") {
		return true
	}
	ip := l.value(fQubeIP).Bytes()
	return string(ip) == string(l.value(fDestinationIP).Bytes()) && string(ip) != string(l.value(fSourceIP).Bytes())
}

// side are the fields of one side of a flow.
type side struct{ ip, port, qube, country, asn, asName field }

var (
	sourceSide      = side{fSourceIP, fSourcePort, fSourceQube, fSourceCountry, fSourceASN, fSourceASName}
	destinationSide = side{fDestinationIP, fDestinationPort, fDestinationQube, fDestinationCountry, fDestinationASN, fDestinationASName}
)

// addPeer adds a flow to the other side of it.
func (a *Analysis) addPeer(q *Qube, t *Traffic, isInbound bool) {
	l, s := a.line, destinationSide
	if isInbound {
		s = sourceSide
	}
	name, isQube := l.text(s.qube), true
	if name == "" {
		isQube = false
		if !isInbound {
			name = cmp.Or(l.text(fDestinationDomain), l.text(fServerName))
		}
	}
	ip, port, transport := l.text(s.ip), l.uint(s.port), l.text(fTransport)
	if isInbound {
		port = l.uint(fDestinationPort) // that of the qube; the other is a new one each time
	}
	p, isNew := q.Peers.row(a.key(name, ip, strconv.FormatUint(port, 10), transport, direction(isInbound)))
	if isNew {
		*p = Peer{Name: name, IsQube: isQube, IP: ip, Port: port, Transport: transport}
		at := a.locate(s, ip)
		p.Country, p.Network = at.Country, at.Network
	}
	p.merge(t)
	if isInbound {
		p.Inbound += t.Flows
	}
	if !isQube {
		a.addPlaces(q, p, t)
	}
}

// direction is part of a key.
func direction(isInbound bool) string {
	if isInbound {
		return "in"
	}
	return ""
}

// locate returns where an address is registered.
func (a *Analysis) locate(s side, ip string) (at Location) {
	l := a.line
	if addr, err := netip.ParseAddr(ip); err == nil && a.conf.Locate != nil {
		if at = a.conf.Locate(addr); at != (Location{}) {
			return at
		}
	}
	if at.Country = l.text(s.country); !isCountry(at.Country) {
		at.Country = ""
	}
	if n := l.uint(s.asn); n > 0 {
		at.Network = NetworkName(n, l.text(s.asName))
	}
	return at
}

// NetworkName returns the name of an autonomous system with its number.
func NetworkName(number uint64, name string) string {
	text := "AS" + strconv.FormatUint(number, 10)
	if name != "" {
		text += " " + name
	}
	return text
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// addPlaces adds a flow to the places that its traffic goes to.
func (a *Analysis) addPlaces(q *Qube, p *Peer, t *Traffic) {
	if p.Country != "" {
		a.addPlace(q.Countries, p.Country, t)
	}
	if p.Network != "" {
		a.addPlace(q.Networks, p.Network, t)
	}
	domain := ""
	if p.Name != "" {
		domain = a.conf.Domain(p.Name)
	}
	a.addPlace(q.Domains, cmp.Or(domain, network(p.IP), "(no address)"), t)
}

func (a *Analysis) addPlace(places *Places, name string, t *Traffic) {
	row, isNew := places.row(a.key(name))
	if isNew {
		row.Name = name
	}
	row.merge(t)
}

// network returns the network that an address without a name is counted under: a /16 of
// IPv4, a /32 of IPv6.
func network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	bits := 16
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// alert counts an alert in the timelines.
func (a *Analysis) alert(q *Qube, at time.Time, n uint64) {
	a.Alerts += n
	q.Alerts += n
	a.Timeline.at(at).Alerts += n
	q.Timeline.at(at).Alerts += n
}
