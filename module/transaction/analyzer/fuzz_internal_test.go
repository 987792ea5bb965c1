package analyzer

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// deadly match inputs that are known to end the process, which no guard can prevent;
// see [attacks]. A fuzzer would find nothing else.
var deadly = []func(port uint16, b []byte) bool{
	func(port uint16, b []byte) bool {
		return port == 6379 && strings.Contains(string(b), "*") && longNumber(b)
	},
	func(port uint16, b []byte) bool { return port == 27017 }, // any 32 bits may be the number of documents
	func(port uint16, b []byte) bool { return port == 2049 },  // or of groups
}

// longNumber reports whether six digits stand together.
func longNumber(b []byte) bool {
	run := 0
	for _, c := range b {
		if run++; c < '0' || c > '9' {
			run = 0
		}
		if run >= 6 {
			return true
		}
	}
	return false
}

// dangerous reports whether an input is known to end the process.
func dangerous(port uint16, b []byte) bool {
	return slices.ContainsFunc(deadly, func(f func(uint16, []byte) bool) bool { return f(port, b) })
}

// FuzzAnalyzers sends arbitrary bytes to each protocol's port, as a datagram or
// as segments, cut at a place that the input chooses: no crash, no hang, and
// memory within the budget. Panics are caught; they are reported under the name
// of the analyzer with -v.
func FuzzAnalyzers(f *testing.F) {
	a := newReal(f, everything, 16<<20)
	queue := feed.NewQueue(true)
	observer := feed.New(portsOf(a), queue)
	ports := a.ports()
	tcp, udp := slices.Sorted(maps.Keys(ports.TCP)), slices.Sorted(maps.Keys(ports.UDP))
	for _, k := range seeds(f, a) {
		f.Add(k.Proto == packet.ProtoUDP, uint8(slices.Index(tcp, k.DstPort)), uint16(7), k.Payload)
	}
	said := map[string]bool{}
	n := 0
	f.Fuzz(func(t *testing.T, datagram bool, which uint8, cut uint16, data []byte) {
		n++
		port := tcp[int(which)%len(tcp)]
		if datagram {
			port = udp[int(which)%len(udp)]
		}
		if dangerous(port, data) {
			return
		}
		p := packet.Packet{Time: start + int64(n)*1e6, Iface: 6, Direction: packet.Inbound, Family: 4}
		before, began := maps.Clone(a.counts.Panics), time.Now()
		for _, frame := range fuzzFrames(datagram, n, port, int(cut), data) {
			if status := p.Decode(packet.LinkRaw, frame); status != packet.OK {
				t.Fatal(status)
			}
			observer.Packet(&p, frame)
		}
		var batch [16]feed.Packet
		for queue.Stats().Waiting > 0 {
			got := queue.Pop(batch[:])
			for i := range batch[:got] {
				a.take(&batch[i], false)
			}
		}
		a.expire()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("port %d: %d bytes took %v", port, len(data), took)
		}
		if a.conns.held > 8<<20 {
			t.Errorf("port %d: %d bytes are held", port, a.conns.held)
		}
		for name, count := range a.counts.Panics {
			if count > before[name] && !said[name] {
				said[name] = true
				t.Logf("%s has failed on port %d, datagram %v, cut %d: %q", name, port, datagram, cut, data)
			}
		}
	})
}

// portsOf returns the ports that analyzers listen to.
func portsOf(a *analyzers) *feed.Ports {
	all, ports := a.ports(), new(feed.Ports)
	for port := range all.TCP {
		ports.AddTCP(port)
	}
	for port := range all.UDP {
		ports.AddUDP(port)
	}
	if all.ICMP {
		ports.AddICMP()
	}
	return ports
}

// seeds returns the first packets with data of each conversation in packetbeat's
// captures.
func seeds(tb testing.TB, a *analyzers) (all []feed.Packet) {
	tb.Helper()
	known, wanted, ports := map[string]int{}, portsOf(a), a.ports()
	frames(tb, beatsCaptures(tb), func(p *packet.Packet, data []byte) {
		if !wanted.Has(p) || p.Fragment != packet.FragmentNone || p.IsICMP() {
			return
		}
		port := p.DstPort
		if ports.TCP[port] == "" && ports.UDP[port] == "" {
			port = p.SrcPort
		}
		header := 8
		t := p.Transport(data)
		if p.Proto == packet.ProtoTCP && len(t) > 12 {
			header = int(t[12]>>4) * 4
		}
		name := fmt.Sprint(p.Proto, port)
		if len(t) <= header || len(t) > 1500 || known[name] >= 12 {
			return
		}
		known[name]++
		all = append(all, feed.Packet{Proto: p.Proto, DstPort: port, Payload: slices.Clone(t[header:])})
	})
	return all
}

// fuzzFrames returns the packets of one conversation: a client's data in two
// segments, and the same from the server, or one datagram each way.
func fuzzFrames(datagram bool, n int, port uint16, cut int, data []byte) (all [][]byte) {
	data = data[:min(len(data), 60000)]
	client := uint16(10000 + n%50000)
	if datagram {
		return [][]byte{rawUDP(client, port, data), rawUDP(port, client, data)}
	}
	cut %= len(data) + 1
	size := uint32(len(data))
	return [][]byte{
		rawTCP(client, port, packet.SYN, uint32(n), 0, nil),
		rawTCP(client, port, packet.ACK, uint32(n)+1, 1, data[:cut]),
		rawTCP(client, port, packet.ACK, uint32(n)+1+uint32(cut), 1, data[cut:]),
		rawTCP(port, client, packet.ACK, 1, uint32(n)+1+size, data),
		rawTCP(port, client, packet.ACK, 1+size+10, uint32(n)+1+size, data[:cut]), // behind a hole
		rawTCP(client, port, packet.ACK|packet.FIN, uint32(n)+1+size, 1+2*size+10, nil),
	}
}

// rawIP is an IPv4 header (RFC 791) from 10.137.0.6 to 1.1.1.1, or back.
func rawIP(proto uint8, forth bool, payload []byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 10, 137, 0, 6, 1, 1, 1, 1}
	if !forth {
		h = append(h[:12], 1, 1, 1, 1, 10, 137, 0, 6)
	}
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	return append(h, payload...)
}

func rawTCP(from, to uint16, flags uint8, seq, ack uint32, data []byte) []byte {
	h := make([]byte, 20, 20+len(data)) // RFC 9293 section 3.1
	binary.BigEndian.PutUint16(h, from)
	binary.BigEndian.PutUint16(h[2:], to)
	binary.BigEndian.PutUint32(h[4:], seq)
	binary.BigEndian.PutUint32(h[8:], ack)
	h[12], h[13] = 5<<4, flags
	return rawIP(packet.ProtoTCP, from >= 10000 && from != 11211 && from != 13001 && from != 27017, append(h, data...))
}

func rawUDP(from, to uint16, data []byte) []byte {
	h := make([]byte, 8, 8+len(data)) // RFC 768
	binary.BigEndian.PutUint16(h, from)
	binary.BigEndian.PutUint16(h[2:], to)
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(data)))
	return rawIP(packet.ProtoUDP, from >= 10000 && from != 11211, append(h, data...))
}
