package flow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// notices meters packets and returns what was noticed, as text.
func notices(t *testing.T, packets ...packet.Packet) (lines []string) {
	t.Helper()
	m := newMeter(t, func(c *flow.Config) {
		c.Notice = func(n *flow.Notice) {
			line := fmt.Sprintf("%v %s %v:%d>%v:%d", time.Duration(n.At-t0), [...]string{"", "opened", "answered", "beat"}[n.Kind], n.Source.Netip(n.Family),
				n.SourcePort, n.Destination.Netip(n.Family), n.DestinationPort)
			if n.Midstream {
				line += " midstream"
			}
			if n.Stealth {
				line += " stealth"
			}
			if n.Rejected {
				line += " rejected"
			}
			if n.Bytes > 0 {
				line += fmt.Sprintf(" %d bytes", n.Bytes)
			}
			lines = append(lines, line)
		}
	})
	m.meter(packets...)
	return lines
}

// data returns a segment with data.
func data(when time.Duration, src, dst string, n uint32) packet.Packet {
	p := tcp(when, src, dst, packet.ACK|packet.PSH)
	p.TransportLen = 20 + n
	return p
}

// TestTable_Notice notices the beginning, the first answer and beats, in the order of the
// packets.
func TestTable_Notice(t *testing.T) {
	t.Parallel()
	s := time.Second
	for _, tt := range []struct {
		name    string
		packets []packet.Packet
		want    []string
	}{
		{"connection", handshake(0, client, server), []string{"0s opened 10.137.0.6:40000>1.1.1.1:443", "1ms answered 10.137.0.6:40000>1.1.1.1:443"}},
		{"refused", []packet.Packet{tcp(0, client, server, packet.SYN), tcp(s, server, client, packet.RST|packet.ACK)},
			[]string{"0s opened 10.137.0.6:40000>1.1.1.1:443", "1s answered 10.137.0.6:40000>1.1.1.1:443 rejected"}},
		{"seen from the middle", []packet.Packet{tcp(0, client, server, packet.ACK), tcp(s, server, client, packet.ACK)},
			[]string{"0s opened 10.137.0.6:40000>1.1.1.1:443 midstream", "1s answered 10.137.0.6:40000>1.1.1.1:443 midstream"}},
		{"probes of a scanner", []packet.Packet{tcp(0, client, server, packet.FIN), tcp(0, client, "1.1.1.1:444", 0), tcp(0, client, "1.1.1.1:445", packet.FIN|packet.ACK)},
			[]string{"0s opened 10.137.0.6:40000>1.1.1.1:443 midstream stealth", "0s opened 10.137.0.6:40000>1.1.1.1:444 midstream stealth",
				"0s opened 10.137.0.6:40000>1.1.1.1:445 midstream"}},
		{"seen from the answer", []packet.Packet{tcp(0, server, client, packet.SYN|packet.ACK)},
			[]string{"0s opened 10.137.0.6:40000>1.1.1.1:443 midstream"}},
		{"beats", []packet.Packet{tcp(0, client, server, packet.SYN), data(5*s, client, server, 10), data(9*s, client, server, 30), data(9*s+s/10, client, server, 50),
			data(15*s, client, server, 7), tcp(18*s, client, server, packet.ACK), data(19*s, server, client, 99), data(20*s, client, server, 1)},
			[]string{"0s opened 10.137.0.6:40000>1.1.1.1:443", "15s beat 10.137.0.6:40000>1.1.1.1:443 120 bytes",
				"19s answered 10.137.0.6:40000>1.1.1.1:443 midstream", "20s beat 10.137.0.6:40000>1.1.1.1:443 27 bytes"}},
		{"beats seen from the middle", []packet.Packet{data(0, client, server, 10), data(9*s, client, server, 10), data(12*s, client, server, 10)},
			[]string{"0s opened 10.137.0.6:40000>1.1.1.1:443 midstream", "12s beat 10.137.0.6:40000>1.1.1.1:443 midstream 30 bytes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := notices(t, tt.packets...)
			if tt.name == "beats" {
				tt.want[2] = "19s answered 10.137.0.6:40000>1.1.1.1:443"
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("notices mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTable_Notice_reuse does not let a flow have the beats of another one whose place it
// takes.
func TestTable_Notice_reuse(t *testing.T) {
	t.Parallel()
	s := time.Second
	other := "10.137.0.6:40001"
	got := notices(t, tcp(0, client, server, packet.SYN), data(9*s, client, server, 10), tcp(10*s, client, server, packet.RST),
		tcp(60*s, other, server, packet.SYN), data(70*s, other, server, 10), data(72*s, other, server, 10))
	want := "1m12s beat 10.137.0.6:40001>1.1.1.1:443 30 bytes"
	if len(got) != 3 || got[2] != want {
		t.Errorf("notices = %q; want the last to be %q", got, want)
	}
}

// TestTable_Notice_gap holds where a beat begins: half a second after the latest data, whatever
// comes late, and wherever the ticks begin again.
func TestTable_Notice_gap(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, from := range []time.Duration{0, 26 * 24 * time.Hour} { // half of the ticks' time apart
		at := func(d time.Duration, n uint32) packet.Packet { return data(from+9*time.Second+d, client, server, n) }
		got := notices(t, tcp(from, client, server, packet.SYN), tcp(from+ms, server, client, packet.SYN|packet.ACK),
			at(0, 10), at(498*ms, 10), at(400*ms, 10), at(950*ms, 10), data(from+10*time.Second, server, client, 10),
			at(1450*ms, 20), at(2052*ms, 30), at(2053*ms, 40))
		want := []string{"0s opened", "1ms answered", "10.45s beat 120 bytes", "11.052s beat 40 bytes"}
		if len(got) != len(want) {
			t.Fatalf("from %v: notices = %q; want %q", from, got, want)
		}
		for i := range got {
			f := strings.Fields(got[i])
			d, err := time.ParseDuration(f[0])
			if f[0] = (d - from).String(); err != nil || strings.Join(slices.Delete(f, 2, 3), " ") != want[i] {
				t.Errorf("from %v: notice %d = %q; want %q", from, i, got[i], want[i])
			}
		}
	}
}

// TestTable_Notice_setBack notices beats after the clock was set back, from the second data on: how
// long there was none before is not known.
func TestTable_Notice_setBack(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, back := range []time.Duration{time.Minute, time.Hour, 20 * 24 * time.Hour} {
		at := func(d time.Duration) packet.Packet { return data(d, client, server, 10) }
		got := notices(t, tcp(0, client, server, packet.SYN), at(9*s), at(12*s), at(15*s-back), at(18*s-back), at(21*s-back))
		var beats []string
		for _, line := range got {
			if f := strings.Fields(line); f[1] == "beat" {
				beats = append(beats, f[0])
			}
		}
		if diff := cmp.Diff([]string{"12s", (18*s - back).String(), (21*s - back).String()}, beats); diff != "" {
			t.Errorf("back by %v: beats mismatch (-want +got):\n%s", back, diff)
		}
	}
}

// BenchmarkTable_Notice is what noticing costs: data in flows that are old enough to have
// beats, the most expensive case.
func BenchmarkTable_Notice(b *testing.B) {
	for _, flows := range []int{1000, 50_000} {
		for _, on := range []bool{false, true} {
			b.Run(fmt.Sprintf("flows=%d/notice=%v", flows, on), func(b *testing.B) {
				beats := 0
				cfg := flow.Config{IdleTimeout: time.Hour, MaxFlows: 1 << 20, Report: func(*flow.Record) {}}
				if on {
					cfg.Notice = func(*flow.Notice) { beats++ }
				}
				table, err := flow.New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				var batch [flow.BatchSize]packet.Packet
				ps := make([]packet.Packet, flows)
				for i := range ps {
					ps[i] = data(0, fmt.Sprintf("10.137.%d.%d:40000", i>>8, i&255), server, 100)
					table.Update(&ps[i])
				}
				b.ReportAllocs()
				at, i := t0+int64(10*time.Second), 0
				for b.Loop() {
					for k := range batch {
						i = (i + 7919) % flows
						at += 1000
						batch[k] = ps[i]
						batch[k].Time = at
					}
					table.UpdateBatch(batch[:])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flow.BatchSize, "ns/packet")
			})
		}
	}
}
