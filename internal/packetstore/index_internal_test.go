package packetstore

import (
	"bytes"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// indexed returns an index of n flows, and the positions of each.
func indexed(n int) (b []byte, positions map[uint64][]uint32) {
	var g segment
	s := stock{limit: 1 << 30}
	positions = map[uint64][]uint32{}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	place := uint32(1024)
	g.first, g.last = t0, t0+1e9
	for range n {
		f := info(7, uint64(g.notes.flows))
		if n > 1 {
			f.Key = r.Uint64()
		}
		sl := s.flow(&g.notes)
		sl.start(f, t0)
	}
	for range 5 * n {
		i := r.Uint32N(uint32(n))
		sl := g.notes.slot(i)
		sl.packets++
		g.packets++
		s.log(&g.notes, uint64(i)<<32|uint64(place))
		positions[sl.key] = append(positions[sl.key], place)
		place += 138
	}
	g.times = []timeMark{{1024, t0}, {20000, t0 + 5e8}}
	return slices.Clone(new(indexer).index(&g, int64(place)*4, false)), positions
}

// TestIndex holds that every flow of an index is found, with its positions, and no other.
func TestIndex(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 511, 512, 513, 5000, maxFlows} {
		b, positions := indexed(n)
		x, err := openIndex(bytes.NewReader(b), int64(len(b)))
		check(t, err)
		check(t, x.check(b))
		checked := 0
		for key, want := range positions {
			f, err := x.byKey(key)
			check(t, err)
			if f == nil || !slices.Equal(f.positions, want) {
				t.Fatalf("%d flows: %x is %+v; want %v", n, key, f, want)
			}
			byID, err := x.byCommunity(number(&f.FlowInfo))
			check(t, err)
			if len(byID) != 1 || byID[0].Key != key {
				t.Fatalf("%d flows: %x is not found by its Community ID: %+v", n, key, byID)
			}
			if f, err := x.byKey(key + 1); f != nil || err != nil {
				t.Fatalf("%d flows: %x+1 is %+v, %v; want none", n, key, f, err)
			}
			if checked++; checked > 2000 {
				break
			}
		}
	}
}

// TestMix holds that keys can be had back.
func TestMix(t *testing.T) {
	t.Parallel()
	for _, k := range []uint64{0, 1, 1 << 63, 0xdeadbeef, 1<<64 - 1} {
		if unmix(mix(k)) != k {
			t.Errorf("unmix(mix(%x)) = %x", k, unmix(mix(k)))
		}
	}
}

// FuzzPositions holds that positions are read as they were written.
func FuzzPositions(f *testing.F) {
	f.Add([]byte{1, 1, 1, 5, 9, 9, 9, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var want []uint32
		last := uint32(0)
		for _, s := range steps {
			last += uint32(s) + 8
			want = append(want, last)
		}
		d := varints{b: appendPositions(nil, want), ok: true}
		got := d.positions(uint64(len(want)))
		if diff := cmp.Diff(want, got); diff != "" || !d.ok || len(d.b) > 0 {
			t.Fatalf("mismatch (-want +got), %d bytes left:\n%s", len(d.b), diff)
		}
	})
}

// FuzzIndex holds that no index makes a reader panic, loop or allocate without bound, even
// if all its sums are right.
func FuzzIndex(f *testing.F) {
	small, _ := indexed(1)
	large, _ := indexed(700)
	f.Add(small, uint16(0), uint64(1))
	f.Add(large, uint16(40), uint64(1<<63))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, v uint64) {
		if len(b) < headBytes {
			return
		}
		b = slices.Clone(b)
		if int(at)+8 <= len(b) {
			le.PutUint64(b[at:], v)
		}
		le.PutUint32(b[headBytes-4:], headSum(b))
		partSums(b)
		x, err := openIndex(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, k := range []uint64{v, 0, unmix(v), 1<<64 - 1} {
			if _, err := x.byKey(k); err != nil && !errors.Is(err, errIndex) {
				t.Fatal(err)
			}
			if _, err := x.byCommunity(k); err != nil && !errors.Is(err, errIndex) {
				t.Fatal(err)
			}
		}
		_, _ = x.from(at2time(v))
		_ = x.check(b)
	})
}

// partSums makes the sums of the parts of an index right, if its head can be read.
func partSums(b []byte) {
	var h indexHead
	if h.parse(b, int64(len(b))) != nil {
		return
	}
	at := h.partAt()
	for i := range h.sums {
		h.sums[i] = crc32.Checksum(b[at[i]:at[i+1]], crcTab)
	}
	h.append(b[:0])
}

func headSum(b []byte) uint32 { return crc32.Checksum(b[:headBytes-4], crcTab) }

func at2time(v uint64) time.Time { return time.Unix(0, int64(v)) }
