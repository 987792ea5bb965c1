package behaviour_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// TestEngine_manyLive finds what comes at intervals in one of more live connections than a qube has
// series for, as those of a torrent client.
func TestEngine_manyLive(t *testing.T) {
	t.Parallel()
	const most, room = 6000, 2560 // connections, and series of a qube
	for _, tt := range []struct {
		name   string
		before int   // connections with a beat before
		from   int64 // when the beacon begins, since then
		live   int   // connections with beats at random meanwhile
		same   bool  // as before
	}{
		{"from the start", 0, 0, most, false},
		{"with others before it, which have come to an end", most, 600e9, 0, false},
		{"with others before it, one of which goes on", most, 600e9, 1, true},
		{"after the clock was set back", most, -hour, most, false},
	} {
		w, rng := newWorld(nil), rand.New(rand.NewPCG(9, 9))
		beat := func(to string, connection uint64, at int64) {
			o := contact("work", to, "", at)
			o.Kind, o.Connection, o.Up = behaviour.Beat, connection, 100
			w.Observe(o)
		}
		for c := range tt.before {
			beat("198.51.100.7:6881", uint64(c), start-int64(tt.before-c)*1e9)
		}
		first := uint64(most)
		if tt.same {
			first = most - room // the one that is next to go
		}
		for at := start + tt.from; at < start+tt.from+600e9; at += 10e9 {
			for range (tt.live + 2) / 3 {
				beat("198.51.100.7:6881", first+rng.Uint64N(uint64(tt.live)), at-rng.Int64N(10e9))
			}
			beat("203.0.113.66:443", 1<<40, at)
		}
		if !slices.ContainsFunc(w.findings, func(f behaviour.Finding) bool { return f.Rule == behaviour.Beacon && f.Addr.String() == "203.0.113.66" }) {
			t.Errorf("%s: found %v; want the beacon", tt.name, w.rules())
		}
		if s := w.Stats(); s.SeriesEvicted == 0 {
			t.Errorf("%s: Stats = %+v; want series without room", tt.name, s)
		}
	}
}
