package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// program reads operations on a table from bytes. Every byte string is one.
type program struct {
	bytes []byte
	now   int64
}

func (g *program) next() byte {
	if len(g.bytes) == 0 {
		return 0
	}
	b := g.bytes[0]
	g.bytes = g.bytes[1:]
	return b
}

// config reads the settings of the table.
func (g *program) config(c *flow.Config) {
	b := g.next()
	c.MaxFlows = 1 + int(g.next())
	c.IdleTimeout = time.Duration(1+b&7) * sec
	c.ActiveTimeout = time.Duration(b>>3&3) * 5 * sec
	c.Period = time.Duration(b>>5&3) * sec
	c.Delta = b&0x80 != 0
}

// step moves the clock.
func (g *program) step(b byte) {
	switch b & 7 {
	case 0:
		g.now = int64(g.next()) << 54 // anywhere within maxTime
	case 1:
		g.now = max(g.now-int64(g.next())*int64(sec), 0)
	default:
		g.now = min(g.now+int64(b)<<(b&31), 1<<62)
	}
}

// packet reads a packet.
func (g *program) packet(p *packet.Packet) {
	a, b, c := g.next(), g.next(), g.next()
	*p = packet.Packet{Time: g.now, Length: uint32(c), Iface: uint32(a >> 6), HasL4: true, Family: 4 + a>>5&1*2}
	p.Proto = []uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP, packet.ProtoICMPv6}[a&3]
	p.Src[0], p.Dst[0] = 10+b&3, 10+b>>2&3
	p.Direction = packet.Direction(b >> 4 % 3)
	switch p.Proto {
	case packet.ProtoTCP, packet.ProtoUDP:
		p.SrcPort, p.DstPort, p.TCPFlags = uint16(b>>6)*300, uint16(c&3)*300, c
	default:
		p.ICMPType, p.ICMPCode = c, b>>6
		if _, query := p.ICMPQuery(); query {
			p.ICMPID = uint16(b >> 6)
		}
	}
	if p.Fragment = packet.Fragment(a >> 2 & 3 % 3); p.Fragment != packet.FragmentNone {
		p.FragID = uint32(c & 3)
	}
	if a&0x10 != 0 {
		p.Outer = packet.Outer{Src: p.Dst, Dst: packet.Addr{c}, ID: uint32(b), Kind: packet.TunnelGRE, Family: 4}
	}
}

// FuzzTable runs a program of packets, clock steps and flushes. Whatever it is,
// the records add up to the packets.
func FuzzTable(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x2a, 3, 0, 1, 2, 3, 1, 8, 0, 4, 0x14, 2, 200, 2, 0, 0, 0, 1, 255})
	f.Add([]byte{0xff, 0, 0, 1, 0, 255, 1, 0, 0, 1, 0, 1, 2, 3, 0, 9, 9, 9, 3, 0, 16, 0x10, 0x20, 0x30})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		g := &program{bytes: bytes}
		var delta bool
		m := newMeter(t, g.config, func(c *flow.Config) { delta = c.Delta })
		want, got := model{}, model{}
		var p packet.Packet
		for len(g.bytes) > 0 {
			switch op := g.next(); op & 7 {
			case 0:
				g.step(g.next())
				m.Advance(g.now)
			case 1:
				if op == 1 {
					m.Flush(flow.ReasonForced)
				}
			case 2, 3:
				g.step(g.next())
				fallthrough
			default:
				g.packet(&p)
				want.sent(&p)
				m.Update(&p)
			}
		}
		m.Flush(flow.ReasonForced)
		for i := range m.records {
			if r := &m.records[i]; delta || r.Final() {
				got.reported(r)
			}
		}
		want.compare(t, got)
		if s := m.Stats(); s.Live != 0 {
			t.Errorf("Live = %d; want 0", s.Live)
		}
	})
}
