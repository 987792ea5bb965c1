package behaviour_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// TestEngine_bare finds segments without data that belong to no connection, to many ports of a host or to
// many hosts, and not the last segments of connections from before the capture.
func TestEngine_bare(t *testing.T) {
	t.Parallel()
	ports := func(i int) string { return fmt.Sprintf("203.0.113.9:%d", 100+i) }
	hosts := func(i int) string { return fmt.Sprintf("203.0.%d.%d:80", 113+i/200, 1+i%200) }
	services := func(i int) string { return fmt.Sprintf("203.0.%d.%d:22", 113+i/200, 1+i%200) }
	for _, tt := range []struct {
		name   string
		to     func(i int) string
		n      int
		change func(i int, o *behaviour.Observation)
		want   string
	}{
		{"refused ports", ports, 12, func(int, *behaviour.Observation) {}, "scan/ports medium"},
		{"silent ports", ports, 12, func(_ int, o *behaviour.Observation) { o.Down, o.DownPackets = 0, 0 }, "scan/ports medium"},
		{"hosts", services, 40, func(int, *behaviour.Observation) {}, "scan/hosts medium"},
		{"neighbours", hosts, 40, func(_ int, o *behaviour.Observation) { o.Place = behaviour.LAN }, "scan/hosts high"},
		{"a browser that ends its connections", hosts, 60, func(_ int, o *behaviour.Observation) { o.Port = 443 }, ""},
		{"resets where the capture begins", hosts, 60, func(_ int, o *behaviour.Observation) { o.Down, o.DownPackets = 0, 0 }, ""},
		{"in a VLAN, padded", ports, 12, func(_ int, o *behaviour.Observation) { o.Up, o.Down = 64, 64 }, "scan/ports medium"},
		{"over IPv6, in a VLAN", func(i int) string { return fmt.Sprintf("[2001:db8::9]:%d", 100+i) }, 12, func(_ int, o *behaviour.Observation) { o.Up, o.Down = 78, 78 }, "scan/ports medium"},
		{"with the time in an option", ports, 40, func(_ int, o *behaviour.Observation) { o.Up, o.Down = 66, 66 }, ""},
		{"the web, from one port", hosts, 40, func(_ int, o *behaviour.Observation) { o.SourcePort = 50001 }, "scan/hosts medium"},
		{"over IPv6", func(i int) string { return fmt.Sprintf("[2001:db8::9]:%d", 100+i) }, 12, func(_ int, o *behaviour.Observation) { o.Up, o.Down = 74, 74 }, "scan/ports medium"},
		{"some hosts", services, 31, func(int, *behaviour.Observation) {}, ""},
		{"one port, again and again", ports, 40, func(_ int, o *behaviour.Observation) { o.Port = 443 }, ""},
		{"data", ports, 40, func(_ int, o *behaviour.Observation) { o.Up = 500 }, ""},
		{"answers of a connection", ports, 40, func(_ int, o *behaviour.Observation) { o.Down = 66 }, ""},
		{"several segments", ports, 40, func(_ int, o *behaviour.Observation) { o.Up, o.UpPackets = 108, 2 }, ""},
		{"late ones of a server", ports, 40, func(i int, o *behaviour.Observation) { o.Port = uint16(50000 + i) }, ""},
		{"connections", ports, 40, func(_ int, o *behaviour.Observation) { o.Midstream = false }, ""},
		{"named hosts", services, 60, func(i int, o *behaviour.Observation) { o.Name, o.Domain = "h", fmt.Sprintf("h%d.example", i) }, ""},
		{"slowly", ports, 40, func(i int, o *behaviour.Observation) { o.At += int64(i) * 60e9 }, ""},
	} {
		w := newWorld(nil)
		for i := range tt.n {
			o := traffic(tt.to(i), "", start+int64(i)*1e9)
			o.Midstream, o.Up, o.UpPackets, o.Down, o.DownPackets, o.Connection = true, 54, 1, 54, 1, uint64(i+1)
			tt.change(i, o)
			w.Observe(o)
		}
		rules := w.rules()
		if tt.want == "" && len(rules) > 0 || tt.want != "" && !slices.Contains(rules, tt.want) {
			t.Errorf("%s: found %v; want %q", tt.name, rules, tt.want)
		}
	}
}

// TestEngine_scan_peers reports datagrams to peers of which many answer at low, and those of which none does
// at medium.
func TestEngine_scan_peers(t *testing.T) {
	t.Parallel()
	for alive, want := range map[int][]string{3: {"scan/hosts low"}, 1000: {"scan/hosts medium"}} {
		w := newWorld(nil)
		for i := range 60 {
			o := contact("disp1", fmt.Sprintf("198.%d.100.1:6881", i+1), "", start+int64(i)*1e9)
			o.Proto = 17
			if i%alive == 1 {
				w.connect(o)
			} else {
				w.Observe(o)
			}
		}
		if diff := cmp.Diff(want, w.rules()); diff != "" {
			t.Errorf("one of %d answers: mismatch (-want +got):\n%s", alive, diff)
		}
	}
}
