package pipeline_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// chooser notes the ports of the packets that it is shown, and looks at each of kinds in turn.
type chooser struct {
	kinds []packet.Kinds
	seen  []uint16
}

func (c *chooser) Kinds() packet.Kinds { return c.kinds[min(len(c.seen), len(c.kinds)-1)] }
func (c *chooser) Close()              {}

func (c *chooser) Packet(p *packet.Packet, _ []byte) { c.seen = append(c.seen, p.DstPort) }

// all notes the ports of all packets.
type all struct{ seen []uint16 }

func (a *all) Packet(p *packet.Packet, _ []byte) { a.seen = append(a.seen, p.DstPort) }
func (a *all) Close()                            {}

// addressed returns a datagram to a port.
func addressed(port uint16) []byte {
	b := datagram(1)
	binary.BigEndian.PutUint16(b[22:], port)
	return b
}

// TestMeter_chooser shows a tap the kinds of packets only that it looks at just then, and any other
// tap all of them.
func TestMeter_chooser(t *testing.T) {
	t.Parallel()
	ports := []uint16{1, 53, 2, 53, 3, 53, 4}
	for _, tt := range []struct {
		name  string
		kinds []packet.Kinds
		want  []uint16
	}{
		{"none", []packet.Kinds{packet.Handshake}, nil},
		{"some", []packet.Kinds{packet.Domain | packet.Handshake}, []uint16{53, 53, 53}},
		{"all", []packet.Kinds{packet.AllKinds}, ports},
		{"more after the first", []packet.Kinds{packet.Domain, packet.Rest}, []uint16{53, 2, 53, 3, 53, 4}},
		{"none after the second", []packet.Kinds{packet.Domain, packet.Domain, 0}, []uint16{53, 53}},
	} {
		for _, others := range [][]pipeline.Tap{nil, {&all{}}} {
			c, src := &chooser{kinds: tt.kinds}, &fakeSource{}
			for i, port := range ports {
				src.steps = append(src.steps, frame(t0+int64(i), packet.LinkRaw, addressed(port)))
			}
			metered(t, pipeline.MeterConfig{Source: src, Queue: pipeline.NewQueue(16, false), Taps: append(others, c),
				Flow: flow.Config{IdleTimeout: time.Minute, MaxFlows: 10}})
			if diff := cmp.Diff(tt.want, c.seen); diff != "" {
				t.Errorf("%s, %d others: ports mismatch (-want +got):\n%s", tt.name, len(others), diff)
			}
			for _, o := range others {
				if diff := cmp.Diff(ports, o.(*all).seen); diff != "" {
					t.Errorf("%s: ports of the other tap mismatch (-want +got):\n%s", tt.name, diff)
				}
			}
		}
	}
}
