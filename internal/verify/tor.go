package verify

import (
	"encoding/binary"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// torState is what is known of a qube that uses Tor. Its size is fixed.
type torState struct {
	hellos  [16]torHello
	next    int
	names   uint64 // ClientHellos with a name as Tor makes them up
	cells   uint64 // payloads with the size of cells
	missing bool   // a packet went to an address that is in no list
	peers   [64]torPeer
	inUse   int
	crowded int64 // own time at which there was no room for a destination, 0 for never
	absent  uint64
}

// refused notes a reset that answers the SYN of a connection: nothing has to come there any more.
func (t *torState) refused(p *packet.Packet, frame []byte) {
	ports := uint32(p.DstPort)<<16 | uint32(p.SrcPort)
	b := p.Transport(frame)
	for i := range t.hellos {
		if h := &t.hellos[i]; h.open && h.dst == p.Src && h.ports == ports && len(b) >= 12 && binary.BigEndian.Uint32(b[8:]) == h.next {
			h.refused = true
		}
	}
}

// Limits of Tor's checks.
const (
	relayGrace  = int64(24 * time.Hour)     // how long a destination may be newer than the list
	relaysOld   = int64(7 * 24 * time.Hour) // from when on a list is too old
	fewPeers    = 12
	peerFor     = int64(7 * 24 * time.Hour)
	minTorCells = 2
	minTorHello = 7 // bytes, by which a ClientHello differs from what is encrypted
)

// tor judges a packet of a qube that is to use Tor only.
func (v *Verifier) tor(s *subject, c class, p *packet.Packet, frame []byte) {
	switch {
	case c == classNoise, c == classICMPError && v.torError(s, p):
		v.stats.NotJudged++
	case isDNS(p) && c != classEndpoint && !s.expect.relay(p):
		v.torDNS(s, p, frame)
	case c == classLocal && p.IsICMP():
		v.stats.NotJudged++
	case c == classEndpoint: // a bridge
		v.stats.Own++
		s.records[TOR1].agrees(p, v.now)
	case p.Proto != packet.ProtoTCP:
		v.torOther(s, c, p, frame)
	case p.Fragment == packet.FragmentLater:
		s.missed(setOf(TOR4), v.now) // what it says cannot be read
		v.stats.NotJudged++
	case (c == classLAN || c == classQube) && !s.expect.relay(p):
		v.torNear(s, c, p, frame)
	default:
		v.agree(s, TOR1, p)
		peer := v.torPeer(s, p)
		v.torShape(s, p, frame)
		v.torRelay(s, peer, p, frame)
	}
}

// torOther judges what is not of TCP.
func (v *Verifier) torOther(s *subject, c class, p *packet.Packet, frame []byte) {
	if p.IsICMP() && s.mayBeItself(c, p) {
		v.await(setOf(TOR1))
		return
	}
	v.against(s, setOf(TOR1), p, frame, "")
}

// torNear judges a connection to a private address, where no relay is that others can reach: there is
// nothing to wait for, with and without a list.
func (v *Verifier) torNear(s *subject, c class, p *packet.Packet, frame []byte) {
	if c == classLAN && s.expect.Own&OwnLAN != 0 {
		v.stats.Own++
		return
	}
	v.against(s, setOf(TOR3), p, frame, "")
}

// torError reports whether an ICMP error is about a connection of Tor's: it goes to a
// destination that the qube has.
func (v *Verifier) torError(s *subject, p *packet.Packet) bool {
	return v.conf.World.Local(p.Dst.Netip(p.Family)) || s.tor.hasAddr(p.Dst)
}

// torDNS judges DNS, which Tor's gateway has no use for.
func (v *Verifier) torDNS(s *subject, p *packet.Packet, frame []byte) {
	name := queryName(p, frame)
	if name != "" && s.expect.hasName(name) {
		v.stats.Own++
		return
	}
	which := setOf(TOR2, DNS3)
	if p.Proto != packet.ProtoTCP {
		which |= setOf(TOR1)
	}
	v.against(s, which, p, frame, name)
}
