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
	if (flow.Mark{}).Generation != 0 {
		t.Error("the zero Mark belongs to a generation")
	}
}
