// Package wire writes captures of conversations that never were.
package wire

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// A Message is what one side of a conversation says.
type Message struct {
	FromClient bool
	Data       []byte
}

// Wire writes a capture. It is not safe for concurrent use.
type Wire struct {
	t      testing.TB
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

// New begins a capture.
func New(t testing.TB) *Wire {
	t.Helper()
	w := &Wire{t: t, path: filepath.Join(t.TempDir(), "made.pcap"), now: time.Unix(1_700_000_000, 0)}
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

// Close ends the capture and returns its path.
func (w *Wire) Close() string {
	w.t.Helper()
	if err := w.buffer.Flush(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.file.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.path
}

// Frame writes an Ethernet frame.
func (w *Wire) Frame(data []byte) {
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
func (w *Wire) meet(serverPort uint16) ends {
	w.peers++
	n := w.peers
	return ends{net.IP{10, byte(n >> 16), byte(n >> 8), byte(n)}, net.IP{198, 51, 100, 7}, 40_000, serverPort}
}

// Ethernet returns the header of all frames.
func Ethernet(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{0, 0x16, 0x3e, 0x5e, 0x6c, 0},
		DstMAC: net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, EthernetType: kind}
}

// ip writes an IPv4 packet from one end to the other.
func (w *Wire) ip(e ends, fromClient bool, proto layers.IPProtocol, rest ...gopacket.SerializableLayer) {
	w.t.Helper()
	head := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: e.client, DstIP: e.server}
	if !fromClient {
		head.SrcIP, head.DstIP = e.server, e.client
	}
	b := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{Ethernet(layers.EthernetTypeIPv4), head}, rest...)
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
		w.t.Fatal(err)
	}
	w.Frame(b.Bytes())
}

// UDP writes a conversation of datagrams.
func (w *Wire) UDP(port uint16, said []Message) {
	w.t.Helper()
	e := w.meet(port)
	for _, m := range said {
		head := &layers.UDP{SrcPort: layers.UDPPort(e.clientPort), DstPort: layers.UDPPort(e.serverPort)}
		if !m.FromClient {
			head.SrcPort, head.DstPort = head.DstPort, head.SrcPort
		}
		w.ip(e, m.FromClient, layers.IPProtocolUDP, head, gopacket.Payload(m.Data))
	}
}

// TCP writes a connection, from its SYN to the FIN of both sides.
func (w *Wire) TCP(port uint16, said []Message) {
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
		segment(m.FromClient, m.Data, func(h *layers.TCP) { h.PSH = true })
	}
	segment(true, nil, func(h *layers.TCP) { h.FIN = true })
	segment(false, nil, func(h *layers.TCP) { h.FIN = true })
}

// Frames returns the number of frames so far.
func (w *Wire) Frames() int { return w.frames }
