package behaviour_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// since returns the rules, ways and levels of the findings at a level or above since a time.
func (w *world) since(at int64, level behaviour.Level) (list []string) {
	for i, text := range w.rules() {
		if f := &w.findings[i]; f.At >= at && f.Level >= level {
			list = append(list, text)
		}
	}
	return list
}

// poll has a qube poll a new destination every ten minutes for some days.
func (w *world) poll(qube string, at, days int64, rng *rand.Rand) {
	for end := at + days*day; at < end; at += 600e9 {
		w.connect(contact(qube, "203.0.113.66:443", "feeds.example", at+rng.Int64N(5e9)))
	}
}

// TestEngine_settle learns a new program that goes on a week after it was first found, and not
// before.
func TestEngine_settle(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(1, 1))
	at := w.work("work", rng)
	w.poll("work", at, 20, rng)
	if list := w.since(at+5*day, behaviour.Medium); len(list) < 1 {
		t.Errorf("found %v; want the poller in its first week", w.rules())
	}
	if list := w.since(at+9*day, behaviour.Low); len(list) > 0 {
		t.Errorf("found %v after nine days; want none", list)
	}
}

// TestEngine_settle_raised does not learn a destination for another week once it is found at a higher
// level.
func TestEngine_settle_raised(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon] = true })
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	for d, up := range []uint64{30 << 20, 30 << 20, 30 << 20, 30 << 20, 300 << 20} {
		w.Observe(contact("work", "203.0.113.66:443", "drop.example", at+int64(d)*day))
		o := traffic("203.0.113.66:443", "drop.example", at+int64(d)*day+1e9)
		o.Up = up
		w.Observe(o)
	}
	if u, _ := w.Check("work", "drop.example"); !u.Held {
		t.Errorf("%+v; want a destination that is held", u)
	}
	for _, tt := range []struct {
		days int64
		held bool
	}{{10, true}, {13, false}} {
		w.Observe(contact("work", "192.0.2.1:443", "site1.example", at+tt.days*day))
		if u, _ := w.Check("work", "drop.example"); u.Held != tt.held {
			t.Errorf("after %d days: %+v; want held %v", tt.days, u, tt.held)
		}
	}
}

// TestEngine_settle_learning takes what was found at medium while a qube was learned for usual.
func TestEngine_settle_learning(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Learn = baseline.Learning{Span: 7 * day, Days: 3, Uses: 50} })
	rng := rand.New(rand.NewPCG(1, 1))
	for d := range int64(20) {
		for i := range int64(24) {
			w.connect(contact("work", "192.0.2.1:443", "site1.example", start+d*day+i*hour/2+rng.Int64N(600e9)))
		}
		w.Observe(contact("work", "203.0.113.66:443", "backup.example", start+d*day+23*hour))
		o := traffic("203.0.113.66:443", "backup.example", start+d*day+23*hour+600e9)
		o.Up = 300 << 20
		w.Observe(o)
	}
	if list := w.since(start, behaviour.Medium); len(list) == 0 {
		t.Errorf("found %v; want the backup while it is learned", w.rules())
	}
	if list := w.since(start+7*day+hour, behaviour.Low); len(list) > 0 {
		t.Errorf("found %v after learning; want none", list)
	}
}

// TestEngine_settle_low learns what was found at low after a day.
func TestEngine_settle_low(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	w.connect(contact("work", "203.0.113.66:443", "new.example", at))
	if got := w.rules(); !slices.Equal(got, []string{"first-seen/destination low"}) {
		t.Fatalf("found %v", got)
	}
	if u, _ := w.Check("work", "new.example"); u.Held || u.Known {
		t.Errorf("%+v; want one that is new and not held", u)
	}
	w.connect(contact("work", "203.0.113.66:443", "new.example", at+25*hour))
	if u, _ := w.Check("work", "new.example"); !u.Known {
		t.Errorf("%+v a day later; want one that is known", u)
	}
}

// TestEngine_settle_first holds a neighbour from its first contact on.
func TestEngine_settle_first(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	o := contact("work", "10.137.0.9:22", "", at)
	o.Place = behaviour.Qube
	w.connect(o)
	if u, ok := w.Check("work", "10.137.0.9"); !ok || !u.Held {
		t.Errorf("Check = %+v, %v; want one that is held", u, ok)
	}
}

// TestEngine_slowBeacon finds a beacon that takes longer than a day for nine beats, though its
// destination is not new any more.
func TestEngine_slowBeacon(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(1, 1))
	at := w.work("work", rng)
	w.findings = nil
	for i := range int64(120) {
		w.connect(contact("work", "203.0.113.66:443", "cdn.example", at+i*4*hour+rng.Int64N(300e9)))
		w.connect(contact("work", "192.0.2.1:443", "site1.example", at+i*4*hour+hour+rng.Int64N(2*hour)))
	}
	n := 0
	for _, text := range w.rules() {
		if text == "beacon/connections medium" {
			n++
		}
	}
	if n < 3 || len(w.since(at+12*day, behaviour.Low)) > 0 {
		t.Errorf("found %v; want a beacon that is learned in the end", w.rules())
	}
}
