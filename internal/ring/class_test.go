package ring_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// packet is an element with a class.
type packet struct {
	iface uint32
	data  *[]byte
}

// TestRing_Class lets a flood of one class cost the others nothing.
func TestRing_Class(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		push []uint32          // classes
		want map[uint32]uint32 // elements taken, by class
	}{
		{"one fills half", repeat(7, 20), map[uint32]uint32{7: 5}},
		{"two share", append(repeat(7, 20), repeat(8, 20)...), map[uint32]uint32{7: 5, 8: 2}},
		{"a third still finds room", append(append(repeat(7, 20), repeat(8, 20)...), 9), map[uint32]uint32{7: 5, 8: 2, 9: 1}},
		{"distant numbers are distinct", append(repeat(7, 20), repeat(263, 20)...), map[uint32]uint32{7: 5, 263: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ring.New(ring.Config[packet]{Size: 9, Class: func(p *packet) share.Class { return share.Class(p.iface) }})
			for range 3 { // what was popped is free again
				before := r.Stats()
				for _, c := range tt.push {
					r.Push(&packet{iface: c})
				}
				dst := make([]packet, 20)
				got := map[uint32]uint32{}
				for _, p := range dst[:r.Pop(dst, always)] {
					got[p.iface]++
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("taken mismatch (-want +got):\n%s", diff)
				}
				s := r.Stats()
				if s.In-before.In != uint64(len(tt.push)) || s.In != s.Out+s.Dropped {
					t.Errorf("Stats = %+v; want a balance", s)
				}
			}
		})
	}
}

func repeat(class uint32, n int) (all []uint32) {
	for range n {
		all = append(all, class)
	}
	return all
}

// TestRing_Pop_clear keeps no reference to what the reader has taken or what was
// dropped.
func TestRing_Pop_clear(t *testing.T) {
	t.Parallel()
	r := ring.New(ring.Config[packet]{Size: 3})
	for range 4 {
		r.Push(&packet{data: new([]byte)})
	}
	if s := r.Stats(); s.Dropped != 1 {
		t.Fatalf("Stats = %+v; want one dropped", s)
	}
	r.Pop(make([]packet, 4), always)
	for range 3 {
		slot := r.Reserve(0, 3)
		if slot.data != nil {
			t.Error("a slot refers to an earlier element")
		}
		slot.data = nil
		r.Commit()
		r.Pop(make([]packet, 4), always)
	}
}
