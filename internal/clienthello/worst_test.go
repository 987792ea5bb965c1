package clienthello_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// worst is input made to cost as much as possible, as the payloads of one flow. Every
// payload is one packet.
type worst struct {
	name     string
	payloads [][]byte
	quic     bool
}

// feed gives a new stream the payloads of w and notes in fastest how long each took, where that is less.
func (w *worst) feed(fastest []time.Duration) {
	var tcp clienthello.TCP
	var quic clienthello.QUIC
	for i, p := range w.payloads {
		begin := time.Now()
		if w.quic {
			quic.Feed(p)
		} else {
			tcp.Feed(p)
		}
		fastest[i] = min(fastest[i], time.Since(begin))
	}
}

// worsts returns hostile inputs of the sizes that a frame may have: up to 64 KiB with
// segmentation offload.
func worsts(tb testing.TB) []worst {
	tb.Helper()
	random := func(n int) (list []uint16) {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		for range n {
			list = append(list, uint16(r.UintN(1<<16)))
		}
		return list
	}
	one := func(msg []byte) [][]byte { return [][]byte{records(msg, 1<<14)} }
	names := extension{0, vector16([]byte(strings.Repeat("\x01\x00\x00", 5000)))}
	protocols := extension{16, vector16(make([]byte, 16000))}
	first := crypto(make([]byte, 16384), 0, 1)
	many := append([]byte(nil), first...)
	for range 900 {
		many = append(many, crypto(make([]byte, 16384), 16000, 16001)...)
	}
	var gaps []byte
	for i := range 60 {
		gaps = append(gaps, crypto(make([]byte, 16384), 2+2*i, 3+2*i)...)
	}
	for range 300 {
		gaps = append(gaps, crypto(make([]byte, 16384), 120, 121)...)
	}
	ack := append([]byte{2}, varint(5000)...)
	ack = append(append(ack, varint(0)...), varint(1800)...)
	ack = append(ack, make([]byte, 1+2*1800)...)
	q := func(number uint32, id byte, size int, frames []byte) []byte {
		return initial{protection: version1, dcid: []byte{id, 2, 3, 4, 5, 6, 7, 8}, number: number, frames: frames, size: size}.packet(tb)
	}
	var keys []byte
	for i := range byte(4) {
		keys = append(keys, q(uint32(i), i, 1200, first)...)
	}
	return []worst{
		{"cipher suites", one(hello(0x0303, random(8000))), false},
		{"as many as are hashed", one(hello(0x0303, random(512), append(ofTypes(random(126), nil), signatures(random(128)...))...)), false},
		{"extensions", one(hello(0x0303, random(1), ofTypes(random(4000), nil)...)), false},
		{"names", one(hello(0x0303, random(1), names)), false},
		{"protocols", one(hello(0x0303, random(1), protocols)), false},
		{"records of one byte", [][]byte{records(hello(0x0303, random(5000)), 1)[:60000]}, false},
		{"empty frames", [][]byte{q(0, 1, 4000, []byte(strings.Repeat("\x01", 3500)))}, true},
		{"padding", [][]byte{q(0, 1, 4000, first)}, true},
		{"a large datagram", [][]byte{q(0, 1, 60000, first)}, true},
		{"frames of one byte", [][]byte{q(0, 1, 4000, first), q(1, 1, 4000, many[:3900])}, true},
		{"many parts", [][]byte{q(0, 1, 4000, gaps)}, true},
		{"ranges", [][]byte{q(0, 1, 4000, ack)}, true},
		{"four sets of keys", [][]byte{keys}, true},
	}
}

// limit is what a packet may cost at most: twice what the worst takes on an idle core.
const limit = 40 * time.Microsecond

// TestAttack10_hello_cpu holds that no payload costs more than the limit. Of many
// runs the fastest counts for each payload, so that a busy machine does not matter.
func TestAttack10_hello_cpu(t *testing.T) { // not parallel: it measures time
	if testing.Short() {
		t.Skip("measures time; run without -short")
	}
	for _, w := range worsts(t) {
		fastest := slices.Repeat([]time.Duration{time.Hour}, len(w.payloads))
		for range 200 {
			w.feed(fastest)
		}
		slowest := slices.Max(fastest)
		if slowest > limit {
			t.Errorf("%s: the slowest packet takes %v; want at most %v", w.name, slowest, limit)
		}
		t.Logf("%-22s %v", w.name, slowest)
	}
}

// BenchmarkWorst measures the hostile inputs.
func BenchmarkWorst(b *testing.B) {
	for _, w := range worsts(b) {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			fastest := make([]time.Duration, len(w.payloads))
			for b.Loop() {
				w.feed(fastest)
			}
		})
	}
}

// TestAttack01_hello_text bounds the text of a Hello whatever the client sends.
func TestAttack01_hello_text(t *testing.T) {
	t.Parallel()
	long, odd := strings.Repeat("x", 255), strings.Repeat("\x00", 170)
	tests := []struct {
		name string
		in   []string
		want []string
	}{
		{"usual", []string{"h2", "http/1.1"}, []string{"h2", "http/1.1"}},
		{"one of 255", []string{long}, []string{long}},
		{"two of 255", []string{long, "h2"}, []string{long}},
		{"one that is not printable", []string{odd, odd}, []string{strings.Repeat(`\x00`, 63) + "..."}},
		{"cut within the second", []string{strings.Repeat("x", 200), strings.Repeat("y", 100), "h2"},
			[]string{strings.Repeat("x", 200), strings.Repeat("y", 53) + "..."}},
		{"exactly all", []string{strings.Repeat("x", 200), strings.Repeat("y", 56)}, []string{strings.Repeat("x", 200), strings.Repeat("y", 56)}},
	}
	for _, tt := range tests {
		h, err := clienthello.Parse(hello(0x0303, []uint16{1}, alpn(tt.in...)), 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(h.ALPN, "|"); got != strings.Join(tt.want, "|") {
			t.Errorf("%s: ALPN = %q; want %q", tt.name, h.ALPN, tt.want)
		}
	}
}
