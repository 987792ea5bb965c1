package top

import (
	"cmp"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// maxPeers is how many peers of an interface are counted at a time. A qube that has more
// loses its own quietest ones.
const maxPeers = 16

// peers are those with most traffic of one interface.
type peers struct {
	list [maxPeers]peer
	n    int
	last int // index of the peer of the last packet
}

// peer is an address that a qube has traffic with.
type peer struct {
	peerKey
	local     packet.Addr // of the qube
	localPort uint16      // of its latest connection
	packets   [2]uint64   // by side
	bytes     [2]uint64
	score     uint64 // bytes lately: half of it is forgotten whenever someone looks
}

// peerKey is what tells peers of an interface apart.
type peerKey struct {
	addr   packet.Addr
	port   uint16 // 0 if the peer is the client
	family uint8
	proto  uint8
}

// add counts a packet that a side has sent.
func (ps *peers) add(p *packet.Packet, side int) { ps.addMany(p, side, 1, uint64(p.Length)) }

// addMany counts packets that a side has sent, all like p.
func (ps *peers) addMany(p *packet.Packet, side int, packets, bytes uint64) {
	k, local, localPort := remote(p, side)
	e := &ps.list[ps.last]
	if e.peerKey != k {
		e = ps.find(&k)
	}
	e.local, e.localPort = local, localPort
	e.packets[side] += packets
	e.bytes[side] += bytes
	e.score += bytes
}

// find returns the entry of a peer. One that is new takes the place of the peer with the
// least traffic lately.
func (ps *peers) find(k *peerKey) *peer {
	least := 0
	for i := range ps.list[:ps.n] {
		if ps.list[i].peerKey == *k {
			ps.last = i
			return &ps.list[i]
		}
		if ps.list[i].score < ps.list[least].score {
			least = i
		}
	}
	if ps.n < maxPeers {
		least = ps.n
		ps.n++
	}
	ps.list[least] = peer{peerKey: *k}
	ps.last = least
	return &ps.list[least]
}

// remote returns the far side of a packet that a side has sent, and the near one: of a
// tunnel the outer ones, because a qube may write inside what it likes.
func remote(p *packet.Packet, side int) (k peerKey, local packet.Addr, localPort uint16) {
	k.family, k.proto = p.Family, p.Proto
	src, dst, srcPort, dstPort := p.Src, p.Dst, p.SrcPort, p.DstPort
	if o := &p.Outer; o.Kind != packet.TunnelNone {
		k.family, k.proto = o.Family, o.Proto
		src, dst, srcPort, dstPort = o.Src, o.Dst, o.SrcPort, o.DstPort
	}
	if side == received {
		src, dst, srcPort, dstPort = dst, src, dstPort, srcPort
	}
	if k.addr = dst; dstPort <= srcPort { // otherwise the port of a client, a new one for each connection
		k.port = dstPort
	}
	return k, src, srcPort
}

// top returns the peer with most traffic lately, at most one, and lets time pass for the
// scores.
func (ps *peers) top() []peer {
	most := 0
	for i := range ps.list[:ps.n] {
		if ps.list[i].score > ps.list[most].score {
			most = i
		}
	}
	list := slices.Clone(ps.list[most:min(most+1, ps.n)])
	ps.age()
	return list
}

// ranked is like top for all peers, in the order of their traffic.
func (ps *peers) ranked() []peer {
	list := slices.Clone(ps.list[:ps.n])
	slices.SortStableFunc(list, func(a, b peer) int { return cmp.Compare(b.score, a.score) })
	ps.age()
	return list
}

// age forgets half of all scores.
func (ps *peers) age() {
	for i := range ps.list[:ps.n] {
		ps.list[i].score /= 2
	}
}
