package top

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// goneFor is for how long the counters of an interface are shown that is not captured any
// more.
const goneFor = time.Minute

// Top implements [control.Top]. It is safe for concurrent use.
func (s *Service) Top(ctx context.Context, open string) (*topview.Snapshot, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	readings, err := s.gauge.read(ctx, s.deps.Flows.Wake, question{open: s.ifaces[open], forget: s.forget})
	if err != nil {
		return nil, err
	}
	s.forget = nil
	s.served.Add(1)
	snap := &topview.Snapshot{At: time.Now(), Uptime: time.Since(s.started), KernelDrops: s.deps.Flows.KernelDrops(), Qubes: []topview.Qube{}}
	s.fill(snap, readings)
	return snap, nil
}

// fill adds a row for each interface, and for each client that only the resolver or the
// firewall has seen.
func (s *Service) fill(snap *topview.Snapshot, readings []reading) {
	clear(s.ifaces)
	tallies := s.tallies.all()
	rows := make([]source, 0, len(readings))
	for i := range readings {
		r := &readings[i]
		name := s.deps.Flows.InterfaceName(r.iface)
		s.ifaces[name] = r.iface
		rows = append(rows, s.source(name, r, tallies[name], snap.At))
		delete(tallies, name)
	}
	rows = s.addTallies(rows, tallies, snap.At)
	for i := range rows {
		if r := &rows[i]; r.gone && snap.At.Sub(time.Unix(0, r.reading.seen)) > goneFor {
			s.forget = append(s.forget, r.reading.iface)
			s.tallies.forget(r.name)
		} else {
			snap.Qubes = append(snap.Qubes, s.row(r, snap.At))
		}
	}
	slices.SortFunc(snap.Qubes, func(a, b topview.Qube) int { return cmp.Compare(a.Interface, b.Interface) })
}

// source is what a row is made of.
type source struct {
	name    string // of the interface, or the address of the client
	gone    bool   // it is a vif that is not captured any more
	reading *reading
	tally   tally
	parties event.Parties
}

// source finds the qube of an interface. iface is its name, or the address of r.client if
// that is all that is known.
func (s *Service) source(name string, r *reading, t tally, at time.Time) source {
	iface := name
	if kindOf(name) != 0 {
		iface = ""
	}
	domid, onVif := qube.VifDomain(name)
	return source{name: name, gone: onVif && !s.deps.Flows.HasVif(domid), reading: r, tally: t,
		parties: s.deps.Enrich.PartiesOn(iface, enrich.Observation{FromSource: packet.Inbound, Source: r.client, SourceSent: r.client.IsValid(), At: at})}
}

// addTallies adds what was counted of clients that have no row yet: to the row of their
// qube, if it has one.
func (s *Service) addTallies(rows []source, tallies map[string]tally, at time.Time) []source {
	byQube := make(map[string]int, len(rows))
	for i := range rows {
		if q := rows[i].parties.Qube; q != nil && !rows[i].gone {
			byQube[q.Name] = i
		}
	}
	for name, t := range tallies {
		addr, _ := netip.ParseAddr(name)
		one := s.source(name, &reading{client: addr, seen: at.UnixNano()}, t, at)
		if one.gone {
			s.tallies.forget(name)
		} else if i, ok := s.rowOf(byQube, &one); ok {
			t.addTo(&rows[i].tally)
		} else {
			rows = append(rows, one)
		}
	}
	return rows
}

// rowOf returns the row of the qube that a source is of.
func (s *Service) rowOf(byQube map[string]int, one *source) (i int, ok bool) {
	if one.parties.Qube == nil {
		return 0, false
	}
	i, ok = byQube[one.parties.Qube.Name]
	return i, ok
}

// row returns a row.
func (s *Service) row(from *source, at time.Time) topview.Qube {
	r, t := from.reading, &from.tally
	q := topview.Qube{Interface: from.name, Gone: from.gone, Out: traffic(r.packets[sent], r.bytes[sent]), In: traffic(r.packets[received], r.bytes[received]),
		Flows: r.flows, Begun: r.begun, Findings: t.findings, Spoofed: from.parties.Attribution == event.Spoofed}
	if r.client.IsValid() {
		q.Address = r.client.String()
	}
	if known := from.parties.Qube; known != nil {
		q.Name, q.Label, q.Class, q.NetVM = known.Name, known.Label, known.Class, known.NetVM
	}
	if s.deps.Verdict != nil {
		q.Verify = s.deps.Verdict(from.name)
	}
	if s.conf.Resolver {
		q.DNS = &topview.DNS{Queries: t.queries, Blocked: t.blocked}
	}
	if s.conf.Firewall {
		q.Refused = &t.refused
	}
	if q.Peers = s.peers(r, at); len(q.Peers) > 0 {
		q.Top = &q.Peers[0]
	}
	if len(q.Peers) == 1 { // of interfaces that are not open
		q.Peers = nil
	}
	return q
}

func traffic(packets, bytes uint64) topview.Traffic {
	return topview.Traffic{Packets: packets, Bytes: bytes}
}

// peers returns the peers of a reading, with their names.
func (s *Service) peers(r *reading, at time.Time) []topview.Peer {
	list := make([]topview.Peer, 0, len(r.peers))
	for i := range r.peers {
		p := &r.peers[i]
		transport := ecs.Transport(p.proto)
		if transport == "" {
			transport = ecs.IANANumber(p.proto)
		}
		list = append(list, topview.Peer{Name: s.name(r.iface, p, at), Address: p.addr.Netip(p.family).String(), Port: p.port, Transport: transport,
			Out: traffic(p.packets[sent], p.bytes[sent]), In: traffic(p.packets[received], p.bytes[received])})
	}
	return list
}

// name returns what a peer is called: the qube that it is, the name that the client has
// resolved to it, or the one that the client has asked for in TLS or QUIC.
func (s *Service) name(iface uint32, p *peer, at time.Time) string {
	remote, local := p.addr.Netip(p.family), p.local.Netip(p.family)
	if q := s.deps.Enrich.PartiesOn("", enrich.Observation{Source: remote, At: at}).SourceQube; q != nil {
		return q.Name
	}
	if s.deps.Resolved != nil {
		if name := s.deps.Resolved(local, remote, at.UnixNano()); name != "" {
			return name
		}
	}
	return s.deps.Flows.ServerName(iface, p.proto, netip.AddrPortFrom(local, p.localPort), netip.AddrPortFrom(remote, p.port))
}
