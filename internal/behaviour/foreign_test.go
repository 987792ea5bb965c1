package behaviour_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// TestEngine_foreign judges what is no DNS on the port of the DNS as on any other port, and what is DNS
// not at all.
func TestEngine_foreign(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		foreign bool
		want    map[behaviour.Rule]bool
	}{
		"DNS":     {false, map[behaviour.Rule]bool{}},
		"a shell": {true, map[behaviour.Rule]bool{behaviour.Beacon: true, behaviour.LongConnection: true}},
	} {
		w := newWorld(nil)
		for i := range int64(120) {
			o := contact("work", "203.0.113.66:53", "", start+i*60e9)
			o.Foreign = tt.foreign
			w.Observe(o)
		}
		long := contact("work", "203.0.113.67:53", "", start+2*hour)
		long.Kind, long.Foreign, long.Duration, long.Up, long.Down, long.UpPackets, long.DownPackets = behaviour.Traffic, tt.foreign, 2*hour, 1e5, 1e5, 99, 99
		w.Observe(long)
		got := map[behaviour.Rule]bool{}
		for _, f := range w.findings {
			if f.Rule != behaviour.FirstSeen {
				got[f.Rule] = true
			}
			if f.Rule == behaviour.Beacon && !strings.Contains(f.Reason, "what goes to port 53 is no DNS") {
				t.Errorf("%s: %s", name, f.Reason)
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: found %v; want %v", name, got, tt.want)
		}
	}
}
