package packetstore

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// interfaceOf returns what a segment says of its interface.
func interfaceOf(t *testing.T, path string) (i pcapng.Interface) {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	scan := pcapng.NewScanner(io.NewSectionReader(f, 0, pageSize), 0)
	for b := new(pcapng.Block); scan.Next(b) == nil; {
		if b.Type == pcapng.TypeInterface {
			check(t, b.Interface(&i))
		}
	}
	return i
}

// TestStore_SetRules seals what is open, applies the new limits to what comes then, and
// removes what is above the new bound.
func TestStore_SetRules(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) { c.Filter = "udp"; c.Segment.Bytes = 1 << 20 })
	w.add(7, 1, 20, 1000)
	done := make(chan error)
	go func() {
		done <- w.SetRules(t.Context(), &Rules{MaxBytes: 1 << 40, MinFree: 1, FlowLimit: 2000, Filter: "udp port 53"})
	}()
	<-w.wake
	w.turn(false)
	check(t, <-done)
	w.add(7, 1, 20, 1000)
	w.tick()
	if n := w.c.written[cutFlow].packets; n < 15 || w.c.written[whole].packets < 21 {
		t.Errorf("%d packets are cut, %d whole; want the limit of the new rules for the second half only", n, w.c.written[whole].packets)
	}
	sealed, _ := filepath.Glob(filepath.Join(dir, "work/*.pcapng"))
	open, _ := filepath.Glob(filepath.Join(dir, ".open-*"))
	if len(sealed) != 1 || len(open) != 1 {
		t.Fatalf("%d sealed and %d open segments; want one of each", len(sealed), len(open))
	}
	for path, want := range map[string]string{sealed[0]: "udp", open[0]: "udp port 53"} {
		if i := interfaceOf(t, path); i.Filter != want {
			t.Errorf("%s: filter %q; want %q", path, i.Filter, want)
		}
	}
	go func() { done <- w.SetRules(t.Context(), &Rules{MaxBytes: 1, FlowLimit: 2000}) }()
	<-w.wake
	w.turn(false)
	check(t, <-done)
	w.tick()
	if n := w.w.catalog.count; n != 0 || w.c.evictedSpace != 2 {
		t.Errorf("%d segments, %d were removed; want both to be removed for the new bound", n, w.c.evictedSpace)
	}
	w.stop()
	if err := w.SetRules(t.Context(), &Rules{}); err == nil {
		t.Error("SetRules of a store that is stopped = nil; want an error")
	}
}

// TestStore_rules_run changes rules and watches, and looks, while the meter adds and the
// writer runs. Its other half is the race detector.
func TestStore_rules_run(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), func(c *Config) {
		c.Now, c.FlowLimit, c.Flush, c.Segment.Bytes = time.Now, 5000, 5*time.Millisecond, 1<<20
	})
	stop := w.running()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			f := *info(7, uint64(i%20))
			w.Lift(&f, time.Now().Add(time.Duration(i%3)*time.Millisecond))
			watch := Watch{Addr: f.Destination, Until: time.Now().Add(time.Millisecond)}
			if i%2 == 0 {
				watch = Watch{CommunityID: communityID(&f), Until: watch.Until}
			}
			if err := w.Watch(watch); err != nil {
				t.Error(err)
			}
			if i%20 == 0 {
				if err := w.SetRules(t.Context(), &Rules{MaxBytes: 1 << 30, MinFree: 1, FlowLimit: int64(i) * 100, Filter: "udp"}); err != nil {
					t.Error(err)
				}
			}
			w.Live()
			w.Watches()
		}
	}()
	packets := map[uint32][]*Packet{}
	for i := range uint64(20) {
		packets[7], packets[8] = append(packets[7], w.packet(7, i, 500)), append(packets[8], w.packet(8, i+1000, 500))
	}
	w.added = 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			for _, iface := range []uint32{7, 8} {
				for _, p := range packets[iface] {
					p.At = time.Now().UnixNano()
					w.Add(p)
					w.added++
				}
			}
		}
	}
	stop()
	w.balance()
}
