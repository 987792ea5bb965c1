package packetstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// TestPressure holds that packets are cut before any is lost while the writer stands
// still, that the loss after that is exact, that one qube leaves room for another, and
// that the gap is in the file.
func TestPressure(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 1, 1496) // its name is known from here on
	w.tick()
	lostAt := uint64(0)
	for i := range uint64(40_000) {
		w.Add(w.packet(7, 1, 1496))
		if w.c.lostMemory.packets > 0 && lostAt == 0 {
			lostAt = i
		}
	}
	if !w.Pressure() || lostAt == 0 || w.c.waiting[cutPressure].packets < w.c.waiting[whole].packets {
		t.Errorf("pressure %v, first loss at %d, waiting %+v; want more cut than whole before the first loss", w.Pressure(), lostAt, w.c.waiting)
	}
	held := w.pool.share.Held(7)
	w.Add(w.packet(8, 2, 60))
	if w.c.lostMemory.packets != 40_000+1-lostAtCount(w) || held > 12 {
		t.Errorf("interface 7 holds %d of 16 chunks; the packet of another interface was lost", held)
	}
	w.balance()
	w.turn(false)
	w.balance()
	if w.Pressure() {
		t.Error("pressure goes on although all is written")
	}
	lost := w.c.lostMemory.packets
	w.add(7, 1, 5, 1496)
	w.tick()
	w.stop()
	drops := uint64(0)
	for _, p := range segments(t, dir) {
		for _, line := range lines(t, p, "-Y", "frame.drop_count", "-T", "fields", "-e", "frame.drop_count") {
			var n uint64
			_, err := fmt.Sscan(line, &n)
			check(t, err)
			drops += n
		}
	}
	if drops != lost || w.c.lostMemory.packets != lost {
		t.Errorf("the files speak of %d lost packets; want %d", drops, lost)
	}
	if n := rows(t, dir); n != w.c.written.sum().packets {
		t.Errorf("%d packets are in the files, %d are counted", n, w.c.written.sum().packets)
	}
}

// lostAtCount returns the packets of interface 7 that were stored.
func lostAtCount(w *world) uint64 { return w.c.waiting.sum().packets + w.c.written.sum().packets - 1 }

// TestTally holds that a chunk's account is of the packets in it, all of which are whole, and
// that it ends with a page: it is what is counted as written before the rest is.
func TestTally(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), nil)
	w.add(7, 1, 1, 508)
	for range 2000 {
		w.Add(w.packet(7, 1, 508))
	}
	sum := uint64(0)
	for i, j := range w.jobs {
		at, n := 0, uint64(0)
		if i == 0 {
			at = pageSize // is the head's
		}
		for at < j.chunk.n {
			if le.Uint32(j.chunk.buf[at:]) == pcapng.TypePacket {
				n++
			}
			at += int(le.Uint32(j.chunk.buf[at+4:]))
		}
		if have := j.chunk.tally.sum().packets; have != n || at != j.chunk.n || at%pageSize != 0 {
			t.Errorf("the chunk at %d counts %d packets and ends at %d, its blocks at %d; want %d", j.chunk.base, have, j.chunk.n, at, n)
		}
		sum += n
	}
	if sum < 1500 {
		t.Errorf("%d packets in %d chunks; want nearly 2000", sum, len(w.jobs))
	}
	w.stop()
}

// TestFlowLimit holds that of each flow the first bytes are stored whole, and headers
// after them, and that the counts agree.
func TestFlowLimit(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) {
		c.Limits = func(qube string) Limits { return map[string]Limits{"work": {FlowLimit: 16 << 10}}[qube] }
	})
	w.add(7, 1, 100, 1000)
	w.add(7, 2, 5, 1000)
	w.add(8, 3, 100, 1000)
	w.tick()
	w.stop()
	cut := w.c.written[cutFlow].packets
	if cut < 100-16*5/4-2 || cut > 100-16*3/4 {
		t.Errorf("%d packets are cut; want those behind 16 KiB ± 25 %%", cut)
	}
	res, _ := mustFind(t, dir, &Query{Keys: []uint64{info(7, 1).Key, info(7, 2).Key, info(8, 3).Key}})
	for _, f := range res.Flows {
		want := map[uint16]uint64{1: cut}[f.SourcePort]
		if f.Cut != want {
			t.Errorf("flow %d: %d packets are cut; want %d", f.SourcePort, f.Cut, want)
		}
	}
	if n := rows(t, dir); n != 205 {
		t.Errorf("%d packets; want 205", n)
	}
}

// TestExcluded holds that no byte of a qube that is left out reaches the disk, even if
// its name comes late, and that that it costs others nothing.
func TestExcluded(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.holders[7] = Holder{Vif: "vif7.0", Name: "anon", Excluded: true}
	w.add(7, 1, 3000, 1496)
	w.tick()
	w.turn(false)
	if n := w.c.waiting.sum(); n != (count{}) || w.pool.share.Used() > 0 || w.open > 0 {
		t.Errorf("%+v wait in %d chunks of %d segments; want nothing of what is left out", n, w.pool.share.Used(), w.open)
	}
	w.add(12, 2, 10, 1000) // not known yet
	w.tick()
	w.holders[12] = Holder{Vif: "vif12.0", Name: "whonix", Excluded: true}
	w.add(12, 2, 10, 1000)
	w.tick()
	w.add(8, 3, 5, 1000)
	w.holders[8] = Holder{Vif: "vif8.0", Name: "personal", Excluded: true} // reloaded
	w.tick()
	w.tick()
	if w.open > 0 {
		t.Errorf("%d segments are open; want none", w.open)
	}
	w.add(8, 3, 7, 1000)
	w.holders[8] = Holder{Vif: "vif8.0", Name: "personal"}
	w.tick()
	w.add(8, 3, 9, 1000)
	w.tick()
	w.stop()
	check(t, filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if b, err := os.ReadFile(path); err == nil && (bytes.Contains(b, []byte("marker-1 ")) || bytes.Contains(b, []byte("marker-2 "))) {
			t.Errorf("%s has packets of a qube that is left out", path)
		}
		return err
	}))
	if n := rows(t, dir); n != 14 || w.c.excluded.packets != 3000+20+7 {
		t.Errorf("%d packets are in the files and %d excluded; want 14 and 3027", n, w.c.excluded.packets)
	}
}

// TestName holds where packets go whose qube is known late, is never known, or changes.
func TestName(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(12, 1, 3, 100)
	w.add(13, 2, 3, 100)
	w.tick()
	if len(segments(t, dir)) != 0 {
		t.Error("packets of unknown clients are written at once")
	}
	w.holders[12] = Holder{Vif: "vif12.0", Name: "late"}
	for range 4 {
		w.tick()
	}
	w.add(13, 2, 2, 100)
	w.tick()
	w.holders[13] = Holder{Vif: "vif13.0", Name: "../../etc"}
	w.tick()
	w.add(13, 2, 4, 100)
	w.tick()
	w.holders[13] = Holder{Vif: "vif13.0", Name: "kept"}
	w.tick()
	w.add(13, 2, 5, 100)
	w.tick()
	w.stop()
	got := map[string]int{}
	for _, p := range segments(t, dir) {
		rel, _ := filepath.Rel(dir, filepath.Dir(p))
		got[rel] += len(lines(t, p))
	}
	want := map[string]int{"late": 3, "_vif13.0": 5, "%2E.%2F..%2Fetc": 4, "%6Bept": 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets by folder mismatch (-want +got):\n%s", diff)
	}
}

// TestSegment holds when a segment ends.
func TestSegment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reason string
		do           func(w *world)
	}{
		{"size", "size", func(w *world) { w.add(7, 1, 1000, 1496) }},
		{"age, without a packet", "age", func(w *world) { w.now = w.now.Add(time.Hour); w.tick() }},
		{"link type", "link type", func(w *world) { p := w.packet(7, 1, 100); p.LinkType = 101; w.Add(p) }},
		{"clock set back", "clock", func(w *world) { p := w.packet(7, 1, 100); p.At -= int64(2 * time.Minute); w.Add(p) }},
		{"clock to 1970", "clock", func(w *world) { p := w.packet(7, 1, 100); p.At = 0; w.Add(p) }},
		{"interface gone", "interface gone", func(w *world) { w.Gone(7) }},
		{"asked for", "asked for", func(w *world) {
			done := make(chan error)
			go func() { done <- w.Seal(context.Background(), "work") }()
			<-w.wake
			w.turn(false)
			check(w.tb, <-done)
		}},
	} {
		dir := fastDir(t)
		w := newWorld(t, dir, func(c *Config) { c.Segment.Bytes = 1 << 20 })
		w.add(7, 1, 1, 100)
		w.tick()
		tt.do(w)
		w.turn(false)
		chain, err := os.ReadFile(filepath.Join(dir, chainName))
		check(t, err)
		if !strings.Contains(string(chain), `"reason":"`+tt.reason+`"`) {
			t.Errorf("%s: the chain has %s", tt.name, chain)
		}
		w.stop()
		if n := rows(t, dir); n != w.added {
			t.Errorf("%s: %d packets; want %d", tt.name, n, w.added)
		}
	}
}

// TestFrames holds that odd frames are stored as they are.
func TestFrames(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	for _, n := range []int{0, 1, 42, 4096 - 36, 65_549, 65_549, 127 << 10} {
		p := w.packet(7, 1, max(n, 42))
		p.Data, p.Length = p.Data[:n], n
		w.Add(p)
		w.turn(true)
	}
	arp := w.packet(7, 1, 60)
	arp.Flow, arp.Account = nil, nil
	w.Add(arp)
	cut := w.packet(7, 1, 96)
	cut.Length = 1514
	w.Add(cut)
	w.tick()
	w.stop()
	got := lines(t, segments(t, dir)[0], "-T", "fields", "-e", "frame.cap_len", "-e", "frame.len")
	want := []string{"0\t0", "1\t1", "42\t42", "4060\t4060", "65549\t65549", "65549\t65549", "130048\t130048", "60\t60", "96\t1514"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lengths mismatch (-want +got):\n%s", diff)
	}
	res, _ := mustFind(t, dir, &Query{Keys: []uint64{info(7, 1).Key}})
	if len(res.Flows) != 1 || res.Flows[0].Packets != 8 {
		t.Errorf("flows = %+v; want one of 8 packets", res.Flows)
	}
}

// TestIdle holds that an interface without traffic keeps no chunk, makes no segments and
// writes nothing.
func TestIdle(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w, f := newFaulty(t, dir, nil, nil)
	for i := range uint32(200) {
		w.holders[i+7] = Holder{Vif: fmt.Sprintf("vif%d.0", i+7), Name: fmt.Sprintf("qube%d", i)}
		w.add(i+7, uint64(i), 1, 100)
		if i%8 == 0 {
			w.tick()
		}
	}
	w.tick()
	w.tick()
	if used := w.pool.share.Used(); used > 0 || w.open > maxOpen {
		t.Errorf("%d chunks are in use, %d segments open; want none, and %d at most", used, w.open, maxOpen)
	}
	for range 3600 {
		w.now = w.now.Add(time.Second)
	}
	w.tick()
	w.tick()
	f.mu.Lock()
	writes := 0
	f.fail = func(call, _ string) error {
		if call == "write" || call == "create" {
			writes++
		}
		return nil
	}
	f.mu.Unlock()
	for range 100 {
		w.now = w.now.Add(10 * time.Minute)
		w.tick()
	}
	if writes > 0 || len(w.streams) > 0 {
		t.Errorf("%d writes for nothing; %d streams are kept", writes, len(w.streams))
	}
	w.stop()
	if n := len(segments(t, dir)); n != 200 {
		t.Errorf("%d segments; want 200", n)
	}
}

// TestFlood holds that a flood of new flows makes few segments, and that what the notes
// have no room for is stored and found by reading.
func TestFlood(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	for i := range uint64(70_000) {
		w.add(7, i, 1, 60)
		w.marks = map[uint64]*Account{}
	}
	w.tick()
	w.stop()
	if n := len(segments(t, dir)); n != 1 || w.c.unindexed == 0 {
		t.Errorf("%d segments, %d packets are not indexed; want one segment", n, w.c.unindexed)
	}
	_, got := found(t, dir, &Query{Flows: []*FlowInfo{info(7, 69_999)}})
	if diff := cmp.Diff([]string{fmt.Sprintf("%d\t53", uint16(69_999%65536))}, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}
