package hello_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/hello"
)

// sized puts a length of two bytes in front of b.
func sized(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

// fatHello is a record with a ClientHello that offers 8 protocols of 255 bytes, none of
// which is printable, a long name and some cipher suites.
func fatHello(ciphers int) []byte {
	var protocols, name []byte
	for range 8 {
		protocols = append(append(protocols, 255), make([]byte, 255)...)
	}
	for range 25 {
		name = append(name, "abcdefghi."...)
	}
	extensions := append([]byte{0, 0}, sized(sized(append([]byte{0}, sized(name)...)))...)
	extensions = append(append(extensions, 0, 16), sized(sized(protocols))...)
	body := append(make([]byte, 35), sized(make([]byte, 2*ciphers))...)
	body[0], body[1] = 3, 3
	body = append(append(body, 1, 0), sized(extensions)...)
	msg := append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	return append([]byte{22, 3, 1}, sized(msg)...)
}

// neighbours gives a table the ClientHellos of n connections on interface 9.
func neighbours(tb testing.TB, b *hello.Table, n int) (sent []sent) {
	tb.Helper()
	tls := tlsHello(tb, "quiet.example")
	for i := range n {
		s := segment(0, 101, tls)
		s.src, s.iface = side{"10.137.0.9", uint16(2000 + i)}, 9
		sent = append(sent, s)
		read(tb, b, s)
	}
	return sent
}

// TestAttack01_hello_memory floods a table from one interface with the largest
// ClientHellos, complete and incomplete: memory is bounded, and no other interface
// loses a name.
func TestAttack01_hello_memory(t *testing.T) { // not parallel: it measures the heap
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	const flooded = 40_000
	fat := fatHello(20)
	before := heap()
	b := hello.New()
	quiet := neighbours(t, b, 200)
	half := neighbours(t, b, 0)
	for i := range 50 { // begun, and completed after the flood
		s := segment(0, 101, tlsHello(t, "half.example"))
		s.src, s.iface = side{"10.137.0.9", uint16(5000 + i)}, 9
		half = append(half, s)
		s.data = s.data[:60]
		read(t, b, s)
	}
	for i := range flooded {
		s := segment(i/8, 101, fat)
		s.src = side{fmt.Sprintf("10.%d.%d.%d", 100+i>>16, i>>8&255, i&255), uint16(1024 + i%60000)}
		s.iface = 6
		if i%2 == 0 {
			s.data = fat[:len(fat)-1]
		}
		read(t, b, s)
	}
	if got := heap() - before; got > hello.MaxBytes {
		t.Errorf("%d ClientHellos take %d KiB; want at most %d", flooded, got>>10, hello.MaxBytes>>10)
	}
	for i := range half {
		rest := half[i]
		rest.at, rest.seq, rest.data = 9000, 161, rest.data[60:]
		read(t, b, rest)
	}
	lost := 0
	for _, s := range append(quiet, half...) {
		if name(b, record(t, s, 0, 20000, flow.ReasonEnd)) == "-" {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d names of the other interface are lost", lost, len(quiet)+len(half))
	}
	if s := b.Stats(); s.Read+s.Failed+s.Skipped+4096 < flooded || s.Evicted == 0 {
		t.Errorf("Stats = %+v of %d ClientHellos", s, flooded)
	}
	runtime.KeepAlive(b)
}

// TestAttack01_hello_repeated sends many ClientHellos in one connection: the flow has
// the first, and the table does not fill up.
func TestAttack01_hello_repeated(t *testing.T) {
	t.Parallel()
	b := hello.New()
	first := segment(0, 101, tlsHello(t, "first.example"))
	read(t, b, first)
	other := tlsHello(t, "other.example")
	for i := range 1000 {
		read(t, b, segment(1+i, uint32(1000+i*1000), other))
	}
	if s := b.Stats(); s.Known > 16 || s.Known+s.Evicted != s.Read {
		t.Errorf("Stats = %+v; want 16 known", s)
	}
	if got := name(b, record(t, first, 0, 5000, flow.ReasonEnd)); got != "first.example" {
		t.Errorf("name = %q; want that of the first", got)
	}
	if s := b.Stats(); s.Known != 0 {
		t.Errorf("Stats = %+v; want none left after the flow has ended", s)
	}
}

// TestAttack10_hello_work reads no more in a second than a tenth of a core allows, of
// each interface, however large the ClientHellos are and in how many parts they come.
func TestAttack10_hello_work(t *testing.T) {
	t.Parallel()
	large := fatHello(5000) // 12 KB: some 10 us
	quic := quicHello(t, "one.example")
	tests := []struct {
		name string
		in   func(i int) sent
		most uint64
	}{
		{"small", func(int) sent { return segment(0, 101, tlsHello(t, "a.example")) }, 8192},
		{"large", func(int) sent { return segment(0, 101, large) }, 10_000},
		{"QUIC", func(int) sent { return datagram(0, quicInitial(t, 0, quic, 0, len(quic))) }, 9200},
	}
	for _, tt := range tests {
		b := hello.New()
		s := tt.in(0)
		const all = 20_000
		for i := range all {
			s.src = side{fmt.Sprintf("10.100.%d.%d", i>>8&255, i&255), 5000}
			read(t, b, s)
		}
		got := b.Stats()
		if got.Read > tt.most || got.Read < 5000 || got.Read+got.Skipped != all {
			t.Errorf("%s: Stats = %+v of %d within a second; want at most %d read", tt.name, got, all, tt.most)
		}
		s.iface = 9
		if read(t, b, s); b.Stats().Read != got.Read+1 {
			t.Errorf("%s: nothing is read of another interface", tt.name)
		}
	}
	// An Initial that does not complete the message costs as much as one that does.
	b, n := hello.New(), 0
	for i := range 400 {
		for number := range byte(50) {
			s := datagram(0, quicInitial(t, number, quic, int(number)*2, int(number)*2+1))
			s.src = side{fmt.Sprintf("10.100.%d.%d", i>>8&255, i&255), 5000}
			read(t, b, s)
			n++
		}
	}
	if s := b.Stats(); s.Skipped < uint64(n)/2 {
		t.Errorf("Stats = %+v; want half of %d datagrams skipped: each takes 10 us", s, n)
	}
}
