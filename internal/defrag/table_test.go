package defrag_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/defrag"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// piece is a part of a datagram.
type piece struct {
	id     uint32
	offset int
	data   string
	more   bool
	at     int64 // milliseconds
	iface  uint32
}

func add(t *defrag.Table, p piece) []byte {
	k := packet.Packet{Family: 4, Proto: packet.ProtoUDP, FragID: p.id, FragOffset: uint16(p.offset), FragMore: p.more,
		Time: p.at * 1e6, Iface: p.iface}
	return t.Add(&k, []byte(p.data))
}

func TestTable_Add(t *testing.T) {
	t.Parallel()
	const a, b, c = "aaaaaaaa", "bbbbbbbb", "cc"
	first, middle, last := piece{data: a, more: true}, piece{offset: 8, data: b, more: true}, piece{offset: 16, data: c}
	late := func(p piece) piece { p.at = 6000; return p }
	tests := []struct {
		name string
		in   []piece
		want string
		stat defrag.Stats
	}{
		{"in order", []piece{first, middle, last}, a + b + c, defrag.Stats{Fragments: 3, Completed: 1}},
		{"backwards", []piece{last, middle, first}, a + b + c, defrag.Stats{Fragments: 3, Completed: 1}},
		{"two datagrams", []piece{first, {id: 2, data: b, more: true}, {id: 2, offset: 8, data: c}}, b + c,
			defrag.Stats{Fragments: 3, Completed: 1, Waiting: 1, Bytes: 8}},
		{"a piece is missing", []piece{first, last}, "", defrag.Stats{Fragments: 2, Waiting: 1, Bytes: 10}},
		{"too late", []piece{first, middle, late(last)}, "", defrag.Stats{Fragments: 3, Abandoned: 1, Waiting: 1, Bytes: 2}},
		{"overlap", []piece{first, {offset: 4, data: b, more: true}, middle, last}, "", defrag.Stats{Fragments: 4, Waiting: 1}},
		{"the same twice", []piece{first, first, middle, last}, "", defrag.Stats{Fragments: 4, Waiting: 1}},
		{"two ends", []piece{last, {offset: 24, data: c}, first, middle}, "", defrag.Stats{Fragments: 4, Waiting: 1}},
		{"behind the end", []piece{last, {offset: 24, data: c, more: true}, first, middle}, "", defrag.Stats{Fragments: 4, Waiting: 1}},
		{"end before a piece", []piece{{offset: 24, data: a, more: true}, last}, "", defrag.Stats{Fragments: 2, Waiting: 1}},
		{"empty", []piece{{more: true}, first}, "", defrag.Stats{Fragments: 2, Waiting: 1}},
		{"too long", []piece{{offset: 65528, data: a}}, "", defrag.Stats{Fragments: 1, Waiting: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var table defrag.Table
			var got []byte
			for _, p := range tt.in {
				if whole := add(&table, p); whole != nil {
					got = whole
				}
			}
			if string(got) != tt.want || table.Stats() != tt.stat {
				t.Errorf("datagram %q, %+v; want %q, %+v", got, table.Stats(), tt.want, tt.stat)
			}
		})
	}
}

// TestTable_bounds floods a table from one interface: it stays within its
// bounds, and a datagram of another interface still gets through.
func TestTable_bounds(t *testing.T) {
	t.Parallel()
	for _, size := range []int{8, 1480, 60000} {
		var table defrag.Table
		add(&table, piece{iface: 2, data: "12345678", more: true})
		for i := range 20000 {
			add(&table, piece{id: uint32(i + 1), data: string(make([]byte, size)), more: true, iface: 1, at: int64(i / 10)})
			if s := table.Stats(); s.Waiting > 4096 || s.Bytes > 4<<20 {
				t.Fatalf("after %d fragments of %d bytes: %+v", i, size, s)
			}
		}
		if whole := add(&table, piece{iface: 2, offset: 8, data: "9", at: 2000}); string(whole) != "123456789" {
			t.Errorf("beside a flood of %d bytes each, the datagram of another interface is %q", size, whole)
		}
	}
}

// TestAttack01_fragments holds few large datagrams on one interface and many small ones
// on another: the first loses its own, and takes nothing from the other.
func TestAttack01_fragments(t *testing.T) {
	t.Parallel()
	var table defrag.Table
	for id := range uint32(100) {
		add(&table, piece{id: id, iface: 2, data: "12345678", more: true})
	}
	for i := range 1000 {
		add(&table, piece{id: uint32(i), iface: 1, data: string(make([]byte, 65000)), more: true})
	}
	for id := range uint32(100) {
		if whole := add(&table, piece{id: id, iface: 2, offset: 8, data: "9"}); string(whole) != "123456789" {
			t.Fatalf("datagram %d of the quiet interface is %q", id, whole)
		}
	}
	if s := table.Stats(); s.Waiting == 0 || s.Abandoned != 1000-uint64(s.Waiting) {
		t.Errorf("Stats = %+v; want the other datagrams waiting or abandoned", s)
	}
}

// TestTable_model cuts, shuffles and puts together.
func TestTable_model(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var table defrag.Table
	for id := range uint32(300) {
		want := make([]byte, 1+rng.IntN(30000))
		for i := range want {
			want[i] = byte(rng.Uint32())
		}
		var pieces []piece
		for offset := 0; offset < len(want); {
			n := min((1+rng.IntN(200))*8+400, len(want)-offset)
			pieces = append(pieces, piece{id: id, offset: offset, data: string(want[offset : offset+n]), more: offset+n < len(want)})
			offset += n
		}
		rng.Shuffle(len(pieces), func(a, b int) { pieces[a], pieces[b] = pieces[b], pieces[a] })
		var got []byte
		for _, p := range pieces {
			got = slices.Concat(got, add(&table, p))
		}
		if !bytes.Equal(got, want) && len(pieces) <= 64 {
			t.Fatalf("datagram %d of %d pieces: %d bytes; want %d", id, len(pieces), len(got), len(want))
		}
	}
}

// FuzzTable feeds pieces of any kind.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 0, 8, 1, 0, 1, 8, 1, 0, 2, 2, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		var table defrag.Table
		for at := int64(0); len(script) >= 4; script = script[4:] {
			at += int64(script[3]>>1) * 10
			p := piece{id: uint32(script[0]), offset: int(script[1]) * 256, data: string(make([]byte, int(script[2])*8)),
				more: script[3]&1 != 0, at: at, iface: uint32(script[0] & 3)}
			if whole := add(&table, p); len(whole) > 65535 {
				t.Fatalf("a datagram of %d bytes", len(whole))
			}
			if s := table.Stats(); s.Bytes < 0 || s.Bytes > 4<<20 || s.Waiting > 4096 {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// TestAttack03_defrag keeps the many small datagrams of one interface while another
// fills the table with a few large ones.
func TestAttack03_defrag(t *testing.T) {
	t.Parallel()
	var table defrag.Table
	for id := range uint32(100) {
		add(&table, piece{id: id, iface: 7, data: "aaaaaaaa", more: true})
	}
	large := string(make([]byte, 60_000))
	for id := range uint32(500) {
		add(&table, piece{id: id, iface: 6, data: large, more: true})
	}
	for id := range uint32(100) {
		if got := add(&table, piece{id: id, iface: 7, offset: 8, data: "b"}); string(got) != "aaaaaaaab" {
			t.Fatalf("datagram %d of the quiet interface is lost", id)
		}
	}
}
