package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// idle is after how long without a packet a flow ends, and its connection goes on with
// another one.
const idle = int64(30e9)

// bursts has a qube send bursts within one connection, gap after gap, and returns when the
// last one was. A flow that was idle ends.
func (w *world) bursts(o *behaviour.Observation, n int, gap func() int64) (end int64) {
	one := *o
	one.Connection, one.Kind = 77, behaviour.Opened
	w.connect(&one)
	for range n {
		g := gap()
		one.At += g
		one.Kind, one.Midstream, one.Up = behaviour.Beat, false, 300
		if g > idle {
			one.Kind, one.Midstream, one.Up = behaviour.Opened, true, 0
		}
		w.Observe(&one)
	}
	return one.At
}

// TestEngine_burst finds what comes at intervals in one connection, also if it is quiet for
// longer than a flow lives now and then, and nothing in what comes by chance.
func TestEngine_burst(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 1))
	uniform := func(period, jitter float64) func() int64 {
		return func() int64 { return int64(1e9 * period * (1 + jitter*(2*rng.Float64()-1))) }
	}
	for _, tt := range []struct {
		name string
		gap  func() int64
		want bool
	}{
		{"5 s", uniform(5, 0.1), true},
		{"30 s, around the idle timeout", uniform(30, 0.3), true},
		{"60 s", uniform(60, 0.2), true},
		{"chance", func() int64 { return int64(20e9 * rng.ExpFloat64()) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(nil)
			w.bursts(contact("work", "203.0.113.66:443", "", start), 40, tt.gap)
			found := len(w.findings) > 0 && w.findings[0].Rule == behaviour.Beacon
			if found != tt.want {
				t.Errorf("found %v; want a beacon: %v", w.rules(), tt.want)
			}
			if tt.want && w.findings[0].Beats > 20 {
				t.Errorf("found after %d bursts; want 20", w.findings[0].Beats)
			}
		})
	}
}

// TestEngine_keepalive finds the messages of one size among others that come by chance, in a
// connection with an unusual port; in one with a usual port they are what every chat does.
func TestEngine_keepalive(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		to   string
		want []string
	}{{"203.0.113.66:4041", []string{"beacon/connection medium"}}, {"203.0.113.66:443", nil}} {
		w := newWorld(nil)
		rng := rand.New(rand.NewPCG(7, 2))
		o := contact("work", tt.to, "", start)
		o.Connection, o.Unresolved = 77, false
		w.connect(o)
		size := uint64(0) // of the burst before
		o.Kind = behaviour.Beat
		send := func(at int64, bytes uint64) {
			o.At, o.Up = at, size
			w.Observe(o)
			size = bytes
		}
		for i := range int64(60) {
			send(start+10e9+i*20e9, 94)
			for at, n := start+10e9+i*20e9, rng.IntN(4); n > 0; n-- {
				at += 1e9 + rng.Int64N(5e9)
				send(at, 200+rng.Uint64N(1000))
			}
		}
		if diff := cmp.Diff(tt.want, w.rules()); diff != "" {
			t.Errorf("%s: findings mismatch (-want +got):\n%s", tt.to, diff)
		}
		if tt.want != nil && (w.findings[0].Period < 19e9 || w.findings[0].Period > 21e9) {
			t.Errorf("period = %d; want 20 s", w.findings[0].Period)
		}
	}
}

// TestEngine_comb finds messages of any size at intervals among others, where a connection is
// seldom kept alive.
func TestEngine_comb(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{"203.0.113.66:4041": "beacon/connection medium", "203.0.113.66:443": ""} {
		w := newWorld(nil)
		rng := rand.New(rand.NewPCG(7, 3))
		gap := int64(0)
		w.bursts(contact("work", to, "", start), 60, func() int64 {
			if gap > 0 {
				gap = 13500e6 - gap
				left := gap
				gap = 0
				return left
			}
			if rng.IntN(2) == 0 {
				gap = 1e9 + rng.Int64N(11e9)
				return gap
			}
			return 13500e6
		})
		if got := strings.Join(w.rules(), ", "); got != want {
			t.Errorf("%s: found %q; want %q", to, got, want)
		}
		if want != "" && (w.findings[0].Period < 13e9 || w.findings[0].Period > 14e9) {
			t.Errorf("period = %d; want 13.5 s", w.findings[0].Period)
		}
	}
}

// TestEngine_last judges what a client did last before it fell silent: its flows end
// without an answer.
func TestEngine_last(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	var flows []*behaviour.Observation
	for i := range 12 {
		o := contact("work", "198.51.100."+string(rune('1'+i%9))+":"+[]string{"22", "23"}[i/9], "", start+int64(i)*1e8)
		w.Observe(o)
		flows = append(flows, o)
	}
	if len(w.findings) > 0 {
		t.Fatalf("found %v before anything could fail", w.rules())
	}
	for _, o := range flows {
		o.Kind, o.Final, o.Up, o.UpPackets = behaviour.Traffic, true, 60, 1
		w.Observe(o)
	}
	if diff := cmp.Diff([]string{"scan/hosts medium", "scan/walk medium"}, w.rules()); diff != "" {
		t.Errorf("findings mismatch (-want +got):\n%s", diff)
	}
}

// TestEngine_stealth finds the probes of a scanner that no connection begins with.
func TestEngine_stealth(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for i, port := range []string{"22", "23", "80"} {
		o := contact("work", "198.51.100.1:"+port, "", start+int64(i)*8e9)
		o.Midstream, o.Stealth = true, true
		w.Observe(o)
	}
	if len(w.findings) != 1 || w.findings[0].Way != "stealth" || !strings.Contains(w.findings[0].Reason, "belong to no connection to 3 ports within 16 s") {
		t.Errorf("found %v", w.findings)
	}
}

// TestEngine_neighbours finds a qube that looks for neighbours, for which its netvm answers, and a host of a
// network that looks for those that are not there. It lets those be who find theirs, or look for their gateway.
func TestEngine_neighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for i := range 40 {
		at := start + int64(i)*1e9
		for _, name := range []string{"work", "home", "silent", "router"} {
			o := contact(name, fmt.Sprintf("10.137.0.%d:0", i+1), "", at)
			o.Kind, o.Proto, o.Place = behaviour.Sought, 0, behaviour.World
			switch name {
			case "work":
				o.Place = behaviour.LAN
			case "silent":
				o.Place = behaviour.Nowhere
			}
			w.Observe(o)
			if name != "router" {
				o.Kind, o.At = behaviour.Located, at+1e6
				w.Observe(o)
			}
		}
	}
	var reasons []string
	for _, f := range w.findings {
		reasons = append(reasons, f.Way+" "+f.Reason)
	}
	if diff := cmp.Diff([]string{"neighbours work looks for neighbours: 16 within 15 s, 10.137.0.16 among them",
		"neighbours router looks for neighbours that do not answer: 16 within 21 s, 10.137.0.16 among them"}, reasons); diff != "" {
		t.Errorf("findings mismatch (-want +got):\n%s", diff)
	}
}
