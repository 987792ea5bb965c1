package laptop

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Servers that all laptops use.
var (
	nameServer = netip.AddrFrom4([4]byte{10, 139, 1, 1})
	timeServer = netip.AddrFrom4([4]byte{203, 0, 113, 123})
)

// The ends of a vif.
var (
	qubeMAC  = net.HardwareAddr{0x00, 0x16, 0x3e, 0x5e, 0x6c, 0x00}
	netvmMAC = net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// visit writes the packets of a visit of a qube.
func (c *capture) visit(at time.Duration, qube int, s *Site) {
	// No two laptops have a packet at the same nanosecond: with the same qubes, ports and servers
	// their events would have the same id.
	apart := time.Duration(c.l.conf.Number) * 7 * time.Nanosecond
	c.qube, c.now = qube, c.l.conf.Start.Truncate(time.Millisecond).Add((at+c.l.Skew).Truncate(time.Millisecond)+apart)
	id, port := uint16(at/minGap), c.port()
	c.udp(port, 53, nameServer, true, withID(s.query, id))
	c.udp(port, 53, nameServer, false, withID(s.response, id))
	c.tls(s)
	c.tls(s)
	port = c.port()
	c.udp(port, 123, timeServer, true, append([]byte{0x23}, make([]byte, 47)...)) // RFC 5905: version 4, client
	c.udp(port, 123, timeServer, false, append([]byte{0x24}, make([]byte, 47)...))
}

// withID returns a copy of a DNS message.
func withID(message []byte, id uint16) []byte {
	m := bytes.Clone(message)
	binary.BigEndian.PutUint16(m, id)
	return m
}

// tls writes a connection: a ClientHello, an answer of a full segment, and the end.
func (c *capture) tls(s *Site) {
	port := layers.TCPPort(c.port())
	seq := map[bool]uint32{true: 1000, false: 2000} // by whether the client sends
	send := func(fromClient bool, p layers.TCP, payload []byte) {
		p.SrcPort, p.DstPort = 443, port
		if fromClient {
			p.SrcPort, p.DstPort = port, 443
		}
		p.Seq, p.Window = seq[fromClient], 64240
		if p.ACK {
			p.Ack = seq[!fromClient]
		}
		c.write(fromClient, layers.IPProtocolTCP, s.addr, &p, payload)
		seq[fromClient] += uint32(len(payload))
		if p.SYN || p.FIN {
			seq[fromClient]++
		}
	}
	send(true, layers.TCP{SYN: true}, nil)
	send(false, layers.TCP{SYN: true, ACK: true}, nil)
	send(true, layers.TCP{ACK: true}, nil)
	send(true, layers.TCP{PSH: true, ACK: true}, s.hello)
	send(false, layers.TCP{PSH: true, ACK: true}, make([]byte, 1400))
	send(true, layers.TCP{FIN: true, ACK: true}, nil)
	send(false, layers.TCP{FIN: true, ACK: true}, nil)
	send(true, layers.TCP{ACK: true}, nil)
}

// udp writes a datagram between the current qube and a server.
func (c *capture) udp(client, server uint16, addr netip.Addr, fromClient bool, payload []byte) {
	u := &layers.UDP{SrcPort: layers.UDPPort(server), DstPort: layers.UDPPort(client)}
	if fromClient {
		u.SrcPort, u.DstPort = u.DstPort, u.SrcPort
	}
	c.write(fromClient, layers.IPProtocolUDP, addr, u, payload)
}

// transport is a layer whose checksum covers the addresses.
type transport interface {
	gopacket.SerializableLayer
	SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
}

// write writes a frame as it passes the vif of the current qube.
func (c *capture) write(fromClient bool, proto layers.IPProtocol, server netip.Addr, t transport, payload []byte) {
	eth := &layers.Ethernet{EthernetType: layers.EthernetTypeIPv4, SrcMAC: qubeMAC, DstMAC: netvmMAC}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: c.l.Qubes[c.qube].IP.AsSlice(), DstIP: server.AsSlice()}
	if !fromClient {
		eth.SrcMAC, eth.DstMAC, ip.SrcIP, ip.DstIP = eth.DstMAC, eth.SrcMAC, ip.DstIP, ip.SrcIP
	}
	err := t.SetNetworkLayerForChecksum(ip)
	if err == nil {
		err = gopacket.SerializeLayers(c.buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, t, gopacket.Payload(payload))
	}
	data := c.buffer.Bytes()
	if err == nil {
		err = c.out.WritePacket(gopacket.CaptureInfo{Timestamp: c.now, CaptureLength: len(data), Length: len(data), InterfaceIndex: c.qube}, data)
	}
	if c.err == nil {
		c.err = err
	}
	c.now = c.now.Add(time.Millisecond)
}
