package firewall_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// datagram returns a UDP packet from 10.137.0.6, as NFLOG delivers it.
func datagram(port uint16) []byte {
	return []byte{0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 137, 0, 6, 192, 0, 2, 53, byte(port >> 8), byte(port), 20, 233, 0, 10, 0, 0, 'x', '\n'}
}

// BenchmarkTracker_accepted measures an accepted connection.
func BenchmarkTracker_accepted(b *testing.B) {
	t := firewall.NewTracker(func(*firewall.Verdict) { b.Error("a verdict") })
	before := firewall.Observation{Prefix: firewall.PrefixNew, In: "vif4.0", Out: "eth0"}
	after := before
	after.Prefix = firewall.PrefixPass
	data := datagram(0)
	b.ReportAllocs()
	for i := range b.N {
		data[20], data[21] = byte(i>>8), byte(i)
		before.Decode(data)
		after.Decode(data)
		t.Observe(&before, 0)
		t.Observe(&after, 0)
	}
}

// BenchmarkTracker_refused measures a client that tries all ports.
func BenchmarkTracker_refused(b *testing.B) {
	t := firewall.NewTracker(func(*firewall.Verdict) {})
	o := firewall.Observation{Prefix: firewall.PrefixNew, In: "vif4.0", Out: "eth0"}
	data := datagram(0)
	b.ReportAllocs()
	for i := range b.N {
		data[20], data[21] = byte(i>>8), byte(i)
		o.Decode(data)
		now := time.Duration(i) * 2 * time.Millisecond // 500 a second, as our rules log
		t.Observe(&o, now)
		if i%125 == 0 {
			t.Advance(now)
		}
	}
}
