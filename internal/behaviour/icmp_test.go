package behaviour_test

import (
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// pings returns the end of a flow of echo requests of a size, and as many replies of another.
func pings(n int64, up, down uint64, at int64) *behaviour.Observation {
	o := traffic("203.0.113.66:0", "", at)
	o.Proto, o.Up, o.UpPackets, o.Down, o.DownPackets = 1, uint64(n)*up, uint64(n), uint64(n)*down, uint64(n)
	if down == 0 {
		o.DownPackets = 0
	}
	return o
}

// TestEngine_icmp finds echo requests that carry data, also if each is small or has an identifier of its
// own, and not what people send to see whether a host is there, or which size gets through.
func TestEngine_icmp(t *testing.T) {
	t.Parallel()
	flows := func(n int64, one func(i int64) *behaviour.Observation) func(w *world) {
		return func(w *world) {
			for i := range n {
				w.Observe(one(i))
			}
		}
	}
	once := func(o *behaviour.Observation) func(w *world) { return func(w *world) { w.Observe(o) } }
	shell := pings(600, 60, 60, start) // polls, and now and then what commands have to say
	shell.Up += 460
	varied := pings(100, 60, 60, start) // ping that changes its size, and replies that do
	varied.Up, varied.Down = varied.Up+510, varied.Down+510
	fewVaried := pings(29, 60, 60, start)
	fewVaried.Up, fewVaried.Down = fewVaried.Up+510, fewVaried.Down+510
	lost := pings(40, 1442, 1442, start)
	lost.Down, lost.DownPackets = lost.Down-2*1442, lost.DownPackets-2
	large := pings(40, 942, 942, start)
	large.Up, large.Down = large.Up+510, large.Down+510
	two := pings(40, 942, 942, start)
	two.Up += 30
	few := pings(29, 60, 60, start)
	few.Up += 46
	sizes := [...]uint64{1242, 1442, 1492, 1467, 1480, 1486, 1489, 1491}
	for _, tt := range []struct {
		name string
		play func(w *world)
		want string // "" for nothing
	}{
		{"a shell", once(shell), "icmp-tunnel/sizes medium"},
		{"ping of changing sizes", once(varied), "icmp-tunnel/sizes low"},
		{"few of changing sizes", once(fewVaried), ""},
		{"large ones of one size", once(pings(40, 1442, 1442, start)), "icmp-tunnel/payload low"},
		{"as many as an upload", once(pings(800, 1442, 1442, start)), "icmp-tunnel/payload medium"},
		{"the same, of which some were lost", once(lost), "icmp-tunnel/payload low"},
		{"large ones without replies", once(pings(40, 1442, 0, start)), "icmp-tunnel/payload medium"},
		{"large ones of two sizes, with replies of one", once(two), "icmp-tunnel/payload medium"},
		{"large ones of many sizes", once(large), "icmp-tunnel/payload medium"},
		{"few of several sizes", once(few), ""},
		{"ping", once(pings(600, 98, 98, start)), ""},
		{"ping without replies", once(pings(600, 98, 0, start)), ""},
		{"large ones of a loop", flows(40, func(i int64) *behaviour.Observation { return pings(1, 942, 942, start+i*5e9) }), "icmp-tunnel/payload low"},
		{"the same without replies", flows(40, func(i int64) *behaviour.Observation { return pings(1, 942, 0, start+i*5e9) }), "icmp-tunnel/payload medium"},
		{"the same, slowly", flows(40, func(i int64) *behaviour.Observation { return pings(1, 942, 942, start+i*40e9) }), ""},
		{"to several hosts", flows(40, func(i int64) *behaviour.Observation {
			o := pings(1, 942, 942, start+i*5e9)
			o.Addr = contact("", [...]string{"203.0.113.1:1", "203.0.113.2:1", "203.0.113.3:1", "203.0.113.4:1"}[i%4], "", 0).Addr
			return o
		}), ""},
		{"replies of a loop", flows(40, func(i int64) *behaviour.Observation { return pings(1, 60, uint64(60+i%2*80), start+i*5e9) }), "icmp-tunnel/replies medium"},
		{"sizes of a loop", flows(40, func(i int64) *behaviour.Observation { return pings(1, uint64(60+i%9*8), 0, start+i*5e9) }), "icmp-tunnel/sizes medium"},
		{"the same with replies of one size", flows(40, func(i int64) *behaviour.Observation { return pings(1, uint64(70+i%9), 74, start+i*5e9) }), "icmp-tunnel/sizes medium"},
		{"a loop with replies of the same sizes", flows(40, func(i int64) *behaviour.Observation {
			return pings(1, uint64(60+i%9*8), uint64(60+i%9*8), start+i*5e9)
		}), ""},
		{"monitors with a size each", flows(200, func(i int64) *behaviour.Observation {
			return pings(1, uint64(74+i%2*24), uint64(min(i%20, 1))*uint64(74+i%2*24), start+i*2e9)
		}), ""},
		{"sizes by hand", flows(12, func(i int64) *behaviour.Observation { return pings(3, uint64(60+i%2*40), 0, start+i*5e9) }), ""},
		{"records of what goes on", flows(40, func(i int64) *behaviour.Observation {
			o := pings(1, 942, 942, start+i*5e9)
			o.Final = false
			return o
		}), ""},
		{"a loop of ping", flows(200, func(i int64) *behaviour.Observation { return pings(1, 98, 98, start+i*2e9) }), ""},
		{"the size that gets through", flows(8, func(i int64) *behaviour.Observation { return pings(4, sizes[i], uint64(i%2)*sizes[i], start+i*20e9) }), ""},
	} {
		w := newWorld(nil)
		tt.play(w)
		rules := w.rules()
		if tt.want == "" && len(rules) > 0 || tt.want != "" && !slices.Contains(rules, tt.want) {
			t.Errorf("%s: found %v; want %q", tt.name, rules, tt.want)
		}
	}
}
