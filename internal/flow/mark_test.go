package flow_test

import (
	"testing"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

func TestMark(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(flow.Mark{}); n != 6 {
		t.Errorf("a Mark has %d bytes; want 6, which an entry has to spare", n)
	}
	for _, slot := range []uint32{0, 1, 0xffff, 0x10000, 0xfffffffe} {
		if m := flow.MarkOf(7, slot); m.Slot() != slot || m.Generation != 7 {
			t.Errorf("MarkOf(7, %d) = %d, %d", slot, m.Generation, m.Slot())
		}
	}
	if (flow.Mark{}).Generation != 0 {
		t.Error("the zero Mark belongs to a generation")
	}
}
