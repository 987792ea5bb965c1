package finding_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

// step is something that work does.
type step func(w *world, at int64)

// sent is a flow that has sent 100 kB to a new host.
func sent(w *world, at int64) {
	r := flow.Record{Born: at, Start: at, End: at + 1e9, Iface: 7, Proto: packet.ProtoTCP, FromSource: packet.Inbound, Reason: flow.ReasonEnd}
	r.Source.Addr, r.Family = packet.AddrFrom(work.IP)
	r.Source.Port, r.Source.Sent, r.Source.Bytes, r.Source.Packets = uint16(20000+at/1e9%40000), true, 100_000, 80
	r.Destination.Addr, _ = packet.AddrFrom(netip.MustParseAddr("203.0.113.66"))
	r.Destination.Port, r.Destination.Bytes, r.Destination.Packets = 443, 2000, 40
	w.feed.Record(&r)
	w.feed.Flush(true)
}

// scanned is a connection with another port each time, which the firewall refuses.
func scanned(w *world, at int64) {
	w.Verdict(&firewall.Verdict{First: at, In: "vif7.0", Tuple: firewall.Tuple{Proto: packet.ProtoTCP, Src: work.IP, Dst: netip.MustParseAddr("203.0.113.9"),
		SrcPort: 5, DstPort: uint16(1 + at/1e9%60000)}})
}

// TestService_restart finds in two runs what it finds in one, wherever the first one ends.
func TestService_restart(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]step{"upload": sent, "scan": scanned} {
		run := func(ends ...int64) (found []string) {
			dir, from := t.TempDir(), int64(0)
			for _, to := range ends {
				w := newWorld(func(c *finding.Config, _ *finding.Deps) { c.Live, c.DataDir = true, dir })
				w.run(t, func() {
					for ; from < to; from++ {
						do(w, start-start%int64(3600e9)+from*20e9)
					}
				})
				for _, d := range w.documents {
					found = append(found, fmt.Sprint(d.Rule, d.Way, d.Level, d.Count, d.At, d.BytesUp))
				}
			}
			return found
		}
		want := run(24)
		if len(want) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
		for end := int64(1); end < 24; end += 2 {
			if diff := cmp.Diff(want, run(end, 24)); diff != "" {
				t.Errorf("%s: a restart after %d steps changes what is found (-want +got):\n%s", name, end, diff)
			}
		}
	}
}
