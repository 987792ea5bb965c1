package packetstore

import (
	"io"
	"net/netip"
	"testing"
)

// TestFind_ends finds flows by one end, whichever it is, in sealed segments and in open ones,
// each packet once although its flow is asked for by its key, too.
func TestFind_ends(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	for id := range uint64(300) {
		w.add(7, id, 2, 100)
	}
	w.tick()
	client := info(7, 5)
	count := func(when string, want uint64, q *Query) {
		t.Helper()
		res, r := mustFind(t, dir, q)
		done, err := r.Copy(t.Context(), io.Discard, res, CopyOptions{})
		check(t, err)
		if done.Packets != want {
			t.Errorf("%s: %d packets; want %d", when, done.Packets, want)
		}
	}
	all := func(when string) {
		t.Helper()
		source := End{netip.AddrPortFrom(client.Source, client.SourcePort), 17}
		count(when+", source", 2, &Query{Ends: []End{source}})
		count(when+", destination", 600, &Query{Ends: []End{{netip.AddrPortFrom(client.Destination, 53), 17}}})
		count(when+", another protocol", 0, &Query{Ends: []End{{source.Addr, 6}}})
		count(when+", another qube", 0, &Query{Qube: "personal", Ends: []End{source}})
		count(when+", and its addresses", 2, &Query{Ends: []End{source}, Flows: []*FlowInfo{client}})
	}
	all("open")
	w.stop()
	all("sealed")
	count("sealed, and its key", 2, &Query{Keys: []uint64{client.Key}, Ends: []End{{netip.AddrPortFrom(client.Source, client.SourcePort), 17}}})
}
