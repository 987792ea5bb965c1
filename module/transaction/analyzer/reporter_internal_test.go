package analyzer

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/pb"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// newEvent is what an analyzer reports of a request from a to b.
func newEvent(a, b string) beat.Event {
	src, dst := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
	e, f := pb.NewBeatEvent(time.Unix(0, start))
	f.SetSource(&common.Endpoint{IP: src.Addr().String(), Port: src.Port()})
	f.SetDestination(&common.Endpoint{IP: dst.Addr().String(), Port: dst.Port()})
	e.Fields["type"] = "fake"
	return e
}

// newFakeReporter returns a reporter that remembers that work and other were seen on
// their vifs, and the events that it sends.
func newFakeReporter(change func(*reporterConfig)) (*reporter, *recorder) {
	o, sent := newOrigins(), new(recorder)
	for iface, client := range map[uint32]string{6: work, 9: other} {
		k := in(newTCP(client, server, 0, 1, ""), iface)
		o.observe(&k, false)
	}
	cfg := reporterConfig{send: sent.send}
	if change != nil {
		change(&cfg)
	}
	return newReporter(cfg, o, func() *hello { return nil }), sent
}

// TestReporter_report adds packetbeat's fields, and counts every event once.
func TestReporter_report(t *testing.T) {
	t.Parallel()
	type fields struct{ Direction, Source string }
	local := func() []net.IP { return []net.IP{net.IPv4(10, 137, 0, 6)} }
	tests := []struct {
		name   string
		change func(*reporterConfig)
		event  beat.Event
		want   []fields
		stats  wire.ReporterStats
	}{
		{"of a qube", nil, newEvent(work, server), []fields{{"unknown", "10.137.0.6"}}, wire.ReporterStats{Sent: 1}},
		{"internal networks", func(c *reporterConfig) { c.internalNetworks = []string{"10.0.0.0/8"} }, newEvent(work, server),
			[]fields{{"outbound", "10.137.0.6"}}, wire.ReporterStats{Sent: 1}},
		{"internal networks decide", func(c *reporterConfig) { c.internalNetworks = []string{"10.0.0.0/8", "1.0.0.0/8"} }, newEvent(work, server),
			[]fields{{"internal", "10.137.0.6"}}, wire.ReporterStats{Sent: 1}},
		{"of no qube", nil, newEvent("2.2.2.2:99", server), []fields{{"unknown", "2.2.2.2"}}, wire.ReporterStats{Sent: 1}},
		{"this machine's, all wanted", func(c *reporterConfig) { c.local = local }, newEvent(work, server),
			[]fields{{"egress", "10.137.0.6"}}, wire.ReporterStats{Sent: 1}},
		{"this machine's, ignore_outgoing", func(c *reporterConfig) { c.local, c.ignoreOutgoing = local, true }, newEvent(work, server),
			nil, wire.ReporterStats{Outgoing: 1}},
		{"to this machine, ignore_outgoing", func(c *reporterConfig) { c.local, c.ignoreOutgoing = local, true }, newEvent(server, work),
			[]fields{{"ingress", "1.1.1.1"}}, wire.ReporterStats{Sent: 1}},
		{"without a type", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{}}, nil, wire.ReporterStats{Invalid: 1}},
		{"type of another kind", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{"type": 1}}, nil, wire.ReporterStats{Invalid: 1}},
		{"without a time", nil, beat.Event{Fields: mapstr.M{"type": "fake"}}, nil, wire.ReporterStats{Invalid: 1}},
		{"without fields", nil, beat.Event{Timestamp: time.Unix(1, 0)}, nil, wire.ReporterStats{Invalid: 1}},
		{"packetbeat's fields of another kind", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{"type": "fake", pb.FieldsKey: "x"}},
			nil, wire.ReporterStats{Invalid: 1}},
		{"without packetbeat's fields", nil, beat.Event{Timestamp: time.Unix(1, 0), Fields: mapstr.M{"type": "fake"}},
			[]fields{{}}, wire.ReporterStats{Sent: 1}},
		{"not encoded", func(c *reporterConfig) { c.send = func(*wire.Event) bool { return false } }, newEvent(work, server),
			nil, wire.ReporterStats{Invalid: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, sent := newFakeReporter(tt.change)
			report, err := r.CreateReporter(sections(t, "{_section: 3}")[0])
			if err != nil {
				t.Fatal(err)
			}
			report(tt.event)
			var got []fields
			for _, e := range sent.events {
				if got = append(got, fields{field(e, "network.direction"), field(e, "source.ip")}); e.Section != 3 {
					t.Errorf("event of section %d; want 3", e.Section)
				}
			}
			tt.stats.Reported = 1
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.stats, r.stats()); diff != "" {
				t.Errorf("stats mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReporter_CreateReporter_error returns what is wrong with a section.
func TestReporter_CreateReporter_error(t *testing.T) {
	t.Parallel()
	r, _ := newFakeReporter(nil)
	if report, err := r.CreateReporter(sections(t, "{keep_null: perhaps}")[0]); report != nil || err == nil {
		t.Errorf("CreateReporter = %v; want an error", err)
	}
}

// TestReporter_locate attributes an event to the interface of its conversation, and
// to none if that is not remembered.
func TestReporter_locate(t *testing.T) {
	t.Parallel()
	o := newOrigins()
	seen := in(newTCP(work, server, 0, 1, ""), 6)
	o.observe(&seen, false)
	r := newReporter(reporterConfig{send: discard}, o, func() *hello { return nil })
	tests := []struct {
		name  string
		event beat.Event
		iface uint32
		way   packet.Direction
		known bool
	}{
		{"seen", newEvent(work, server), 6, packet.Inbound, true},
		{"answer", newEvent(server, work), 6, packet.Outbound, true},
		{"not seen", newEvent(other, server), 0, packet.DirectionUnknown, true},
		{"two families", newEvent(work, "[2606:4700::1]:80"), 0, packet.DirectionUnknown, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w wire.Event
			r.locate(&tt.event, &w)
			if w.Iface != tt.iface || w.From != uint8(tt.way) || w.Known != tt.known {
				t.Errorf("locate = %+v; want interface %d, direction %d", w, tt.iface, tt.way)
			}
		})
	}
}

// TestReporter_locate_mapped finds the interface of IPv6 packets with IPv4-mapped
// addresses, which any qube can send.
func TestReporter_locate_mapped(t *testing.T) {
	t.Parallel()
	o := newOrigins()
	seen := in(newUDP("[::ffff:10.137.0.9]:5000", "[::ffff:1.1.1.1]:80", ""), 6)
	o.observe(&seen, false)
	r := newReporter(reporterConfig{send: discard}, o, func() *hello { return nil })
	k := newPacket(&seen)
	src, dst := common.MakeEndpointPair(k.Tuple.BaseTuple, &common.ProcessTuple{})
	e, f := pb.NewBeatEvent(time.Unix(0, start))
	f.SetSource(&src)
	f.SetDestination(&dst)
	var w wire.Event
	if r.locate(&e, &w); w.Iface != 6 {
		t.Errorf("locate of %s = %+v; want interface 6", src.IP, w)
	}
}
