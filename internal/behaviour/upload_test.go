package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// send has work send so much to a host in a flow.
func (w *world) send(name string, up uint64, at int64) {
	w.connect(contact("work", "203.0.113.66:443", name, at))
	o := traffic("203.0.113.66:443", name, at+1e9)
	o.Up = up
	w.Observe(o)
}

// TestEngine_upload_parts finds an upload to a known host in many connections, each of which is usual.
func TestEngine_upload_parts(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon] = true })
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range int64(3 * 24) {
		w.send("smtp.example", 10_000_000+rng.Uint64N(10_000_000), start+i*hour)
	}
	at := start - start%hour + 5*day
	w.work("work", rng)
	w.findings = nil
	for i := range int64(600) {
		w.send("smtp.example", 700_000, at+i*3e9)
	}
	if !slices.Contains(w.rules(), "upload/hour high") {
		t.Errorf("found %v; want an upload of 420 MB at high", w.rules())
	}
	w.findings = nil
	w.send("smtp.example", 15_000_000, at+day+hour)
	if len(w.findings) > 0 {
		t.Errorf("found %v; want nothing in an hour as usual", w.rules())
	}
}

// TestEngine_upload_day finds 50 MB a day to a new host, in however many parts, also beside others that
// get more in an hour.
func TestEngine_upload_day(t *testing.T) {
	t.Parallel()
	for _, mb := range []uint64{3, 9, 15} {
		w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon], c.Off[behaviour.FirstSeen] = true, true })
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		at += day - at%day
		w.findings = nil
		for i := range int64(20) {
			for k := range int64(100) {
				w.send(fmt.Sprintf("other%d.example", k), 200_000, at+i*hour+k*30e9)
			}
			w.send("sync.example", mb<<20, at+i*hour+3500e9)
		}
		if !slices.Contains(w.rules(), "upload/day medium") {
			t.Errorf("%d MB an hour: found %v; want a day's at medium", mb, w.rules())
		}
	}
}

// TestEngine_upload_both is not a day's upload if as much came back.
func TestEngine_upload_both(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon], c.Off[behaviour.FirstSeen] = true, true })
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	at += day - at%day
	w.findings = nil
	for i := range int64(20) {
		w.connect(contact("work", "203.0.113.66:443", "call.example", at+i*hour))
		o := traffic("203.0.113.66:443", "call.example", at+i*hour+1e9)
		o.Up, o.Down = 9<<20, 8<<20
		if i == 19 {
			o.Down = 1 << 10 // the last one alone is one-sided
		}
		w.Observe(o)
	}
	for _, text := range w.rules() {
		if text == "upload/day medium" {
			t.Errorf("found %v; want no upload of a day", w.rules())
		}
	}
}

// TestEngine_upload_growing finds an upload to a known host that grows from hour to hour, at the latest
// when it is large.
func TestEngine_upload_growing(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon] = true })
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range int64(3 * 24) {
		w.send("code.example", 900_000, start+i*hour)
	}
	at := start - start%hour + 5*day
	w.work("work", rng)
	for i, mb := range []uint64{6, 45, 300} {
		w.findings = nil
		w.send("code.example", mb<<20, at+int64(i)*hour)
	}
	if !slices.Contains(w.rules(), "upload/hour high") {
		t.Errorf("found %v; want 300 MB at high", w.rules())
	}
}
