package verify

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// torPeer is a destination.
type torPeer struct {
	addr  packet.Addr
	port  uint16
	at    int64 // own time of the last packet
	bytes uint64
	since int64 // packet time of the first packet while no list has it, 0 for none
}

func (t *torState) hasAddr(a packet.Addr) bool {
	for i := range t.inUse {
		if t.peers[i].addr == a {
			return true
		}
	}
	return false
}

// torPeer notes the destination. Without room, that of the longest ago has to go.
func (v *Verifier) torPeer(s *subject, p *packet.Packet) *torPeer {
	t := &s.tor
	oldest := &t.peers[0]
	for i := range t.inUse {
		one := &t.peers[i]
		if one.addr == p.Dst && one.port == p.DstPort {
			one.at = v.now
			one.bytes += uint64(p.Length)
			return one
		}
		if one.at < oldest.at {
			oldest = one
		}
	}
	one := oldest
	switch {
	case t.inUse < len(t.peers):
		one = &t.peers[t.inUse]
		t.inUse++
	case v.now-one.at <= peerFor:
		t.crowded = max(v.now, 1)
	}
	*one = torPeer{addr: p.Dst, port: p.DstPort, at: v.now, bytes: uint64(p.Length)}
	return one
}

// torRelay looks the destination up. One that is in no list has time to come into the next.
func (v *Verifier) torRelay(s *subject, peer *torPeer, p *packet.Packet, frame []byte) {
	r := s.expect.Relays
	if r == nil {
		return
	}
	if s.expect.relay(p) {
		s.records[TOR3].agrees(p, v.now)
		return
	}
	t := &s.tor
	t.absent++
	t.missing = true
	switch {
	case peer.since == 0:
		peer.since = p.Time
	case p.Time-peer.since >= relayGrace && p.Time-r.ValidAfter.UnixNano() < relaysOld:
		v.record(s, TOR3, p, frame, "")
	}
}

// relay reports whether a packet goes to a relay of the list.
func (x *Expectation) relay(p *packet.Packet) bool {
	return x.Relays != nil && p.Proto == packet.ProtoTCP && x.Relays.Has(netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort))
}

// many reports whether there were more destinations in seven days than there is room for.
func (t *torState) many(now int64) bool { return t.crowded != 0 && now-t.crowded <= peerFor }

// used returns how many destinations there are, and which share of the bytes goes to the
// three with most, in per cent.
func (t *torState) used(now int64) (n int, share uint64) {
	var sum uint64
	var top [3]uint64
	for i := range t.inUse {
		one := &t.peers[i]
		if now-one.at > peerFor {
			continue
		}
		n++
		sum += one.bytes
		b := one.bytes
		for j := range top {
			if b > top[j] {
				top[j], b = b, top[j]
			}
		}
	}
	if sum == 0 {
		return n, 0
	}
	return n, (top[0] + top[1] + top[2]) * 100 / sum
}
