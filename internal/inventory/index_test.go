package inventory_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// clock returns the moment some minutes after the start of the tests' history.
func clock(minutes int) time.Time {
	return time.Date(2026, 11, 21, 12, minutes, 0, 0, time.UTC)
}

// snapshot returns a Snapshot of these qubes.
func snapshot(qubes ...qube.Qube) *inventory.Snapshot { return &inventory.Snapshot{Qubes: qubes} }

// client returns a running qube with an address 10.137.0.last.
func client(name string, last byte, xid int32) qube.Qube {
	return qube.Qube{Name: name, Label: "red", IP: netip.AddrFrom4([4]byte{10, 137, 0, last}), XID: xid}
}

// describe returns the name and the label of q, which distinguish versions of a qube.
func describe(q *qube.Qube) string {
	if q == nil {
		return "-"
	}

	return q.Name + " " + q.Label
}

// An indexStep is one update.
type indexStep struct {
	at    time.Time
	qubes []qube.Qube
}

// indexCases are histories of 10.137.0.6 and domain 4 with what a lookup gives at some minutes.
func indexCases() []struct {
	name   string
	steps  []indexStep
	addr   map[int]string
	domain map[int]string
} {
	var (
		work  = client("work", 6, 4)
		other = client("disp1", 6, 5)
		green = client("work", 6, 4)
		again = client("work", 6, 4)
	)
	green.Label = "green"
	work.UUID, again.UUID, again.Label = "2a0d7e73-f517-519e-9535-35d779a1a0be", "2d7147a1-e3bc-524d-80bb-7f557e1ce4ce", "black"

	return []struct {
		name   string
		steps  []indexStep
		addr   map[int]string
		domain map[int]string
	}{
		{
			name:   "the first holder has it since ever",
			steps:  []indexStep{{clock(10), []qube.Qube{work}}},
			addr:   map[int]string{-1000000: "work red", 10: "work red", 1000: "work red"},
			domain: map[int]string{-1000000: "work red", 1000: "work red"},
		},
		{
			name:   "vanished",
			steps:  []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), nil}},
			addr:   map[int]string{0: "work red", 19: "work red", 20: "-", 30: "-"},
			domain: map[int]string{19: "work red", 20: "-"},
		},
		{
			name:   "replaced in one update",
			steps:  []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), []qube.Qube{other}}},
			addr:   map[int]string{0: "work red", 19: "work red", 20: "disp1 red"},
			domain: map[int]string{19: "work red", 20: "-"},
		},
		{
			name:  "taken after a gap",
			steps: []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), nil}, {clock(30), []qube.Qube{other}}},
			addr:  map[int]string{19: "work red", 20: "disp1 red", 25: "disp1 red", 30: "disp1 red"},
		},
		{
			name:  "back after a gap",
			steps: []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), nil}, {clock(30), []qube.Qube{green}}},
			addr:  map[int]string{19: "work red", 20: "work green", 30: "work green"},
		},
		{
			name:   "another label",
			steps:  []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), []qube.Qube{green}}},
			addr:   map[int]string{0: "work red", 19: "work red", 20: "work green"},
			domain: map[int]string{19: "work red", 20: "work green"},
		},
		{
			name:  "recreated under its name",
			steps: []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), []qube.Qube{again}}},
			addr:  map[int]string{19: "work red", 20: "work black"},
		},
		{
			name:   "halted keeps the address",
			steps:  []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), []qube.Qube{client("work", 6, -1)}}},
			addr:   map[int]string{20: "work red"},
			domain: map[int]string{19: "work red", 20: "-"},
		},
		{
			name: "twice at the same time",
			steps: []indexStep{
				{clock(10), []qube.Qube{work}},
				{clock(20), []qube.Qube{other}},
				{clock(20), []qube.Qube{green}},
			},
			addr: map[int]string{19: "work red", 20: "work green"},
		},
		{
			name: "forgotten after two hours, and then not given to the next one",
			steps: []indexStep{
				{clock(10), []qube.Qube{work}},
				{clock(20), nil},
				{clock(141), nil},
				{clock(150), []qube.Qube{other}},
			},
			addr: map[int]string{10: "-", 19: "-", 20: "disp1 red", 150: "disp1 red"},
		},
		{
			name:  "remembered for two hours",
			steps: []indexStep{{clock(10), []qube.Qube{work}}, {clock(20), nil}, {clock(139), []qube.Qube{other}}},
			addr:  map[int]string{10: "work red", 20: "disp1 red"},
		},
		{
			name: "clock set back",
			steps: []indexStep{
				{clock(10), []qube.Qube{work}},
				{clock(500), []qube.Qube{green}},
				{clock(20), []qube.Qube{other}},
			},
			addr: map[int]string{19: "work red", 20: "disp1 red", 600: "disp1 red"},
		},
		{
			name: "clock set back to before all",
			steps: []indexStep{
				{clock(10), []qube.Qube{client("x", 7, 1)}},
				{clock(500), []qube.Qube{work}},
				{clock(510), nil},
				{clock(20), []qube.Qube{other}},
			},
			addr: map[int]string{19: "work red", 20: "disp1 red"},
		},
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()

	for _, tt := range indexCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			index := inventory.NewIndex(inventory.Config{})
			for _, step := range tt.steps {
				index.Update(snapshot(step.qubes...), step.at)
			}

			for minute, want := range tt.addr {
				if got := describe(index.ByAddr(addr("10.137.0.6"), clock(minute))); got != want {
					t.Errorf("ByAddr at %d = %s; want %s", minute, got, want)
				}
			}

			for minute, want := range tt.domain {
				if got := describe(index.ByDomain(4, clock(minute))); got != want {
					t.Errorf("ByDomain at %d = %s; want %s", minute, got, want)
				}
			}
			checkEpochs(t, index)
		})
	}
}

// checkEpochs fails the test if a lookup of a minute returns something else than of the one before, and Epoch does not.
func checkEpochs(t *testing.T, index *inventory.Index) {
	t.Helper()
	at := func(minute int) [2]*qube.Qube {
		return [2]*qube.Qube{index.ByAddr(addr("10.137.0.6"), clock(minute)), index.ByDomain(4, clock(minute))}
	}
	for minute := -10; minute < 120; minute++ {
		if at(minute) != at(minute+1) && index.Epoch(clock(minute)) == index.Epoch(clock(minute+1)) {
			t.Errorf("lookups of minutes %d and %d differ; their epoch is the same", minute, minute+1)
		}
	}
	before := index.Epoch(clock(120))
	index.Update(snapshot(client("more", 7, 8)), clock(121))
	if index.Epoch(clock(120)) == before {
		t.Error("the epoch after an update is the one before it")
	}
}

// TestIndex_intervals changes the label of one qube, and the holder of one address, more often than is remembered.
func TestIndex_intervals(t *testing.T) {
	t.Parallel()

	index := inventory.NewIndex(inventory.Config{})
	for i := range 12 {
		same := client("work", 6, 1)
		same.Label = fmt.Sprintf("l%d", i)
		index.Update(snapshot(same, client(fmt.Sprintf("disp%d", i), 7, -1)), clock(i))
	}

	// 8 of 12 are left, from 4 on. What was before has the right name where it was the same qube.
	for minute, want := range map[int]string{0: "work l4", 4: "work l4", 5: "work l5", 11: "work l11"} {
		if got := describe(index.ByAddr(addr("10.137.0.6"), clock(minute))); got != want {
			t.Errorf("ByAddr at %d = %s; want %s", minute, got, want)
		}
	}

	for minute, want := range map[int]string{0: "-", 3: "-", 4: "disp4 red", 11: "disp11 red"} {
		if got := describe(index.ByAddr(addr("10.137.0.7"), clock(minute))); got != want {
			t.Errorf("ByAddr at %d = %s; want %s", minute, got, want)
		}
	}
}

// TestIndex_extremes uses moments that have no number of nanoseconds.
func TestIndex_extremes(t *testing.T) {
	t.Parallel()

	index := inventory.NewIndex(inventory.Config{})
	index.Update(snapshot(client("work", 6, 4)), time.Time{})
	index.Update(snapshot(client("other", 6, 4)), clock(0))

	for at, want := range map[time.Time]string{
		{}:       "work red",
		clock(1): "other red",
		time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC): "other red",
	} {
		if got := describe(index.ByDomain(4, at)); got != want {
			t.Errorf("ByDomain at %v = %s; want %s", at, got, want)
		}
	}
}

func TestIndex_present(t *testing.T) {
	t.Parallel()

	index := inventory.NewIndex(inventory.Config{})
	steps := []struct {
		qubes      []qube.Qube
		generation uint64
		all        []string
	}{
		{nil, 1, nil},
		{[]qube.Qube{client("work", 6, 4), client("a", 7, 5)}, 2, []string{"a red", "work red"}},
		{[]qube.Qube{client("a", 7, 5), client("work", 6, 4)}, 2, []string{"a red", "work red"}},
		{[]qube.Qube{client("work", 6, 4)}, 3, []string{"work red"}},
	}
	for i, step := range steps {
		before := index.ByName("work")
		index.Update(snapshot(step.qubes...), clock(i))

		var all []string
		for _, q := range index.All() {
			all = append(all, describe(q))
		}

		if diff := cmp.Diff(step.all, all); diff != "" {
			t.Errorf("All mismatch (-want +got):\n%s", diff)
		}

		if got := index.Generation(); got != step.generation {
			t.Errorf("Generation = %d; want %d", got, step.generation)
		}

		if after := index.ByName("work"); before != nil && before != after {
			t.Errorf("ByName = another pointer; want the same for an unchanged qube")
		}
	}

	if got := index.ByName("a"); got != nil {
		t.Errorf("ByName of a vanished qube = %v; want nil", got)
	}
}

// TestIndex_owns changes a snapshot after it was handed over.
func TestIndex_owns(t *testing.T) {
	t.Parallel()

	q := client("work", 6, 4)
	q.Tags = []string{"a"}
	s := snapshot(q)
	index := new(inventory.Index)
	index.Update(s, clock(0))
	s.Qubes[0].Label, s.Qubes[0].Tags[0] = "green", "b"

	if got := index.ByName("work"); got.Label != "red" || got.Tags[0] != "a" {
		t.Errorf("ByName = %v; want what it was at the update", got)
	}

	if changes := index.Update(nil, clock(1)); len(changes) != 1 || len(index.All()) != 0 {
		t.Errorf("Update with nil = %v; want one qube vanished", changes)
	}
}

// TestIndex_allocations is not parallel, because AllocsPerRun refuses that.
func TestIndex_allocations(t *testing.T) {
	filled := inventory.NewIndex(inventory.Config{})
	filled.Update(snapshot(client("work", 6, 4)), clock(0))

	for name, index := range map[string]*inventory.Index{"nil": nil, "zero": {}, "filled": filled} {
		t.Run(name, func(t *testing.T) {
			var want *qube.Qube
			if name == "filled" {
				want = index.All()[0]
			}

			mapped, at := addr("::ffff:10.137.0.6"), clock(1)
			n := testing.AllocsPerRun(100, func() {
				if index.ByAddr(mapped, at) != want || index.ByDomain(4, at) != want || index.ByName("work") != want {
					t.Error("lookups disagree")
				}

				if index.ByAddr(netip.Addr{}, at) != nil || index.ByDomain(-1, at) != nil {
					t.Error("lookup of nothing != nil")
				}

				index.Generation()
			})
			if n != 0 {
				t.Errorf("lookups allocate %v times; want 0", n)
			}

			if got := len(index.All()); (got == 1) != (want != nil) {
				t.Errorf("All = %d qubes; want those of the index", got)
			}
		})
	}
}

// TestIndex_concurrent is for the race detector. Readers always see one of the two states.
func TestIndex_concurrent(t *testing.T) {
	t.Parallel()

	index := inventory.NewIndex(inventory.Config{})
	index.Update(snapshot(client("q0", 6, 4)), clock(0))

	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for range 1000 {
				if q := index.ByAddr(addr("10.137.0.6"), clock(100)); q == nil || q.XID != 4 {
					t.Errorf("ByAddr = %v; want a qube", q)
				}
			}
		})
	}

	for i := range 100 {
		index.Update(snapshot(client(fmt.Sprintf("q%d", i%2), 6, 4)), clock(i/2))
	}

	wait.Wait()
}

func BenchmarkIndex(b *testing.B) {
	var qubes []qube.Qube
	for i := range 200 {
		qubes = append(qubes, client(fmt.Sprintf("qube%d", i), byte(i), int32(i)))
	}

	index := inventory.NewIndex(inventory.Config{})
	for i := range 8 {
		for j := range qubes {
			qubes[j].Label = fmt.Sprintf("label%d", i)
		}

		index.Update(snapshot(qubes...), clock(i))
	}

	at := clock(60)
	for name, lookup := range map[string]func() *qube.Qube{
		"addr":        func() *qube.Qube { return index.ByAddr(qubes[77].IP, at) },
		"addr oldest": func() *qube.Qube { return index.ByAddr(qubes[77].IP, clock(0)) },
		"domain":      func() *qube.Qube { return index.ByDomain(77, at) },
		"name":        func() *qube.Qube { return index.ByName("qube77") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()

			for b.Loop() {
				if lookup() == nil {
					b.Fatal("lookup = nil")
				}
			}
		})
	}
}
