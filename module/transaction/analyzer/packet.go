package analyzer

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// newPacket returns packetbeat's form of a packet. The analyzers keep it, its
// payload and its addresses, so all of that is newly allocated.
func newPacket(p *feed.Packet) *protos.Packet {
	both := new(struct {
		packet   protos.Packet
		src, dst packet.Addr
	})
	both.src, both.dst = p.Src, p.Dst
	k, n := &both.packet, addrLen(p.Family)
	k.Ts, k.Payload = time.Unix(0, p.Time).UTC(), p.Payload
	k.Tuple.IPLength = n
	k.Tuple.BaseTuple = common.BaseTuple{SrcIP: net.IP(both.src[:n:n]), DstIP: net.IP(both.dst[:n:n]),
		SrcPort: p.SrcPort, DstPort: p.DstPort}
	k.Tuple.ComputeHashables()
	return k
}

// addrLen returns the length of an address. The analyzers' hashes require four
// bytes for IPv4.
func addrLen(family uint8) int {
	if family == 4 {
		return 4
	}
	return 16
}

// parseUDP passes a datagram to its analyzer.
func (a *analyzers) parseUDP(f *protocol, p *feed.Packet) {
	if len(p.Payload) == 0 {
		return
	}
	if f.name == "memcache" && !plausibleMemcache(p.Payload) {
		a.counts.Refused[f.name]++
		return
	}
	defer a.guard(f.name, nil, p.Payload)
	a.probe(f.name, p.Payload)
	f.udp.ParseUDP(newPacket(p))
}

// maxDatagrams is how many datagrams a memcache response may claim to have. The
// analyzer allocates for as many as are claimed, and leaks that if the sequence
// number is beyond the claim.
const maxDatagrams = 1024

// plausibleMemcache checks the header of a datagram (memcached's protocol.txt, "UDP
// protocol"): request id, sequence number, total number of datagrams.
func plausibleMemcache(b []byte) bool {
	if len(b) < 8 {
		return true // the analyzer reports it
	}
	number, total := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:])
	return total <= maxDatagrams && number < total
}

// parseICMP passes a message to the analyzer, which reads the first eight bytes
// without checking the length; package feed drops shorter messages.
func (a *analyzers) parseICMP(f *protocol, p *feed.Packet) {
	defer a.guard(f.name, nil, p.Payload)
	a.probe(f.name, p.Payload)
	k := newPacket(p)
	base := layers.BaseLayer{Contents: p.Payload[:8], Payload: p.Payload[8:]}
	kind, code := p.Payload[0], p.Payload[1]
	if p.Proto == packet.ProtoICMP {
		f.icmp.ProcessICMPv4(nil, &layers.ICMPv4{BaseLayer: base, TypeCode: layers.CreateICMPv4TypeCode(kind, code)}, k)
		return
	}
	f.icmp.ProcessICMPv6(nil, &layers.ICMPv6{BaseLayer: base, TypeCode: layers.CreateICMPv6TypeCode(kind, code)}, k)
}
