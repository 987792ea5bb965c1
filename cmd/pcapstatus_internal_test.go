package cmd

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// TestPcapView shows what a running beat says beside what is on the disk.
func TestPcapView(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 27, 22, 0, 0, 0, time.UTC)
	v := &pcapView{volume: 2 << 30,
		st: &packetstore.Status{Running: true, Bytes: 18_200_000_000, Free: 1_000_000_000, Kept: 1000, Qubes: []packetstore.QubeStatus{
			{Qube: "_vif12.0", Bytes: 5000, Open: 1},
			{Qube: "gone", Bytes: 4000, Packets: 1, First: at},
			{Qube: "work", Bytes: 9_100_000_000, Packets: 1000, Cut: 2, Lost: 1, First: at.Add(-time.Hour), Damaged: 1}}},
		live: &control.PacketStatus{State: "short", Why: "less than min_free is left", MaxBytes: 20_000_000_000, Filter: "not port 22", Filtered: 3, Lifted: 1, CutPressure: 2, LostMemory: 4, LostDisk: 5, CutFlow: 6,
			Vifs: []control.PacketVif{
				{Name: "vif7.0", Qube: "work", Open: "work", Quota: 10_000_000_000, Packets: 10, Cut: 1, Lost: 1},
				{Name: "vif11.0", Qube: "anon\x1b[2J", Excluded: "tag anon-vm"},
				{Name: "vif12.0", Open: "_vif12.0", Packets: 7},
				{Name: "vif13.0", Qube: "quiet", Nothing: true, Filtered: 1234}},
			Watches: []control.PacketWatch{{What: "198.51.100.7", Until: at, Flows: 2}}},
		last: &packetstore.Line{Event: packetstore.Evicted, Name: "work/3f9a1c04-000017.pcapng", Reason: "quota", At: at}}
	v.settings.KeptMaxBytes = 2000
	var b strings.Builder
	if err := v.show(&b, at); err != nil {
		t.Fatal(err)
	}
	want := `short (less than min_free is left): 18.2 GB of 20.0 GB, 1.00 GB free, back to 2026-11-27 21:00:00 (1 h); the limit that acts: quota of work (since 2026-11-27 22:00:00)
QUBE                     VIF      BYTES                    QUOTA    BACK TO              PACKETS  CUT  LOST
unknown (vif12.0)  vif12.0  5.00 kB                  -        -                    7        0    0
gone                     -        4.00 kB                  -        2026-11-27 22:00:00  1        0    0
work                     vif7.0   9.10 GB (1 file damaged)  10.0 GB  2026-11-27 21:00:00  1,010    3    2
anon\u001b[2J           vif11.0  excluded (tag anon-vm)
the volume has 2.15 GB only; in dom0: qvm-volume extend sys-log:private 40GiB
kept: 1.00 kB of 2.00 kB
filter: not port 22; it has left out 3 packets
the filter lets nothing of vif13.0 through: 1,234 packets left out
watched until 2026-11-27 22:00:00: 198.51.100.7 (2 flows)
stored whole for a finding or a verdict: 1 flow
lost since the start: 9 (memory 4, disk 5); cut for want of room: 2; cut above flow_limit: 6
`
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(b.String())); diff != "" {
		t.Errorf("status mismatch (-want +got):\n%s\n%s", diff, b.String())
	}
}

// TestPcapView_limit names the limit by which packets were removed last.
func TestPcapView_limit(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{"age": "max_age", "quota": "quota of work", "max_bytes": "max_bytes", "min_free": "min_free", "gone": "forget_disposables"} {
		v := &pcapView{last: &packetstore.Line{Name: "work/x.pcapng", Reason: reason}}
		if got, _, _ := strings.Cut(v.limit(), " (since"); got != want {
			t.Errorf("limit for %q = %q; want %q", reason, got, want)
		}
	}
	if got := new(pcapView).limit(); got != "none yet" {
		t.Errorf("limit without a removal = %q; want none yet", got)
	}
}
