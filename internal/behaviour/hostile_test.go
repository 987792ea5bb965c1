package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/testbed/racing"
)

// hostile are what another qube does at the time of each observation of work.
var hostile = map[string]func(rng *rand.Rand, at int64) *behaviour.Observation{
	"any of 2^32 addresses": func(rng *rand.Rand, at int64) *behaviour.Observation {
		o := contact("flood", "192.0.2.1:1", "", at)
		n := rng.Uint32()
		o.Addr, o.Port = netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), uint16(rng.Uint32())
		o.Kind, o.Place = behaviour.Kind(1+rng.IntN(4)), behaviour.Place(rng.IntN(5))
		o.Connection, o.Flow = rng.Uint64(), rng.Uint64()
		o.Final, o.Up, o.Down, o.UpPackets, o.DownPackets = true, rng.Uint64N(1<<32), rng.Uint64N(1<<32), 9, 9
		return o
	},
	"names of 255 bytes": func(rng *rand.Rand, at int64) *behaviour.Observation {
		domain := randomText(rng, "abcdefghijklmnopqrstuvwxyz0123456789", 50) + ".example"
		name := strings.Join([]string{randomText(rng, "abcdef0123456789", 63), randomText(rng, "abcdef0123456789", 63), randomText(rng, "abcdef0123456789", 63), domain}, ".")
		o := asked((name + name)[:255], domain, at)
		o.Subject = "flood"
		o.Query.Response, o.Query.NXDomain, o.Query.Type = rng.IntN(2) == 0, rng.IntN(2) == 0, uint16(rng.IntN(300))
		return o
	},
	"a clock that jumps": func(rng *rand.Rand, at int64) *behaviour.Observation {
		o := contact("flood", fmt.Sprintf("192.0.2.%d:443", rng.IntN(4)), "", at+rng.Int64N(8e17)-4e17) // 12 years each way
		o.Kind = behaviour.Kind(1 + rng.IntN(2))
		return o
	},
}

// ofWork plays all scenes in one engine, and returns what is found of work and how much memory the
// engine takes.
func ofWork(t *testing.T, also func(at int64, observe func(*behaviour.Observation))) (found []string, bytes int) {
	t.Helper()
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	w := newWorld(nil)
	w.also = also
	w.work("other", rand.New(rand.NewPCG(2, 2)))
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	for _, s := range scenes {
		at += day
		s.play(w, at)
	}
	for i := range w.findings {
		if f := &w.findings[i]; f.Subject == "work" {
			found = append(found, w.rules()[i]+" "+f.Reason)
		}
	}
	w.findings = nil
	bytes = heap() - before
	runtime.KeepAlive(w)
	return found, bytes
}

// TestEngine_hostile finds the same of a qube whatever another one does, and takes no more memory
// than its bounds.
func TestEngine_hostile(t *testing.T) { // not parallel: it measures the heap
	want, _ := ofWork(t, nil)
	if len(want) < len(scenes)/2 {
		t.Fatalf("%d findings of %d scenes: too few to compare", len(want), len(scenes))
	}
	each, sent := racing.Some(100), 0
	for name, one := range hostile {
		rng := rand.New(rand.NewPCG(3, 3))
		sent = 0
		got, bytes := ofWork(t, func(at int64, observe func(*behaviour.Observation)) {
			for range each {
				observe(one(rng, at))
			}
			sent += each
		})
		t.Logf("%s: %d observations, %d KiB", name, sent, bytes>>10)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s of another qube change what is found (-want +got):\n%s", name, diff)
		}
		if bytes > 12<<20 {
			t.Errorf("%s: %d KiB; want at most 12 MiB", name, bytes>>10)
		}
	}
}

// TestEngine_clock knows a qube after its clock was years ahead for a moment, and years behind.
func TestEngine_clock(t *testing.T) {
	t.Parallel()
	for _, by := range []int64{3650 * day, -3650 * day} {
		w := newWorld(nil)
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		w.connect(contact("work", "192.0.2.1:443", "site1.example", at+by))
		w.findings = nil
		for i := range 10 {
			w.connect(contact("work", "192.0.2.1:443", fmt.Sprintf("site%d.example", i), at+2*day+int64(i)*1e9))
		}
		w.connect(contact("work", "203.0.113.66:443", "new.example", at+2*day+60e9))
		if len(w.findings) != 1 || w.findings[0].Rule != behaviour.FirstSeen || w.findings[0].Domain != "new.example" {
			t.Errorf("after %d days: found %v; want a first contact with new.example, and nothing about what was known", by/day, w.findings)
		}
	}
}

// TestEngine_reverse reads what has happened backwards, and then goes on.
func TestEngine_reverse(t *testing.T) {
	t.Parallel()
	var all []behaviour.Observation
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	first := newWorld(nil)
	first.keep = &all
	for _, s := range scenes {
		at += day
		s.play(first, at)
	}
	slices.Reverse(all)
	w.findings = nil
	for i := range all {
		w.Observe(&all[i])
	}
	if n := len(w.findings); n > 20*int(behaviour.Rules) {
		t.Errorf("%d findings in what is read backwards", n)
	}
	w.findings = nil
	o := contact("work", "10.137.0.99:22", "", at+day)
	o.Place = behaviour.Qube
	w.Observe(o)
	if !slices.Contains(w.rules(), "lateral/to-qube high") {
		t.Errorf("found %v afterwards; want contact with another qube", w.rules())
	}
}

// TestEngine_forget forgets what was not used for long, also of a beat that never runs for a day.
func TestEngine_forget(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	w.connect(contact("work", "192.0.2.1:443", "old.example", start))
	for d := range int64(100) {
		w.connect(contact("work", "192.0.2.2:443", "usual.example", start+d*day+hour))
		state := w.Snapshot()
		w.Engine = newWorld(nil).Engine
		if err := w.Restore(state); err != nil {
			t.Fatal(err)
		}
		if _, used := w.Check("work", "old.example"); used != (d < 90) {
			t.Fatalf("after %d days: old.example is known: %v", d, used)
		}
	}
	if _, used := w.Check("work", "usual.example"); !used {
		t.Error("what is used each day is forgotten")
	}
}
