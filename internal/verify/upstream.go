package verify

import (
	"net/netip"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// recentDNS are the servers that clients have asked themselves, so that their packets are
// not taken for this machine's own once they are masqueraded.
type recentDNS struct {
	list [64]recentServer
	next int
}

type recentServer struct {
	addr packet.Addr
	at   int64 // own time
}

// recentFor is how long a server counts as asked, in nanoseconds.
const recentFor = int64(60e9)

func (r *recentDNS) note(p *packet.Packet, now int64) {
	for i := range r.list {
		if r.list[i].addr == p.Dst {
			r.list[i].at = now
			return
		}
	}
	r.list[r.next] = recentServer{p.Dst, now}
	r.next = (r.next + 1) % len(r.list)
}

func (r *recentDNS) has(p *packet.Packet, now int64) bool {
	for i := range r.list {
		if r.list[i].at != 0 && r.list[i].addr == p.Dst && now-r.list[i].at <= recentFor {
			return true
		}
	}
	return false
}

// relayedFor is how long a packet of a qube may wait until it leaves, in nanoseconds: where the uplink is slow, packets queue.
const relayedFor = int64(10e9)

// relays remembers a packet of DNS that this machine may forward for a qube.
func (v *Verifier) relays(s *subject, p *packet.Packet, frame []byte) {
	v.print.take(p, frame)
	v.relayed.note(&v.print, p.Time)
	if s.owns(p) && s.arrives(p, frame) {
		v.dns.note(p, v.now)
	}
}

// upstream judges DNS that leaves this machine on an interface that is no vif, where the
// servers that are to be asked are known.
func (v *Verifier) upstream(p *packet.Packet, frame []byte) {
	if !v.conf.World.Local(p.Src.Netip(p.Family)) {
		return
	}
	dst := netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort)
	switch {
	case slices.Contains(v.env.Upstreams, dst):
		if !v.isRelayed(p, frame) {
			v.self.records[DNS2].agrees(p, v.now)
		}
	case magic(dst.Addr()): // Qubes itself looks up the names in the rules of qvm-firewall
	case v.isRelayed(p, frame):
	default:
		v.record(v.self, DNS2, p, nil, "")
	}
}

// isRelayed reports whether a packet of DNS that leaves may be one of a qube: it looks like one that has come in, or
// it cannot be told and a qube has asked the server.
func (v *Verifier) isRelayed(p *packet.Packet, frame []byte) bool {
	v.print.take(p, frame)
	if v.relayed.like(&v.print, p.Time) > 0 {
		return true
	}
	unclear := v.unordered() || !staysWhole(p, frame) || v.lost != 0 && v.now-v.lost < v.window
	return unclear && v.dns.has(p, v.now)
}
