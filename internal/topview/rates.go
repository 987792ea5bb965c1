package topview

import (
	"net/netip"
	"strconv"
	"time"
)

// Rates fills in the rates of now: those of the time since before. It does nothing if
// before is nil, is of another run of the beat or is not older.
func Rates(before, now *Snapshot) {
	if before == nil || before.Uptime >= now.Uptime {
		return
	}
	span := now.Uptime - before.Uptime
	now.Seconds = span.Seconds()
	earlier := make(map[string]*Qube, len(before.Qubes))
	for i := range before.Qubes {
		earlier[before.Qubes[i].Interface] = &before.Qubes[i]
	}
	for i := range now.Qubes {
		q := &now.Qubes[i]
		old := earlier[q.Interface]
		if old == nil {
			old = &Qube{} // its interface is new
		}
		q.Out.since(old.Out, span)
		q.In.since(old.In, span)
		peerRates(old.Peers, q.Peers, span)
	}
}

// peerRates fills in the rates of peers. One that was not there before has none, as it is
// not known when its counters began.
func peerRates(before, now []Peer, span time.Duration) {
	earlier := make(map[string]*Peer, len(before))
	for i := range before {
		earlier[before[i].key()] = &before[i]
	}
	for i := range now {
		p := &now[i]
		if old := earlier[p.key()]; old != nil {
			p.Out.since(old.Out, span)
			p.In.since(old.In, span)
		}
	}
}

// since sets the rate since an earlier count.
func (t *Traffic) since(old Traffic, span time.Duration) {
	if t.Bytes >= old.Bytes {
		t.Rate = float64(t.Bytes-old.Bytes) / span.Seconds()
	}
}

// key is what tells peers of a qube apart.
func (p *Peer) key() string { return p.Transport + " " + p.Endpoint() }

// Endpoint returns the address, with the port if there is one.
func (p *Peer) Endpoint() string {
	if addr, err := netip.ParseAddr(p.Address); err == nil && p.Port != 0 {
		return netip.AddrPortFrom(addr, p.Port).String()
	}
	return p.Address
}

// Title returns the name with the port, or the address if there is no name.
func (p *Peer) Title() string {
	switch {
	case p.Name == "":
		return p.Endpoint()
	case p.Port != 0:
		return p.Name + ":" + strconv.Itoa(int(p.Port))
	}
	return p.Name
}
