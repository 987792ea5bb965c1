package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// usually are the settings that apply if none are set.
func usually(c *behaviour.Config) { c.Learn = behaviour.Defaults().Learn }

// tunnel has a qube keep one connection of datagrams for some days, of which there is a record every
// half hour.
func (w *world) tunnel(qube, to string, at int64, hours int64) {
	o := contact(qube, to, "", at)
	o.Proto, o.Connection = 17, uint64(at)
	w.Observe(o)
	for i := range 2 * hours {
		r := *o
		r.Kind, r.Final, r.At, r.Duration = behaviour.Traffic, true, at+(i+1)*hour/2, (i+1)*hour/2
		r.Up, r.Down, r.UpPackets, r.DownPackets = 50_000, 90_000, 90, 90
		w.Observe(&r)
	}
}

// TestEngine_learned_long learns a qube that has one connection for weeks, and finds what it does beside it.
func TestEngine_learned_long(t *testing.T) {
	t.Parallel()
	w := newWorld(usually)
	w.tunnel("sys-vpn", "203.0.113.9:51820", start, 15*24)
	p := w.Profiles("sys-vpn")[0]
	if !p.Learned || p.Days < 15 || p.Observations < 200 {
		t.Fatalf("%+v; want a qube that is learned", p)
	}
	if u, ok := w.Check("sys-vpn", "203.0.113.9"); !ok || u.Uses < 200 || u.Last < start+14*day {
		t.Errorf("Check = %+v", u)
	}
	w.findings = nil
	w.connect(contact("sys-vpn", "198.51.100.7:443", "", start+15*day+2*hour))
	if !slices.Contains(w.rules(), "first-seen/destination low") {
		t.Errorf("found %v; want a new destination", w.rules())
	}
}

// TestEngine_learned_pool has the servers of a VPN that uses another one each day at low, and no first
// contacts.
func TestEngine_learned_pool(t *testing.T) {
	t.Parallel()
	w := newWorld(usually)
	rng := rand.New(rand.NewPCG(3, 3))
	for d := range int64(30) {
		to, at := fmt.Sprintf("203.0.%d.9:51820", d), start+d*day
		o := contact("sys-vpn", to, "", at)
		o.Proto, o.Connection, o.Kind = 17, uint64(at), behaviour.Beat
		w.tunnel("sys-vpn", to, at, 15)
		for i := range int64(300) { // keepalives
			o.At, o.Up = at+i*25e9+rng.Int64N(3e9), 32
			w.Observe(o)
		}
	}
	if list := w.since(start, behaviour.Medium); len(list) > 0 {
		t.Errorf("found %v; want none at medium", list)
	}
	for _, text := range w.rules() {
		if strings.HasPrefix(text, "first-seen") {
			t.Errorf("found %v; want no first contact of a qube that makes one each day", w.rules())
			break
		}
	}
	if !slices.Contains(w.rules(), "beacon/connection low") {
		t.Errorf("found %v; want the keepalives", w.rules())
	}
}

// TestEngine_learned_quiet learns a qube that is used every other day for half an hour.
func TestEngine_learned_quiet(t *testing.T) {
	t.Parallel()
	w := newWorld(usually)
	for d := range int64(15) {
		for i := range int64(4) {
			for _, name := range []string{"bank.example", "tan.example"} {
				w.connect(contact("bank", "192.0.2.1:443", name, start+2*d*day+i*300e9))
			}
		}
	}
	p := w.Profiles("bank")[0]
	if !p.Learned || p.Observations > 100 {
		t.Fatalf("%+v; want a qube that is learned with few uses", p)
	}
	w.connect(contact("bank", "203.0.113.66:443", "paypa1.example", start+30*day))
	if !slices.Contains(w.rules(), "first-seen/destination low") {
		t.Errorf("found %v; want a new destination", w.rules())
	}
}

// TestEngine_learned_peers does not take a new destination for a sign in a qube that has nothing else: peer to peer.
func TestEngine_learned_peers(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(7, 7))
	at := start
	var last int64
	for i := range 1500 {
		at += int64(rng.ExpFloat64() * 300e9)
		o := contact("node", fmt.Sprintf("%d.%d.%d.7:8333", 60+rng.IntN(60), rng.IntN(250), rng.IntN(250)), "", at)
		o.Unresolved, o.Connection = true, uint64(i+1)
		w.connect(o)
		for k := range int64(3) { // again, in the next hours
			again := *o
			again.At += (k + 1) * 1300e9
			w.connect(&again)
		}
		if i%3 == 0 {
			r := *o
			r.Kind, r.Final, r.At, r.Duration, r.Up, r.Down = behaviour.Traffic, true, at+1e9, 5*hour, 9000, 9000
			w.Observe(&r)
		}
		last = at
	}
	for i := range int64(30) { // a peer that is tried again and again
		o := contact("node", "203.0.113.66:8333", "", last+2*hour+i*61e9)
		o.Unresolved = true
		w.connect(o)
	}
	if list := w.since(start+day, behaviour.Medium); len(list) > 0 {
		t.Errorf("found %d at medium or above, such as %v; want none", len(list), list[0])
	}
	long := map[int64]int{}
	for i := range w.findings {
		if f := &w.findings[i]; f.Rule == behaviour.LongConnection && f.At >= start+day {
			long[f.At/day]++
		}
	}
	for d, n := range long {
		if n > 5 {
			t.Errorf("%d long connections on day %d; want a few", n, d)
		}
	}
	if len(long) == 0 || !slices.ContainsFunc(w.findings, func(f behaviour.Finding) bool { return f.Rule == behaviour.Beacon }) {
		t.Errorf("found no long connection, or no beacon: %v", w.rules())
	}
}

// TestEngine_lateral_directory lowers what goes from the members of a domain to the host that answers their
// queries: its controller. Who enters it by another service, or another host by the same, does not profit.
func TestEngine_lateral_directory(t *testing.T) {
	t.Parallel()
	servers := []struct {
		addr  string
		place behaviour.Place
	}{{"10.1.0.2", behaviour.Nowhere}, {"9.9.9.9", behaviour.World}, {"1.1.1.1", behaviour.World}}
	for _, tt := range []struct {
		to    string
		place behaviour.Place
		want  string
	}{
		{"10.1.0.2:445", behaviour.LAN, "lateral/to-lan low"},
		{"10.1.0.2:135", behaviour.LAN, "lateral/to-lan low"},
		{"10.1.0.2:3389", behaviour.LAN, "lateral/to-lan medium"},
		{"10.1.0.3:445", behaviour.LAN, "lateral/to-lan medium"},
		{"10.1.0.2:445", behaviour.Qube, "lateral/to-qube high"},
	} {
		w := newWorld(nil)
		for _, s := range servers {
			q := asked("host.corp.example", "corp.example", start)
			q.Addr, q.Place = netip.MustParseAddr(s.addr), s.place
			w.Observe(q)
			w.Observe(response(q, true))
		}
		o := contact("work", tt.to, "", start+1e9)
		o.Place = tt.place
		w.connect(o)
		if diff := cmp.Diff([]string{tt.want}, w.rules()); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", tt.to, diff)
		}
	}
}

// TestEngine_candidates says once, at low, that a call tries private addresses of its peers, and learns no ports of them.
func TestEngine_candidates(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	for i := range int64(8) {
		o := contact("work", fmt.Sprintf("192.168.%d.%d:%d", i, 10+i, 40000+137*i), "", at+i*20e9)
		o.Proto, o.Place = 17, behaviour.LAN
		w.Observe(o)
	}
	if got := w.rules(); !slices.Equal(got, []string{"lateral/to-lan low"}) {
		t.Errorf("found %v; want one at low", got)
	}
	for i := range int64(6) { // their public addresses
		o := contact("work", fmt.Sprintf("198.51.%d.7:%d", i, 41000+137*i), "", at+600e9+i*1e9)
		o.Proto = 17
		w.Observe(o)
	}
	for _, text := range w.rules() {
		if strings.HasPrefix(text, "odd-port") && text != "odd-port low" {
			t.Errorf("found %v; want ports of peers at low", w.rules())
		}
	}
	if got := w.since(at+600e9, behaviour.Low); len(got) == 0 || got[0] != "odd-port low" || slices.Contains(got[1:], "odd-port low") {
		t.Errorf("found %v; want one odd port", got)
	}
	for i := range int64(4) { // services are something else
		o := contact("work", fmt.Sprintf("192.168.1.%d:22", 10+i), "", at+hour+i*20e9)
		o.Place = behaviour.LAN
		w.connect(o)
	}
	if !slices.Contains(w.rules(), "lateral/to-lan high") {
		t.Errorf("found %v; want services of several neighbours", w.rules())
	}
}

// TestEngine_hours_always says nothing of a qube that is always on.
func TestEngine_hours_always(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon] = true })
	for i := range int64(40 * 24) {
		if i%71 == 5 { // it restarts
			continue
		}
		w.connect(contact("work", "192.0.2.1:443", "site1.example", start+i*hour))
		o := traffic("192.0.2.1:443", "site1.example", start+i*hour+10e9)
		o.Down = 500_000
		w.Observe(o)
	}
	for i := range w.findings {
		if f := &w.findings[i]; f.Rule == behaviour.OddHours {
			t.Fatalf("found %s", f.Reason)
		}
	}
}

// TestEngine_hours_offset takes the time of the clock on the wall, which changes with the seasons.
func TestEngine_hours_offset(t *testing.T) {
	t.Parallel()
	change := start + 22*day
	w := newWorld(func(c *behaviour.Config) {
		c.Off[behaviour.Beacon] = true
		c.Offset = func(at int64) int64 {
			if at >= change {
				return 6 * hour // more than any country has, to be beyond the hours beside it
			}
			return 0
		}
	})
	at := func(d, h int64) int64 {
		at := start - start%day + d*day + h*hour
		if at >= change {
			at -= 6 * hour
		}
		return at
	}
	for d := range int64(40) {
		for _, h := range []int64{9, 10, 11, 12} {
			o := traffic("192.0.2.1:443", "site1.example", at(d, h))
			o.Down = 500_000
			w.connect(contact("work", "192.0.2.1:443", "site1.example", o.At))
			w.Observe(o)
		}
	}
	for i := range w.findings {
		if f := &w.findings[i]; f.Rule == behaviour.OddHours {
			t.Fatalf("found %s", f.Reason)
		}
	}
}
