//go:build linux

package dropin_test

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// message is what one side of a conversation says.
type message struct {
	fromClient bool
	data       []byte
}

// wire writes a capture of conversations that never were.
type wire struct {
	t      *testing.T
	path   string
	file   *os.File
	buffer *bufio.Writer
	out    *pcapgo.Writer
	now    time.Time
	frames int
	peers  uint32 // clients so far; each conversation has a client of its own
}

// step is the time between two frames. Analyzers forget what is ten seconds old.
const step = time.Millisecond

// newWire begins a capture.
func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t, path: filepath.Join(t.TempDir(), "made.pcap"), now: time.Unix(1_700_000_000, 0)}
	f, err := os.Create(w.path)
	if err != nil {
		t.Fatal(err)
	}
	w.file, w.buffer = f, bufio.NewWriterSize(f, 1<<20)
	w.out = pcapgo.NewWriterNanos(w.buffer)
	if err := w.out.WriteFileHeader(1<<18, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	return w
}

// close ends the capture and returns its path.
func (w *wire) close() string {
	w.t.Helper()
	if err := w.buffer.Flush(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.file.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.path
}

// frame writes one frame.
func (w *wire) frame(data []byte) {
	w.t.Helper()
	w.now = w.now.Add(step)
	w.frames++
	err := w.out.WritePacket(gopacket.CaptureInfo{Timestamp: w.now, CaptureLength: len(data), Length: len(data)}, data)
	if err != nil {
		w.t.Fatal(err)
	}
}

// ends are the two sides of a conversation.
type ends struct {
	client, server         net.IP
	clientPort, serverPort uint16
}

// meet returns the ends of a new conversation.
func (w *wire) meet(serverPort uint16) ends {
	w.peers++
	n := w.peers
	return ends{net.IP{10, byte(n >> 16), byte(n >> 8), byte(n)}, net.IP{198, 51, 100, 7}, 40_000, serverPort}
}

// ethernet is the header of all frames.
func ethernet(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{0, 0x16, 0x3e, 0x5e, 0x6c, 0},
		DstMAC: net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, EthernetType: kind}
}

// ip writes an IPv4 packet from one end to the other.
func (w *wire) ip(e ends, fromClient bool, proto layers.IPProtocol, rest ...gopacket.SerializableLayer) {
	w.t.Helper()
	head := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: e.client, DstIP: e.server}
	if !fromClient {
		head.SrcIP, head.DstIP = e.server, e.client
	}
	b := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{ethernet(layers.EthernetTypeIPv4), head}, rest...)
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
		w.t.Fatal(err)
	}
	w.frame(b.Bytes())
}

// udp writes a conversation of datagrams.
func (w *wire) udp(port uint16, said []message) {
	w.t.Helper()
	e := w.meet(port)
	for _, m := range said {
		head := &layers.UDP{SrcPort: layers.UDPPort(e.clientPort), DstPort: layers.UDPPort(e.serverPort)}
		if !m.fromClient {
			head.SrcPort, head.DstPort = head.DstPort, head.SrcPort
		}
		w.ip(e, m.fromClient, layers.IPProtocolUDP, head, gopacket.Payload(m.data))
	}
}

// tcp writes a connection, from its SYN to the FIN of both sides.
func (w *wire) tcp(port uint16, said []message) {
	w.t.Helper()
	e := w.meet(port)
	next := map[bool]uint32{true: 1000, false: 5000}
	segment := func(fromClient bool, data []byte, flags func(*layers.TCP)) {
		head := &layers.TCP{SrcPort: layers.TCPPort(e.clientPort), DstPort: layers.TCPPort(e.serverPort), Window: 65535,
			Seq: next[fromClient], Ack: next[!fromClient], ACK: true}
		if !fromClient {
			head.SrcPort, head.DstPort = head.DstPort, head.SrcPort
		}
		flags(head)
		w.ip(e, fromClient, layers.IPProtocolTCP, head, gopacket.Payload(data))
		next[fromClient] += uint32(len(data))
		if head.SYN || head.FIN {
			next[fromClient]++
		}
	}
	segment(true, nil, func(h *layers.TCP) { h.SYN, h.ACK, h.Ack = true, false, 0 })
	segment(false, nil, func(h *layers.TCP) { h.SYN = true })
	for _, m := range said {
		segment(m.fromClient, m.data, func(h *layers.TCP) { h.PSH = true })
	}
	segment(true, nil, func(h *layers.TCP) { h.FIN = true })
	segment(false, nil, func(h *layers.TCP) { h.FIN = true })
}

// probe writes a connection with nothing wrong about it. Its transactions show
// whether the analyzers still work.
func (w *wire) probe() {
	w.t.Helper()
	w.tcp(80, []message{
		{true, []byte("GET /probe HTTP/1.1\r\nHost: example.org\r\n\r\n")},
		{false, []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")},
	})
}

// isProbe keeps the transactions of probes.
func isProbe(e event) bool { return e.Text("url.path") == "/probe" && e.Text("status") == "OK" }

// icmp6 writes an ICMPv6 message whose payload may be shorter than its header.
func (w *wire) icmp6(from, to netip.Addr, payload []byte) {
	w.t.Helper()
	head := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolICMPv6, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true},
		ethernet(layers.EthernetTypeIPv6), head, gopacket.Payload(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	w.frame(b.Bytes())
}
