package topview_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// TestRates divides what has come by the beat's own clock, and gives no rate where it cannot.
func TestRates(t *testing.T) {
	t.Parallel()
	peer := func(out uint64) []topview.Peer {
		return []topview.Peer{{Address: "198.51.100.7", Port: 443, Transport: "tcp", Out: topview.Traffic{Bytes: out}}}
	}
	at := func(uptime time.Duration, out, in, peerOut uint64) *topview.Snapshot {
		return &topview.Snapshot{Uptime: uptime, Qubes: []topview.Qube{{Interface: "vif4.0", Out: topview.Traffic{Bytes: out},
			In: topview.Traffic{Bytes: in}, Peers: peer(peerOut)}}}
	}
	for _, tt := range []struct {
		name          string
		before, now   *topview.Snapshot
		seconds       float64
		out, in, peer float64
	}{
		{"half a second", at(10*time.Second, 1000, 50, 10), at(10500*time.Millisecond, 2000, 60, 20), 0.5, 2000, 20, 20},
		{"first", nil, at(time.Second, 1000, 50, 10), 0, 0, 0, 0},
		{"the beat was restarted", at(time.Hour, 1000, 50, 10), at(time.Second, 2000, 60, 20), 0, 0, 0, 0},
		{"counters that begin again", at(time.Second, 1000, 50, 10), at(2*time.Second, 10, 60, 1), 1, 0, 10, 0},
		{"a new interface", &topview.Snapshot{Uptime: time.Second}, at(2*time.Second, 1000, 50, 10), 1, 1000, 50, 0},
	} {
		topview.Rates(tt.before, tt.now)
		q := tt.now.Qubes[0]
		if tt.now.Seconds != tt.seconds || q.Out.Rate != tt.out || q.In.Rate != tt.in || q.Peers[0].Out.Rate != tt.peer {
			t.Errorf("%s: %v s, out %v, in %v, peer %v; want %v, %v, %v, %v", tt.name, tt.now.Seconds, q.Out.Rate, q.In.Rate, q.Peers[0].Out.Rate,
				tt.seconds, tt.out, tt.in, tt.peer)
		}
	}
}

// TestOrder_Sort sorts by each number from the highest down, by name from A, and keeps equal
// rows in the order of their names.
func TestOrder_Sort(t *testing.T) {
	t.Parallel()
	one, two := uint64(1), uint64(2)
	rows := func() []topview.Qube {
		return []topview.Qube{
			{Interface: "vif1.0", Name: "c", Out: topview.Traffic{Rate: 3}, Flows: 1, DNS: &topview.DNS{Queries: 9}, Findings: 1},
			{Interface: "vif2.0", Name: "a", In: topview.Traffic{Rate: 4}, Flows: 1, Refused: &one},
			{Interface: "vif3.0", Name: "b", Out: topview.Traffic{Rate: 1}, Flows: 2, DNS: &topview.DNS{Queries: 1, Blocked: 1}, Refused: &two},
		}
	}
	for order, want := range map[topview.Order]string{
		topview.ByRate: "acb", topview.ByOut: "cba", topview.ByIn: "abc", topview.ByFlows: "bac", topview.ByQueries: "cba",
		topview.ByBlocked: "bac", topview.ByRefused: "bac", topview.ByFindings: "cab", topview.ByName: "abc",
	} {
		qubes := rows()
		order.Sort(qubes, false)
		if got := qubes[0].Name + qubes[1].Name + qubes[2].Name; got != want {
			t.Errorf("by %v: %s; want %s", order, got, want)
		}
		order.Sort(qubes, true)
		if got := qubes[2].Name + qubes[1].Name + qubes[0].Name; got != want {
			t.Errorf("by %v, reversed: %s from the end; want %s", order, got, want)
		}
	}
}

// TestPeer_Title names a peer as well as it can.
func TestPeer_Title(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    topview.Peer
		want string
	}{
		{topview.Peer{Name: "www.example.org", Address: "198.51.100.7", Port: 443}, "www.example.org:443"},
		{topview.Peer{Name: "sys-net", Address: "10.137.0.5"}, "sys-net"},
		{topview.Peer{Address: "198.51.100.7", Port: 443}, "198.51.100.7:443"},
		{topview.Peer{Address: "2001:db8::7", Port: 443}, "[2001:db8::7]:443"},
		{topview.Peer{Address: "2001:db8::7"}, "2001:db8::7"},
	} {
		if got := tt.p.Title(); got != tt.want {
			t.Errorf("Title = %q; want %q", got, tt.want)
		}
	}
}
