package feed_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// ip returns an IPv4 packet from 10.137.0.6 to 1.1.1.1.
func ip(proto uint8, b []byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 10, 137, 0, 6, 1, 1, 1, 1}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(b)))
	return append(h, b...)
}

// segment returns a TCP header with so many option words, and data.
func segment(from, to uint16, words int, data string) []byte {
	h := make([]byte, 20+4*words)
	binary.BigEndian.PutUint16(h, from)
	binary.BigEndian.PutUint16(h[2:], to)
	binary.BigEndian.PutUint32(h[4:], 7)
	binary.BigEndian.PutUint32(h[8:], 9)
	h[12], h[13] = uint8(5+words)<<4, packet.ACK
	return append(h, data...)
}

// datagram returns a UDP header that claims a length, and data.
func datagram(from, to uint16, length int, data string) []byte {
	h := make([]byte, 8)
	binary.BigEndian.PutUint16(h, from)
	binary.BigEndian.PutUint16(h[2:], to)
	binary.BigEndian.PutUint16(h[4:], uint16(length))
	return append(h, data...)
}

func TestFeed(t *testing.T) {
	t.Parallel()
	const none = "-"
	fragment := ip(packet.ProtoUDP, datagram(53, 9, 12, "text"))
	fragment[6] = 0x20
	tests := []struct {
		name  string
		frame []byte
		want  string // the payload
	}{
		{"tcp, to the port", ip(packet.ProtoTCP, segment(5000, 80, 0, "text")), "text"},
		{"tcp, from the port, with options", ip(packet.ProtoTCP, segment(80, 5000, 3, "text")), "text"},
		{"tcp, nothing but an acknowledgement", ip(packet.ProtoTCP, segment(5000, 80, 0, "")), ""},
		{"tcp, another port", ip(packet.ProtoTCP, segment(5000, 81, 0, "text")), none},
		{"tcp, header longer than the packet", ip(packet.ProtoTCP, segment(5000, 80, 3, "")[:25]), none},
		{"udp", ip(packet.ProtoUDP, datagram(5000, 53, 12, "text")), "text"},
		{"udp, tcp's port", ip(packet.ProtoUDP, datagram(5000, 80, 12, "text")), none},
		{"udp, shorter than the packet", ip(packet.ProtoUDP, datagram(5000, 53, 10, "text")), "te"},
		{"udp, longer than the packet", ip(packet.ProtoUDP, datagram(5000, 53, 900, "text")), "text"},
		{"udp, impossible length", ip(packet.ProtoUDP, datagram(5000, 53, 3, "text")), "text"},
		{"udp, header cut", ip(packet.ProtoUDP, datagram(5000, 53, 8, "")[:6]), none},
		{"udp, first of two fragments", fragment, none},
		{"icmp", ip(packet.ProtoICMP, []byte("\x08\x00\x00\x00\x00\x01\x00\x02data")), "\x08\x00\x00\x00\x00\x01\x00\x02data"},
		{"icmp of four bytes", ip(packet.ProtoICMP, []byte("\x08\x00\x00\x00")), none},
		{"sctp", ip(packet.ProtoSCTP, segment(5000, 80, 0, "")), none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ports := new(feed.Ports)
			ports.AddTCP(80)
			ports.AddUDP(53)
			ports.AddICMP()
			q := feed.NewQueue(false)
			var p packet.Packet
			if status := p.Decode(packet.LinkRaw, tt.frame); status != packet.OK {
				t.Fatal(status)
			}
			feed.New(ports, q).Packet(&p, tt.frame)
			q.Close()
			var got [2]feed.Packet
			if n := q.Pop(got[:]); (n == 1) != (tt.want != none) || n == 1 && string(got[0].Payload) != tt.want {
				t.Errorf("%d packets, payload %q; want %q", n, got[0].Payload, tt.want)
			}
			clear(tt.frame) // the copy must be one
			if got[0].Payload != nil && string(got[0].Payload) != tt.want {
				t.Error("the payload is not a copy")
			}
		})
	}
}

// TestFeed_fragments puts datagrams together, whatever the order of their pieces.
func TestFeed_fragments(t *testing.T) {
	t.Parallel()
	whole := datagram(5000, 53, 32, "what is the address of this?????")
	piece := func(offset, end int, more bool) []byte {
		b := ip(packet.ProtoUDP, whole[offset:end])
		binary.BigEndian.PutUint16(b[6:], uint16(offset/8))
		if more {
			b[6] |= 0x20
		}
		return b
	}
	a, b, c := piece(0, 8, true), piece(8, 24, true), piece(24, len(whole), false)
	for _, order := range [][][]byte{{a, b, c}, {c, b, a}, {b, c, a}} {
		ports := new(feed.Ports)
		ports.AddUDP(53)
		q := feed.NewQueue(false)
		fd := feed.New(ports, q)
		for _, frame := range order {
			var p packet.Packet
			if status := p.Decode(packet.LinkRaw, frame); status != packet.OK {
				t.Fatal(status)
			}
			fd.Packet(&p, frame)
		}
		q.Close()
		var got [2]feed.Packet
		if n := q.Pop(got[:]); n != 1 || string(got[0].Payload) != string(whole[8:32]) || got[0].DstPort != 53 {
			t.Errorf("%d packets, to port %d: %q; want %q", n, got[0].DstPort, got[0].Payload, whole[8:32])
		}
		if s := fd.Stats().Fragments; s.Fragments != 3 || s.Completed != 1 || s.Waiting != 0 || s.Bytes != 0 {
			t.Errorf("Stats = %+v", s)
		}
	}
}

// TestFeed_unwanted costs nothing.
func TestFeed_unwanted(t *testing.T) {
	frame := ip(packet.ProtoTCP, segment(5000, 81, 0, "text"))
	var p packet.Packet
	p.Decode(packet.LinkRaw, frame)
	fd := feed.New(new(feed.Ports), feed.NewQueue(false))
	if n := testing.AllocsPerRun(100, func() { fd.Packet(&p, frame) }); n != 0 {
		t.Errorf("Packet allocates %v times for a packet that no analyzer wants; want 0", n)
	}
}

// push offers n packets of an interface and returns how many were taken.
func push(q *feed.Queue, iface uint32, n, size int) (taken int) {
	for range n {
		if q.Push(&feed.Packet{Iface: iface, Payload: make([]byte, size)}) {
			taken++
		}
	}
	return taken
}

// TestQueue_Push holds that a flood from one interface leaves room for others,
// by packets and by bytes.
func TestQueue_Push(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ size, flood, others int }{{10, 20000, 1000}, {60000, 1000, 30}} {
		q := feed.NewQueue(false)
		if n := push(q, 1, tt.flood, tt.size); n == tt.flood {
			t.Errorf("a flood of %d packets of %d bytes was taken completely", n, tt.size)
		}
		if n := push(q, 2, tt.others, tt.size); n != tt.others {
			t.Errorf("%d of %d packets of another interface were taken beside a flood of %d bytes each", n, tt.others, tt.size)
		}
		s := q.Stats()
		if s.In != s.Out+s.Dropped+uint64(s.Waiting) || s.Bytes != s.Waiting*tt.size || s.Bytes > 16<<20 {
			t.Errorf("Stats = %+v do not add up", s)
		}
	}
}

// TestQueue_blocking loses nothing, and keeps the order.
func TestQueue_blocking(t *testing.T) {
	t.Parallel()
	const all = 30000
	q := feed.NewQueue(true)
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range all {
			q.Push(&feed.Packet{Seq: uint32(i), Payload: make([]byte, 2000)})
		}
		q.Close()
	})
	var got []uint32
	for batch := make([]feed.Packet, 100); ; {
		n := q.Pop(batch)
		if n == 0 {
			break
		}
		for i := range batch[:n] {
			got = append(got, batch[i].Seq)
		}
	}
	writer.Wait()
	for i, seq := range got {
		if int(seq) != i {
			t.Fatalf("packet %d has number %d", i, seq)
		}
	}
	want := fmt.Sprint(feed.QueueStats{In: all, Out: all})
	if diff := cmp.Diff(want, fmt.Sprint(q.Stats())); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}
