package flow

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_UpdateBatchRefs_places has new flows in the places of ended ones, after the batch
// in which they ended.
func TestTable_UpdateBatchRefs_places(t *testing.T) {
	t.Parallel()
	const flows = 8
	table, err := New(Config{Report: func(*Record) {}, IdleTimeout: time.Minute, MaxFlows: flows})
	if err != nil {
		t.Fatal(err)
	}
	var refs [BatchSize]Ref
	var batch [BatchSize]packet.Packet
	for n := range uint16(1000) {
		for i := range batch {
			batch[i] = packet.Packet{Time: int64(n), Family: 4, Proto: packet.ProtoUDP, SrcPort: n, DstPort: uint16(i), HasL4: true}
		}
		table.UpdateBatchRefs(batch[:], &refs)
	}
	if n := table.entries.used; n > flows+BatchSize {
		t.Errorf("%d flows have taken %d places; want %d at most", flows, n, flows+BatchSize)
	}
	if n := table.entries.live; n != flows {
		t.Errorf("%d live flows; want %d", n, flows)
	}
}
