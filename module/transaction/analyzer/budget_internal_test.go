package analyzer

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// hoarder is an analyzer that keeps every byte it is given.
func hoarder() *fakePlugin {
	f := new(fakePlugin)
	f.OnParse = func(k *protos.Packet, _ uint8, data protos.ProtocolData) protos.ProtocolData {
		kept, _ := data.([][]byte)
		return append(kept, k.Payload)
	}
	return f
}

// from returns the address of a client by number.
func from(n int) string { return fmt.Sprintf("10.137.%d.%d:5000", n>>8&255, n&255) }

// TestConnections_shrink lets one interface fill the table: its oldest
// connections end, and that of another interface lives.
func TestConnections_shrink(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1400, 60000} {
		const memory = 2 << 20 // a budget of 1 MiB
		a := newFakeAnalyzers(t, hoarder(), memory)
		quiet := on(newTCP(from(60000), server, 0, 1, "quiet"), 9, packet.Inbound)
		takeAll(a, quiet)
		survivor, _ := a.conns.find(newPacket(&quiet))
		data := strings.Repeat("x", size)
		for i := range 3000 {
			takeAll(a, newTCP(from(i), server, 0, 1, data))
			if a.conns.held > memory/2 {
				t.Fatalf("%d bytes are held after packet %d of %d bytes; the budget is %d", a.conns.held, i, size, memory/2)
			}
		}
		checkShares(t, a.conns)
		if now, _ := a.conns.find(newPacket(&quiet)); now != survivor || survivor == nil {
			t.Errorf("with packets of %d bytes, the connection of another interface was ended", size)
		}
		if a.counts.Evicted == 0 {
			t.Errorf("with packets of %d bytes, no connection was evicted", size)
		}
		if got, want := a.counts.Connections, uint64(len(a.conns.table))+a.counts.Evicted; got != want {
			t.Errorf("%d connections begun; %d live and evicted", got, want)
		}
		last := newTCP(from(2999), server, 0, 1, "")
		if c, _ := a.conns.find(newPacket(&last)); c == nil && size < 60000 {
			t.Errorf("with packets of %d bytes, the youngest connection was ended", size)
		}
		checkEmpty(t, a)
	}
}

// TestConnections_shrink_measured keeps a connection whose analyzer has used up
// what it was given.
func TestConnections_shrink_measured(t *testing.T) {
	t.Parallel()
	f := new(fakePlugin)
	f.OnParse = func(_ *protos.Packet, _ uint8, data protos.ProtocolData) protos.ProtocolData {
		n, _ := data.(int)
		return n + 1
	}
	a := newFakeAnalyzers(t, f, 2<<20)
	data, seq := strings.Repeat("x", 10000), uint32(1)
	for range 1000 { // ten times the budget
		takeAll(a, newTCP(work, server, 0, seq, data))
		seq += uint32(len(data))
	}
	p := newTCP(work, server, 0, 1, "")
	c, _ := a.conns.find(newPacket(&p))
	if c == nil || c.data != 1000 || a.counts.Evicted != 0 || a.counts.Connections != 1 {
		t.Errorf("connection = %+v, %d evicted; want the only one with 1000 segments", c, a.counts.Evicted)
	}
	checkShares(t, a.conns)
	checkEmpty(t, a)
}

// TestConnections_held returns to nothing whatever came.
func TestConnections_held(t *testing.T) {
	t.Parallel()
	a := newFakeAnalyzers(t, hoarder(), 256<<10)
	random := uint32(1)
	next := func(n uint32) uint32 {
		random = random*1664525 + 1013904223
		return random >> 8 % n
	}
	for i := range 20000 {
		p := newTCP(from(int(next(40))), server, uint8(next(32)), next(5000), strings.Repeat("x", int(next(900))))
		p.Ack, p.Iface, p.Time = next(5000), 2+next(5), start+int64(next(40))*1e9+int64(i)*1e6
		if next(2) == 0 {
			p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		}
		takeAll(a, p)
		if i%100 == 0 {
			a.expire()
			checkShares(t, a.conns)
		}
		if a.conns.held > 128<<10+8<<10 { // a segment more, at four times its size
			t.Fatalf("%d bytes are held after packet %d; the budget is %d", a.conns.held, i, 128<<10)
		}
	}
	checkShares(t, a.conns)
	checkEmpty(t, a)
}

// heap returns the bytes that are alive.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// sender returns a function that sends data on one connection.
func sender(a *analyzers, src, dst string) func(data string) {
	seq := uint32(1)
	return func(data string) {
		p := newTCP(src, dst, packet.ACK, seq, data)
		seq += uint32(len(data))
		a.take(&p, false)
	}
}

// TestConnections_heap holds that the budget is one of real memory: what a hostile
// client sends must not cost many times of what it is charged with. What an
// analyzer hides in a cache (pgsql keeps a list of any length in one entry) only
// the limit of its process bounds. Not parallel, for it measures the heap.
func TestConnections_heap(t *testing.T) {
	tests := []struct {
		name, protocols, why string
		memory               int // at most four times as much may be held
		flood                func(a *analyzers)
	}{
		{"the end of large segments", "{type: http, ports: [80]}",
			"reassembly cuts the repeated front off a segment, whose memory stays: Held counts what is left of it", 16 << 20,
			func(a *analyzers) {
				for i := range 4000 {
					syn := newTCP(from(i), server, packet.SYN, 99999, "")
					p := newTCP(from(i), server, packet.ACK, 100000-59999, strings.Repeat("G", 60000))
					takeAll(a, syn)
					a.take(&p, false)
				}
			}},
		{"http requests without an answer", "{type: http, ports: [80]}",
			"a request of 18 bytes costs the analyzer hundreds, and sizeOf ends after 65536 steps", 4 << 20,
			func(a *analyzers) {
				send, batch := sender(a, work, server), strings.Repeat("GET / HTTP/1.1\r\n\r\n", 80)
				for range 6 << 18 / len(batch) {
					send(batch)
				}
			}},
		{"memcache datagrams that announce 65535", "{type: memcache, ports: [80]}",
			"each makes a slice of 1.5 MiB in a map that no bound knows", 16 << 20,
			func(a *analyzers) {
				for i := range 100 {
					p := newUDP(from(i), server, "\x00\x01\x00\x00\xff\xff\x00\x00x")
					a.take(&p, false)
				}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newReal(t, tt.protocols, tt.memory)
			before, most := heap(), 4*tt.memory
			tt.flood(a)
			if got := heap() - before; got > most {
				t.Errorf("%d MiB are held, charged are %d MiB and %d requests; want at most %d MiB",
					got>>20, a.conns.held>>20, a.counts.Packets, most>>20)
			}
			runtime.KeepAlive(a)
		})
	}
}

// TestConnections_heap_benign holds the same for what analyzers do bound. Not
// parallel, for it measures the heap.
func TestConnections_heap_benign(t *testing.T) {
	const memory = 16 << 20
	a := newReal(t, "{type: http, ports: [80]}", memory)
	before := heap()
	for i := range 20000 { // bodies that do not end, on connections that do not either
		p := newTCP(from(i), server, packet.ACK, 1, "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 1200))
		a.take(&p, false)
	}
	got := heap() - before
	if got > memory {
		t.Errorf("%d MiB are held with a budget of %d MiB", got>>20, memory/2>>20)
	}
	t.Logf("%d KiB alive, %d KiB charged, %d connections", got>>10, a.conns.held>>10, len(a.conns.table))
	checkShares(t, a.conns)
	checkEmpty(t, a)
}
