package flow

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_Salvage reports the flows of a table in which one was being created when
// a panic came. Flush would look for it in the index without end.
func TestTable_Salvage(t *testing.T) {
	t.Parallel()
	var ports []uint16
	panics := 1
	tab, err := New(Config{IdleTimeout: time.Minute, MaxFlows: 100, Report: func(r *Record) {
		if panics--; panics == 0 {
			panic("report")
		}
		ports = append(ports, r.Source.Port)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for port := range uint16(4) {
		tab.Update(&packet.Packet{Time: 1e18, Proto: packet.ProtoUDP, Family: 4, HasL4: true, SrcPort: 1000 + port, DstPort: 53, Length: 100})
	}
	tab.entries.alloc()
	salvage := func() (done bool) {
		defer func() { _ = recover() }()
		tab.Salvage(ReasonForced)
		return true
	}
	if salvage() || !salvage() {
		t.Error("Salvage does not go on after a panic of Report")
	}
	if len(ports) != 3 || ports[0] != 1001 || tab.Stats().Live != 1 {
		t.Errorf("reported the flows of ports %v, %d left; want 1001 to 1003, and 1 that was not complete", ports, tab.Stats().Live)
	}
}
