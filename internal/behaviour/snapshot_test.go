package behaviour_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// TestEngine_restart finds the same if the engine is stopped and started again in between.
func TestEngine_restart(t *testing.T) {
	t.Parallel()
	run := func(restart int) []string {
		w := newWorld(nil)
		rng := rand.New(rand.NewPCG(1, 1))
		at := w.work("work", rng)
		for i := range int64(40) {
			if int(i) == restart {
				next := newWorld(nil)
				if err := next.Restore(w.Snapshot()); err != nil {
					t.Fatal(err)
				}
				next.findings = w.findings
				w = next
			}
			w.connect(contact("work", "203.0.113.66:443", "cdn.example", at+i*60e9+rng.Int64N(10e9)))
		}
		return w.rules()
	}
	want := run(-1)
	if len(want) != 2 {
		t.Fatalf("findings = %v; want two", want)
	}
	for i := 3; i < 40; i += 4 { // before the third contact there is no series yet
		if diff := cmp.Diff(want, run(i)); diff != "" {
			t.Errorf("a restart after %d beats changes the findings (-want +got):\n%s", i, diff)
		}
	}
}

// state returns the state of an engine with two qubes and some findings.
func state(key uint64) ([]byte, func() *world) {
	with := func() *world { return newWorld(func(c *behaviour.Config) { c.Key = [2]uint64{key, 7} }) }
	w := with()
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	for i := range int64(20) {
		o := contact("work", fmt.Sprintf("10.0.0.%d:22", i), "", at+i*1e9)
		o.Place = behaviour.LAN
		w.connect(o)
	}
	w.connect(contact("mail", "192.0.2.1:993", "mail.example", at))
	return w.Snapshot(), with
}

// TestEngine_Restore reads no state that is cut, changed, or made with another key.
func TestEngine_Restore(t *testing.T) {
	t.Parallel()
	text, with := state(1)
	w := with()
	if err := w.Restore(text); err != nil {
		t.Fatal(err)
	}
	if got := w.Snapshot(); !bytes.Equal(got, text) {
		if again := with(); again.Restore(got) != nil || len(got) != len(text) {
			t.Error("a state changes when it is read and written")
		}
	}
	whole := 0
	for n := range text {
		if err := with().Restore(text[:n]); err == nil {
			whole++ // the end of a part
		} else if !errors.Is(err, behaviour.ErrState) {
			t.Fatalf("Restore of %d bytes = %v", n, err)
		}
	}
	if whole > 3 {
		t.Errorf("%d beginnings of a state are taken for whole", whole)
	}
	for _, at := range []int{1, 6, 20, 60, len(text) / 2, len(text) - 1} {
		bad := bytes.Clone(text)
		bad[at] ^= 0x40
		if err := with().Restore(bad); !errors.Is(err, behaviour.ErrState) {
			t.Errorf("Restore with another byte %d = %v", at, err)
		}
	}
	_, other := state(2)
	if err := other().Restore(text); !errors.Is(err, behaviour.ErrState) {
		t.Errorf("Restore with another key = %v", err)
	}
	if bytes.Contains(text, []byte("site1.example")) {
		t.Error("the state has the name of a destination")
	}
}

// TestEngine_view shows, checks, dismisses and forgets.
func TestEngine_view(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	w.connect(contact("work", "203.0.113.66:443", "new.example", at))
	list := w.Profiles("")
	if len(list) != 1 || !list[0].Learned || list[0].Destinations != 11 || list[0].Days < 2 || list[0].Missing > 0.02 {
		t.Errorf("Profiles = %+v", list)
	}
	if u, ok := w.Check("work", "site1.example"); !ok || !u.Known || u.Uses < 10 {
		t.Errorf("Check = %+v, %v", u, ok)
	}
	if u, ok := w.Check("work", "new.example"); !ok || u.Known || u.Held {
		t.Errorf("Check of a new one = %+v, %v", u, ok)
	}
	if _, ok := w.Check("work", "other.example"); ok {
		t.Error("a destination that was not used is known")
	}
	if !w.Dismiss(&w.findings[0]) {
		t.Error("the finding cannot be dismissed")
	}
	if u, _ := w.Check("work", "new.example"); !u.Known || u.Held {
		t.Errorf("Check after it was dismissed = %+v", u)
	}
	if n := w.Forget("work"); n != 1 || len(w.Profiles("")) != 0 {
		t.Errorf("Forget = %d", n)
	}
}

// FuzzRestore reads anything, and goes on with what it has accepted.
func FuzzRestore(f *testing.F) {
	text, with := state(1)
	f.Add(text)
	f.Add(text[:12])
	f.Fuzz(func(t *testing.T, data []byte) {
		w := with()
		if w.Restore(data) != nil {
			return
		}
		for i := range int64(30) {
			w.connect(contact("work", "203.0.113.66:443", "cdn.example", start+i*60e9))
		}
		w.Snapshot()
	})
}
