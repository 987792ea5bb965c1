package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// TestEngine_ordinary makes less of what looks odd and has an ordinary reason. The same without
// the reason is in each second line.
func TestEngine_ordinary(t *testing.T) {
	t.Parallel()
	beacon := func(w *world, to string, proto uint8, unresolved bool) {
		for i := range int64(40) {
			o := contact("work", to, "", start+i*60e9)
			o.Proto, o.Unresolved = proto, unresolved
			w.connect(o)
		}
	}
	bursts := func(w *world, begun bool) {
		for i := range int64(40) {
			o := contact("work", "203.0.113.66:443", "", start+i*30e9)
			o.Kind, o.Unresolved, o.Connection, o.Midstream, o.Up = behaviour.Beat, true, 7, true, 100
			if i == 0 && begun {
				o.Kind, o.Midstream = behaviour.Opened, false
			}
			w.Observe(o)
		}
	}
	hosts := func(w *world, connects bool) {
		rng := rand.New(rand.NewPCG(3, 3))
		for i := range int64(60) {
			at := start + i*5e9
			q := &names.Query{At: at, Name: randomText(rng, "qxzjkvwpfhbcdg57", 26) + ".cdn.example", Domain: "cdn.example", Suffix: true, Type: 1, Bytes: 80}
			w.Observe(&behaviour.Observation{At: at, Kind: behaviour.Asked, Subject: "work", Name: q.Name, Domain: q.Domain, Query: q})
			if o := contact("work", "198.51.100.7:443", q.Name, at+1e8); connects {
				o.Domain = q.Domain
				w.connect(o)
			}
		}
	}
	refused := func(w *world, name string) {
		for i := range int64(12) {
			o := contact("work", fmt.Sprintf("203.0.%d.7:%d", i, 1000+i), "", start+i*1e9)
			if name != "" {
				o.Name = fmt.Sprintf("host%d.%s%d.example", i, name, i)
				o.Domain = fmt.Sprintf("%s%d.example", name, i)
			}
			w.Observe(o)
			answer := *o
			answer.Kind, answer.Rejected = behaviour.Answered, true
			w.Observe(&answer)
		}
	}
	echo := func(w *world, up, down uint64) {
		o := traffic("203.0.113.66:0", "", start)
		o.Proto, o.Up, o.UpPackets, o.Down, o.DownPackets = 1, 30*up, 30, 30*down, 30
		w.Observe(o)
	}
	for _, tt := range []struct {
		name string
		play func(w *world)
		want string // "" for nothing
	}{
		{"a tunnel whose server has no name", func(w *world) { beacon(w, "203.0.113.66:51820", 17, true) }, "beacon/connections low"},
		{"a server without a name", func(w *world) { beacon(w, "203.0.113.66:443", 17, true) }, "beacon/connections medium"},
		{"a port of a neighbour", func(w *world) { beacon(w, "192.168.1.9:502", 6, false) }, "beacon/connections low"},
		{"a port of a server", func(w *world) { beacon(w, "203.0.113.66:502", 6, false) }, "beacon/connections medium"},
		{"a connection from before, whose address may have been resolved", func(w *world) { bursts(w, false) }, "beacon/connection low"},
		{"one that has begun without a name", func(w *world) { bursts(w, true) }, "beacon/connection medium"},
		{"hosts with long names", func(w *world) { hosts(w, true) }, "dns-tunnel/volume low"},
		{"names of no hosts", func(w *world) { hosts(w, false) }, "dns-tunnel/volume high"},
		{"servers with names that are down", func(w *world) { refused(w, "site") }, "scan/walk low"},
		{"addresses that are down", func(w *world) { refused(w, "") }, "scan/walk medium"},
		{"padded echo requests", func(w *world) { echo(w, 50, 60) }, ""},
		{"replies that differ", func(w *world) { echo(w, 69, 60) }, "icmp-tunnel/replies medium"},
	} {
		w := newWorld(nil)
		tt.play(w)
		rules := w.rules()
		if tt.want == "" && len(rules) > 0 || tt.want != "" && !slices.Contains(rules, tt.want) {
			t.Errorf("%s: found %v; want %q", tt.name, rules, tt.want)
		}
	}
}
