package flow_test

import (
	"testing"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

func TestMark(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(flow.Mark(0)); n != 4 {
		t.Errorf("a Mark has %d bytes; want 4, which an entry has to spare", n)
	}
	for _, tt := range []struct {
		kept        flow.Kept
		first, last string
	}{
		{flow.Kept{Lost: 1, Boot: 1}, "", ""},
		{flow.Kept{Written: 1, First: 17, Last: 17, Boot: 0x3f9a1c04}, "3f9a1c04-000017", ""},
		{flow.Kept{Written: 2, First: 17, Last: 1000019, Boot: 4}, "00000004-000017", "00000004-1000019"},
	} {
		if first, last := tt.kept.Segments(); first != tt.first || last != tt.last || !tt.kept.Known() {
			t.Errorf("Segments of %+v = %q, %q, known %v; want %q and %q", tt.kept, first, last, tt.kept.Known(), tt.first, tt.last)
		}
	}
}
