package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestRef_Note has a note kept over both directions of a flow, and begin with 0 in each.
func TestRef_Note(t *testing.T) {
	t.Parallel()
	table, err := flow.New(flow.Config{Report: func(*flow.Record) {}, IdleTimeout: time.Second, MaxFlows: 4})
	if err != nil {
		t.Fatal(err)
	}
	there := packet.Packet{Time: 1e9, Length: 60, Family: 4, Proto: packet.ProtoUDP, HasL4: true, Src: packet.Addr{1}, Dst: packet.Addr{2}, SrcPort: 5, DstPort: 53}
	back := there
	back.Src, back.Dst, back.SrcPort, back.DstPort = there.Dst, there.Src, there.DstPort, there.SrcPort
	fragment, inTunnel := there, there
	fragment.Fragment, inTunnel.Outer.Kind = packet.FragmentFirst, packet.TunnelGRE

	var refs [flow.BatchSize]flow.Ref
	table.UpdateBatchRefs([]packet.Packet{there, back, fragment, inTunnel}, &refs)
	one, oneWay := refs[0].Note(), refs[0].Way()
	other, otherWay := refs[1].Note(), refs[1].Way()
	if one == nil || one != other || oneWay == otherWay || *one != 0 {
		t.Fatalf("notes %p %v and %p %v; want one of the flow that is 0, and two directions", one, oneWay, other, otherWay)
	}
	*one = 7
	for i, ref := range []flow.Ref{refs[2], refs[3], {}} {
		if note := ref.Note(); note != nil || ref.Way() < flow.Ways {
			t.Errorf("packet %d has a note; want none of fragments, packets in a tunnel and the zero Ref", i)
		}
	}
	note := func(p packet.Packet) flow.Note {
		table.UpdateBatchRefs([]packet.Packet{p}, &refs)
		n, way := refs[0].Read()
		if n != *refs[0].Note() || way != refs[0].Way() {
			t.Errorf("Read = %d, %d; want what Note and Way say", n, way)
		}
		return n
	}
	if got := note(back); got != 7 {
		t.Errorf("the next packet finds the note %d; want 7", got)
	}
	there.Time += 5e9 // longer than the idle timeout
	if got := note(there); got != 0 {
		t.Errorf("the next flow of the same addresses begins with the note %d; want 0", got)
	}
}
