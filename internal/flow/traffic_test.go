package flow_test

import (
	"math/rand"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// traffic makes random packets between few hosts, so that flows meet again.
type traffic struct {
	rnd *rand.Rand
	now int64
}

func newTraffic(seed int64) *traffic {
	return &traffic{rnd: rand.New(rand.NewSource(seed)), now: t0}
}

// packet fills p.
func (g *traffic) packet(p *packet.Packet) {
	r := g.rnd
	*p = packet.Packet{Length: uint32(r.Intn(65536)), Iface: uint32(r.Intn(3)), Family: 4, HasL4: true,
		Direction: packet.Direction(r.Intn(3)), HasMAC: r.Intn(2) == 0}
	p.Proto = []uint8{packet.ProtoTCP, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP, packet.ProtoICMPv6, packet.ProtoESP}[r.Intn(6)]
	if p.Proto == packet.ProtoICMPv6 {
		p.Family = 6
	}
	p.Src, p.Dst = g.host(), g.host()
	p.Time = g.time()
	g.transport(p)
	g.wrap(p)
}

func (g *traffic) host() (a packet.Addr) {
	a[0], a[3] = 10, byte(g.rnd.Intn(6))
	return a
}

// time is mostly a little later, sometimes earlier, rarely anywhere.
func (g *traffic) time() int64 {
	r := g.rnd
	switch r.Intn(2000) {
	case 0:
		g.now = []int64{0, 1, t0, t0 - 3600e9, t0 + 7200e9, 1 << 62}[r.Intn(6)]
	case 1, 2, 3:
		g.now += r.Int63n(int64(90 * time.Second))
	case 4, 5, 6:
		return max(g.now-r.Int63n(int64(100*time.Second)), 0)
	default:
		g.now += r.Int63n(int64(100 * time.Millisecond))
	}
	g.now = min(g.now, 1<<62)
	return g.now
}

func (g *traffic) transport(p *packet.Packet) {
	r := g.rnd
	switch p.Proto {
	case packet.ProtoTCP:
		flags := []uint8{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK, packet.FIN | packet.ACK, packet.RST, 0xff, 0}
		p.TCPFlags = flags[r.Intn(len(flags))]
		fallthrough
	case packet.ProtoUDP:
		p.SrcPort, p.DstPort = uint16(r.Intn(3)*440), uint16(r.Intn(3)*440)
	case packet.ProtoICMP, packet.ProtoICMPv6:
		p.ICMPType, p.ICMPCode = []uint8{0, 8, 3, 128, 129}[r.Intn(5)], uint8(r.Intn(2))
		if _, query := p.ICMPQuery(); query {
			p.ICMPID = uint16(r.Intn(3))
		}
	}
}

// wrap adds VLANs, tunnels and fragments now and then.
func (g *traffic) wrap(p *packet.Packet) {
	r := g.rnd
	if r.Intn(8) == 0 {
		p.VLANs = uint8(1 + r.Intn(2))
		for i := range p.VLANs {
			p.VLAN[i] = uint16(r.Intn(3))
		}
	}
	if r.Intn(4) == 0 {
		p.Outer = packet.Outer{Src: g.host(), Dst: g.host(), ID: uint32(r.Intn(3)), Kind: packet.Tunnel(1 + r.Intn(3)), Family: 4}
	}
	if r.Intn(6) == 0 {
		p.FragID = uint32(r.Intn(5))
		if p.Fragment = packet.Fragment(1 + r.Intn(2)); p.Fragment == packet.FragmentLater {
			p.HasL4, p.SrcPort, p.DstPort, p.TCPFlags = false, 0, 0, 0
			p.ICMPType, p.ICMPCode, p.ICMPID = 0, 0, 0
		}
	}
}
