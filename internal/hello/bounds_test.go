package hello_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/hello"
)

// The bounds as their comments have them.
const (
	maxHellos = 30_000 // of one interface, with usual names
	maxOpen   = 2048   // of one interface, of 1 KiB each
	maxSecond = 8192
)

// TestTable_allocs allocates nothing for what is no ClientHello, also while others
// are incomplete.
func TestTable_allocs(t *testing.T) { // not parallel: it counts allocations
	tls := tlsHello(t, "one.example")
	open := hello.New()
	read(t, open, segment(0, 101, tls[:50]))
	other := segment(0, 101, []byte("GET / HTTP/1.1\r\n\r\n"))
	other.src.port++
	tests := []struct {
		name string
		in   sent
	}{
		{"acknowledgement", segment(0, 101, nil)},
		{"other data", other},
		{"records of data", segment(0, 101, append([]byte{23, 3, 3, 1, 0}, make([]byte, 256)...))},
		{"answer of the same connection", back(segment(0, 101, []byte("x")))},
		{"datagram", datagram(0, make([]byte, 1300))},
		{"short header of QUIC", datagram(0, append([]byte{0x41}, make([]byte, 1300)...))},
	}
	for _, tt := range tests {
		frame, p := tt.in.frame(t)
		for kind, b := range map[string]*hello.Table{"empty": hello.New(), "open": open} {
			if tt.name == "records of data" && kind == "open" {
				continue // belongs to the incomplete one
			}
			if n := testing.AllocsPerRun(100, func() { b.Packet(&p, frame) }); n != 0 {
				t.Errorf("%s, %s table: %v allocations; want 0", tt.name, kind, n)
			}
		}
	}
}

// flood gives a table n ClientHellos from as many ports and addresses.
func flood(tb testing.TB, b *hello.Table, data []byte, n, each int, iface uint32) {
	tb.Helper()
	for i := range n {
		s := segment(i*each, 101, data)
		s.src = side{fmt.Sprintf("10.%d.%d.%d", 100+i>>16, i>>8&255, i&255), uint16(1024 + i%60000)}
		s.iface = iface
		read(tb, b, s)
	}
}

// TestTable_bounds checks that each bound is kept and that what it costs is counted.
func TestTable_bounds(t *testing.T) {
	t.Parallel()
	tls := tlsHello(t, "one.example")

	b := hello.New()
	flood(t, b, tls, maxHellos+10_000, 1, 6)
	s := b.Stats()
	if s.Known < maxHellos || s.Evicted == 0 || s.Known+s.Evicted != maxHellos+10_000 || s.Read != maxHellos+10_000 {
		t.Errorf("Stats = %+v after %d ClientHellos", s, maxHellos+10_000)
	}

	b = hello.New()
	flood(t, b, tls[:5], maxOpen+88, 0, 6)
	// One interface may have as many as it leaves free, and loses its oldest for more.
	if s := b.Stats(); s.Skipped < 88 || s.Skipped > 200 || s.Read != 0 {
		t.Errorf("Stats = %+v after %d incomplete ones; want some 100 skipped", s, maxOpen+88)
	}
	late := segment(11000, 101, tls) // after the time that each may take
	late.src.port = 999
	if read(t, b, late); b.Stats().Read != 1 {
		t.Errorf("Stats = %+v; want those that are too old dropped to make room", b.Stats())
	}

	b = hello.New()
	flood(t, b, tls, maxSecond+100, 0, 6)
	if s := b.Stats(); s.Skipped != 100 || s.Read != maxSecond {
		t.Errorf("Stats = %+v after %d ClientHellos in a second; want 100 skipped", s, maxSecond+100)
	}
	quiet := segment(0, 101, tls)
	quiet.iface = 9
	if read(t, b, quiet); b.Stats().Read != maxSecond+1 {
		t.Errorf("Stats = %+v; want the ClientHello of another interface read", b.Stats())
	}
	next := segment(1000, 101, tls)
	next.src.port = 999
	if read(t, b, next); b.Stats().Read != maxSecond+2 {
		t.Errorf("Stats = %+v; want a ClientHello read in the next second", b.Stats())
	}
	b.Close()
}

// TestTable_memory checks the sizes in the comments of the bounds. It is not
// parallel, because it measures the heap.
func TestTable_memory(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	b := hello.New()
	flood(t, b, tlsHello(t, "a-usual-name.service.example.com"), maxHellos, 1, 6)
	if got := heap() - before; got > 16<<20 {
		t.Errorf("%d ClientHellos with usual names take %d MiB; want 8", maxHellos, got>>20)
	}
	before = heap()
	half := hello.New()
	flood(t, half, tlsHello(t, "a-usual-name.service.example.com")[:100], maxOpen, 1, 6)
	if got := heap() - before; got > 2<<20 {
		t.Errorf("%d incomplete ClientHellos take %d KiB", maxOpen, got>>10)
	}
	runtime.KeepAlive(b)
	runtime.KeepAlive(half)
}

// TestTable_concurrent lets records be completed while packets come.
func TestTable_concurrent(t *testing.T) {
	t.Parallel()
	tls, b := tlsHello(t, "one.example"), hello.New()
	var taking sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		taking.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				s := segment(0, 0, nil)
				s.src = side{fmt.Sprintf("10.100.%d.%d", i>>8&255, i&255), uint16(1024 + i%60000)}
				b.ForRecord(record(t, s, 0, 1e6, flow.ReasonEnd))
				b.Stats()
			}
		})
	}
	flood(t, b, tls, 20000, 1, 6)
	close(done)
	taking.Wait()
	if s := b.Stats(); s.Read != 20000 || s.Known > s.Read {
		t.Errorf("Stats = %+v; want 20000 read", s)
	}
}

// FuzzTable gives a table arbitrary packets of two conversations: its counters add
// up and its bounds hold.
func FuzzTable(f *testing.F) {
	tls, quic := tlsHello(f, "one.example"), quicHello(f, "one.example")
	f.Add(tls, uint16(40), uint8(0))
	f.Add(tls, uint16(0), uint8(3))
	f.Add(quicInitial(f, 0, quic, 0, len(quic)), uint16(0), uint8(4))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, kind uint8) {
		data = data[:min(len(data), 30000)]
		at := int(cut) % (len(data) + 1)
		all := []sent{segment(0, 101, data[:at]), segment(1, uint32(101+at), data[at:]), segment(2, uint32(kind), data)}
		if kind&1 != 0 {
			all[0], all[1] = all[1], all[0]
		}
		if kind&2 != 0 {
			all = append(all, back(all[0]), all[1])
		}
		for i := range all {
			all[i].udp = kind&4 != 0
		}
		b := hello.New()
		read(t, b, all...)
		if s := b.Stats(); s.Read != s.Known || s.Read+s.Failed > uint64(len(all)) || s.Evicted+s.Skipped != 0 {
			t.Errorf("Stats = %+v after %d packets", s, len(all))
		}
	})
}
