package transaction

import (
	"encoding/binary"
	"net"
	"runtime/debug"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// newPacket makes packetbeat's form of a packet. The analyzers keep it, its
// payload and its addresses: all of that is new memory.
func newPacket(p *feed.Packet) *protos.Packet {
	own := new(struct {
		packet   protos.Packet
		src, dst packet.Addr
	})
	own.src, own.dst = p.Src, p.Dst
	k, n := &own.packet, addrLen(p.Family)
	k.Ts, k.Payload = time.Unix(0, p.Time).UTC(), p.Payload
	k.Tuple.IPLength = n
	k.Tuple.BaseTuple = common.BaseTuple{SrcIP: net.IP(own.src[:n:n]), DstIP: net.IP(own.dst[:n:n]),
		SrcPort: p.SrcPort, DstPort: p.DstPort}
	k.Tuple.ComputeHashables()
	return k
}

// addrLen is the length of an address. The analyzers' hashes want four bytes for
// IPv4.
func addrLen(family uint8) int {
	if family == 4 {
		return 4
	}
	return 16
}

// udp gives a datagram to its analyzer.
func (a *Analyzers) udp(f *protocol, p *feed.Packet) {
	if len(p.Payload) == 0 {
		return
	}
	if f.name == "memcache" && !memcacheSane(p.Payload) {
		a.own.Refused[f.name]++
		return
	}
	defer a.guard(f.name, nil)
	f.udp.ParseUDP(newPacket(p))
}

// maxDatagrams is how many datagrams an answer of memcache may claim to have. The
// analyzer makes room for all that are claimed, and keeps the room for ever where
// the number of the datagram is beyond it.
const maxDatagrams = 1024

// memcacheSane looks at the header of a datagram (memcached's protocol.txt, "UDP
// protocol"): request id, number of the datagram, how many there are.
func memcacheSane(b []byte) bool {
	if len(b) < 8 {
		return true // the analyzer says what it is
	}
	number, all := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:])
	return all <= maxDatagrams && number < all
}

// icmp gives a message to the analyzer, which reads eight bytes of its header
// whatever there is: tap lets none through that is shorter.
func (a *Analyzers) icmp(f *protocol, p *feed.Packet) {
	defer a.guard(f.name, nil)
	k := newPacket(p)
	base := layers.BaseLayer{Contents: p.Payload[:8], Payload: p.Payload[8:]}
	kind, code := p.Payload[0], p.Payload[1]
	if p.Proto == packet.ProtoICMP {
		f.icmp.ProcessICMPv4(nil, &layers.ICMPv4{BaseLayer: base, TypeCode: layers.CreateICMPv4TypeCode(kind, code)}, k)
		return
	}
	f.icmp.ProcessICMPv6(nil, &layers.ICMPv6{BaseLayer: base, TypeCode: layers.CreateICMPv6TypeCode(kind, code)}, k)
}

// guard is deferred around every call of an analyzer. A panic ends the
// connection that caused it, and nothing else.
func (a *Analyzers) guard(name string, c *connection) {
	fault := recover()
	if fault == nil {
		return
	}
	a.own.Panics[name]++
	if c != nil {
		c.dead, c.data = true, nil
	}
	if a.own.Panics[name] == 1 { // the first is worth a line, a flood of them is not
		a.cfg.Log.Errorw("an analyzer has failed; its connection is not analyzed further",
			"protocol", name, "fault", fault, "stack", string(debug.Stack()))
	}
}

// parse gives data that is in order to the analyzer of a connection.
func (a *Analyzers) parse(c *connection, dir uint8, k *protos.Packet, fin bool) {
	if c.dead {
		return
	}
	defer a.guard(c.protocol.name, c)
	a.cfg.Publisher.greeting = c.greeting
	plugin := c.protocol.tcp
	if len(k.Payload) > 0 {
		c.data = plugin.Parse(k, &c.tuple, dir, c.data)
	}
	if fin {
		c.data = plugin.ReceivedFin(&c.tuple, dir, c.data)
	}
}

// gap tells the analyzer of a connection that bytes are missing.
func (a *Analyzers) gap(c *connection, dir uint8, n int) {
	if c.dead {
		return
	}
	defer a.guard(c.protocol.name, c)
	a.cfg.Publisher.greeting = c.greeting
	data, drop := c.protocol.tcp.GapInStream(&c.tuple, dir, n, c.data)
	if c.data = data; drop {
		c.data = nil
	}
}

// expired tells the analyzer that nothing more comes on a connection: it may
// report what is left half.
func (a *Analyzers) expired(c *connection) {
	plugin, aware := c.protocol.tcp.(protos.ExpirationAwareTCPPlugin)
	if !aware || c.dead || c.data == nil {
		return
	}
	defer a.guard(c.protocol.name, c)
	a.cfg.Publisher.greeting = c.greeting
	plugin.Expired(&c.tuple, c.data)
}
