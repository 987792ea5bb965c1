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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

const (
	start = int64(1_700_000_000e9)
	hour  = int64(3600e9)
	day   = 24 * hour
)

// world is an engine and what it has found.
type world struct {
	*behaviour.Engine
	findings []behaviour.Finding
	keep     *[]behaviour.Observation                             // takes a copy of each; may be nil
	before   func()                                               // each observation; may be nil
	also     func(at int64, observe func(*behaviour.Observation)) // likewise, by others at the time of one
}

// Observe observes with the engine that there is now.
func (w *world) Observe(o *behaviour.Observation) {
	if w.before != nil {
		w.before()
	}
	if w.keep != nil {
		*w.keep = append(*w.keep, *o)
	}
	if w.also != nil {
		w.also(o.At, w.Engine.Observe)
	}
	w.Engine.Observe(o)
}

// newWorld returns an engine that has learned after a day, unless change says otherwise.
func newWorld(change func(*behaviour.Config)) *world {
	w := &world{}
	c := behaviour.Defaults()
	c.Learn = baseline.Learning{Span: day, Days: 1, Uses: 50}
	c.Report = func(f *behaviour.Finding) { w.findings = append(w.findings, *f) }
	if change != nil {
		change(&c)
	}
	w.Engine = behaviour.New(c)
	return w
}

// contact returns the beginning of a connection of a qube.
func contact(qube, to, name string, at int64) *behaviour.Observation {
	dst := netip.MustParseAddrPort(to)
	return &behaviour.Observation{At: at, Kind: behaviour.Opened, Subject: qube, Proto: 6, Addr: dst.Addr(), Port: dst.Port(), Name: name, Domain: name}
}

// work has a qube use ten destinations, at random, for two days.
func (w *world) work(qube string, rng *rand.Rand) (end int64) {
	at := start
	for at < start+2*day {
		at += int64(rng.ExpFloat64() * 300e9)
		w.connect(contact(qube, "192.0.2.1:443", fmt.Sprintf("site%d.example", rng.IntN(10)), at))
	}
	return at
}

// connect observes a connection that is answered.
func (w *world) connect(o *behaviour.Observation) {
	w.Observe(o)
	answer := *o
	answer.Kind = behaviour.Answered
	w.Observe(&answer)
}

// rules returns the rules and ways of the findings, in order.
func (w *world) rules() (list []string) {
	for i := range w.findings {
		f := &w.findings[i]
		list = append(list, strings.TrimSuffix(f.Rule.String()+"/"+f.Way, "/")+" "+f.Level.String())
	}
	return list
}

// TestEngine_beacon finds a beacon of a qube that has been learned, and not what the qube
// has always done.
func TestEngine_beacon(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(1, 1))
	at := w.work("work", rng)
	if len(w.findings) > 0 {
		t.Fatalf("found %v while learning", w.rules())
	}
	for i := range int64(40) {
		w.connect(contact("work", "203.0.113.66:443", "cdn.example", at+i*60e9+rng.Int64N(10e9)))
	}
	want := []string{"first-seen/destination low", "beacon/connections high"}
	if diff := cmp.Diff(want, w.rules()); diff != "" {
		t.Errorf("findings mismatch (-want +got):\n%s", diff)
	}
	f := w.findings[1]
	if f.Period < 55e9 || f.Period > 65e9 || f.Domain != "cdn.example" || f.Beats < 9 || f.Score < 0.5 {
		t.Errorf("beacon = %+v", f)
	}
	want = []string{"work contacts cdn.example (203.0.113.66:443) every "}
	if !strings.HasPrefix(f.Reason, want[0]) {
		t.Errorf("reason = %q; want %q...", f.Reason, want[0])
	}
}

// TestEngine_telephone takes the port of telephones, which register at intervals (RFC 3261 section 10.2.4), for
// a usual one.
func TestEngine_telephone(t *testing.T) {
	t.Parallel()
	for port, want := range map[string]string{"5060": "beacon/connections low", "5062": "beacon/connections medium"} {
		w := newWorld(nil)
		for i := range int64(20) {
			o := contact("phone", "203.0.113.66:"+port, "provider.example", start+i*60e9)
			o.Proto = 17
			w.connect(o)
		}
		if diff := cmp.Diff([]string{want}, w.rules()); diff != "" {
			t.Errorf("port %s: mismatch (-want +got):\n%s", port, diff)
		}
	}
}

// TestEngine_others lowers a beacon to a name that other qubes have contacted, and not one to
// an address in whose network they have used another.
func TestEngine_others(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"cdn.example": "beacon/connections low", "": "beacon/connections medium"} {
		w := newWorld(nil)
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		w.connect(contact("mail", "203.0.113.7:443", name, at))
		for i := range int64(12) {
			w.connect(contact("work", "203.0.113.66:443", name, at+i*60e9))
			if i%2 == 0 {
				w.connect(contact("work", "192.0.2.1:443", "site1.example", at+i*60e9+9e9))
			}
		}
		if !slices.Contains(w.rules(), want) {
			t.Errorf("name %q: found %v; want %s", name, w.rules(), want)
		}
	}
}

// TestEngine_known does not report what was periodic while the qube was learned.
func TestEngine_known(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon] = false; c.Level = behaviour.Medium })
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range int64(3 * 24 * 12) {
		w.connect(contact("mail", "192.0.2.9:993", "mail.example", start+i*300e9+rng.Int64N(5e9)))
		if i%4 == 0 {
			w.connect(contact("mail", "192.0.2.8:443", fmt.Sprintf("w%d.example", i%12), start+i*300e9+100e9))
		}
	}
	if len(w.findings) > 0 {
		t.Errorf("found %v: %s", w.rules(), w.findings[0].Reason)
	}
}

// TestEngine_repeat reports a finding once a day, with its count, and not what is allowed.
func TestEngine_repeat(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		w := newWorld(func(c *behaviour.Config) {
			c.Off[behaviour.Beacon] = true
			c.Allowed = func(f *behaviour.Finding) bool { return allowed && f.Rule == behaviour.Lateral }
		})
		for i := range int64(50) {
			o := contact("work", "10.137.0.9:22", "", start+i*hour)
			o.Place = behaviour.Qube
			w.connect(o)
		}
		got := w.rules()
		want := []string{"lateral/to-qube high", "lateral/to-qube high", "lateral/to-qube high"}
		if allowed {
			want = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("allowed %v: mismatch (-want +got):\n%s", allowed, diff)
		}
		if !allowed && (w.findings[0].Count != 1 || w.findings[1].Count != 24) {
			t.Errorf("counts %d, %d; want 1 and 24", w.findings[0].Count, w.findings[1].Count)
		}
		if s := w.Stats(); allowed && s.Allowed == 0 {
			t.Errorf("Stats = %+v; want some allowed", s)
		}
	}
}

// TestEngine_scan reports a scan after ten first contacts.
func TestEngine_scan(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for i := range 12 {
		o := contact("disp1", fmt.Sprintf("192.0.2.%d:%d", i+1, 1000+i), "", start+int64(i)*1e8)
		w.Observe(o)
		answer := *o
		answer.Kind, answer.Rejected = behaviour.Answered, true
		w.Observe(&answer)
		if i < 8 && len(w.findings) > 0 {
			t.Fatalf("found %v after %d contacts", w.rules(), i+1)
		}
	}
	if diff := cmp.Diff([]string{"scan/walk medium"}, w.rules()); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

// TestEngine_down does not take a network that is down for scans.
func TestEngine_down(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.Beacon] = true })
	w.connect(contact("a", "192.0.2.1:443", "", start))
	for i := range 100 {
		for _, qube := range []string{"a", "b", "c"} {
			w.Observe(contact(qube, fmt.Sprintf("192.0.2.%d:443", i), "", start+2*hour+int64(i)*30e9))
		}
	}
	if len(w.findings) > 1 || w.Stats().Suppressed < 3 { // the first is not known to be one of many
		t.Errorf("found %v; suppressed %d", w.rules(), w.Stats().Suppressed)
	}
}

// randomText returns n characters of an alphabet.
func randomText(rng *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(b)
}

// TestEngine_names finds a tunnel and generated domains.
func TestEngine_names(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(3, 3))
	text := func(n int) string { return randomText(rng, "qxzjkvwpfhbcdg57", n) }
	ask := func(name, domain string, at int64) {
		q := &names.Query{At: at, Name: name, Domain: domain, Suffix: true, Type: 1, Bytes: 80}
		w.Observe(&behaviour.Observation{At: at, Kind: behaviour.Asked, Subject: "work", Name: name, Domain: domain, Query: q})
	}
	for i := range int64(40) {
		ask(text(50)+".t.example", "t.example", start+i*1e9)
	}
	for i := range int64(10) {
		domain := text(14) + ".example"
		ask(domain, domain, start+100e9+i*1e9)
	}
	want := []string{"dns-tunnel/slow medium", "dns-tunnel/volume high", "dga medium"}
	if diff := cmp.Diff(want, w.rules()); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if f := w.findings[1]; len(f.Names) == 0 || f.BytesUp < 1000 {
		t.Errorf("tunnel = %+v", f)
	}
}

// TestEngine_deterministic finds the same twice.
func TestEngine_deterministic(t *testing.T) {
	t.Parallel()
	run := func() []behaviour.Finding {
		w := newWorld(nil)
		rng := rand.New(rand.NewPCG(9, 9))
		for i := range 20_000 {
			o := contact(fmt.Sprint("q", rng.IntN(200)), fmt.Sprintf("192.0.%d.%d:443", rng.IntN(250), rng.IntN(250)), "", start+int64(i)*1e9)
			o.Place = behaviour.Place(rng.IntN(5))
			w.Observe(o)
		}
		return w.findings
	}
	a, b := run(), run()
	if diff := cmp.Diff(a, b, cmpopts.IgnoreUnexported(behaviour.Finding{}), cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
	if len(a) == 0 {
		t.Error("nothing was found: the comparison says nothing")
	}
}

// TestEngine_allocs allocates nothing for what is known.
func TestEngine_allocs(t *testing.T) { // not parallel: it counts allocations
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	o := contact("work", "192.0.2.1:443", "site1.example", at)
	q := &names.Query{Name: "www.site1.example", Domain: "site1.example", Suffix: true, Type: 1}
	query := &behaviour.Observation{Kind: behaviour.Asked, Subject: "work", Name: q.Name, Domain: q.Domain, Query: q}
	if n := testing.AllocsPerRun(1000, func() {
		o.At += 7e9
		query.At, q.At = o.At, o.At
		w.connect(o)
		w.Observe(query)
	}); n > 1 { // the copy for the answer, in this test
		t.Errorf("%v allocations for each contact; want none but the copy", n)
	}
}

// TestEngine_allocs_found allocates nothing for what was found a moment ago.
func TestEngine_allocs_found(t *testing.T) { // not parallel: it counts allocations
	w := newWorld(nil)
	o := contact("work", "10.137.0.9:22", "", start)
	o.Place = behaviour.Qube
	w.Observe(o)
	if n := testing.AllocsPerRun(100, func() {
		o.At += 1e8
		w.Observe(o)
	}); n != 0 || len(w.findings) != 1 || w.Stats().Repeated < 100 {
		t.Errorf("%v allocations for each contact, %d findings; want none and one", n, len(w.findings))
	}
}

// TestEngine_memory keeps within 12 MiB with 128 subjects, one of which floods, and the
// flood takes nothing from the others.
func TestEngine_memory(t *testing.T) { // not parallel: it measures the heap
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(1, 1))
	addr := func() string {
		return fmt.Sprintf("%d.%d.%d.%d:443", 1+rng.IntN(220), rng.IntN(256), rng.IntN(256), rng.IntN(256))
	}
	at := start
	for q := range 127 {
		name := fmt.Sprint("quiet", q)
		for i := range 60 {
			for range 3 {
				at += 2e9
				w.connect(contact(name, fmt.Sprintf("198.51.%d.%d:443", q, i), fmt.Sprintf("s%d.example", i), at))
			}
			query := &names.Query{At: at, Name: fmt.Sprintf("www.s%d.example", i), Domain: fmt.Sprintf("s%d.example", i), Suffix: true, Type: 1}
			w.Observe(&behaviour.Observation{At: at, Kind: behaviour.Asked, Subject: name, Domain: query.Domain, Query: query})
		}
	}
	quiet := w.Stats()
	for i := range 100_000 {
		at += 1e6
		to := addr()
		for range 3 {
			at += 2e9
			w.connect(contact("flood", to, "", at))
		}
		if i%4 == 0 {
			query := &names.Query{At: at, Name: fmt.Sprintf("x.f%d.example", i), Domain: fmt.Sprintf("f%d.example", i), Suffix: true, Type: 1}
			w.Observe(&behaviour.Observation{At: at, Kind: behaviour.Asked, Subject: "flood", Domain: query.Domain, Query: query})
		}
		o := contact("flood", to, "", at)
		o.Place = behaviour.LAN
		w.Observe(o)
	}
	w.findings = nil
	got, s := heap()-before, w.Stats()
	t.Logf("%d KiB, %+v", got>>10, s)
	if got > 12<<20 {
		t.Errorf("%d KiB; want at most 12 MiB", got>>10)
	}
	if s.SubjectsEvicted > 0 || s.SeriesEvicted == 0 || s.WindowsEvicted == 0 || s.EntriesEvicted == 0 || s.Entries < quiet.Entries {
		t.Errorf("Stats = %+v; want a flood that evicts its own series, windows and entries, and no subject", s)
	}
	for q := range 127 {
		before := len(w.findings)
		w.connect(contact(fmt.Sprint("quiet", q), fmt.Sprintf("198.51.%d.7:443", q), "s7.example", at))
		if len(w.findings) != before {
			t.Fatalf("quiet%d has lost what it knew: %v", q, w.rules())
		}
	}
	if n := len(w.Snapshot()); n > 12<<20 {
		t.Errorf("the state has %d bytes; want less than the engine", n)
	}
	runtime.KeepAlive(w)
}

// TestEngine_country reports a country in which a qube has never used anything, and not what
// is usual, nor places without one.
func TestEngine_country(t *testing.T) {
	t.Parallel()
	w := newWorld(func(c *behaviour.Config) {
		c.Country = func(a netip.Addr) string {
			return map[string]string{"192.0.2.1": "DE", "203.0.113.66": "KP"}[a.String()]
		}
	})
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	w.connect(contact("work", "192.0.2.1:443", "site3.example", at))
	w.connect(contact("work", "203.0.113.66:443", "site4.example", at+hour))
	w.connect(contact("work", "198.51.100.1:443", "site5.example", at+2*hour))
	w.connect(contact("work", "203.0.113.66:443", "site4.example", at+3*hour))
	if diff := cmp.Diff([]string{"first-seen/country low"}, w.rules()); diff != "" {
		t.Fatalf("findings mismatch (-want +got):\n%s", diff)
	}
	if got, want := w.findings[0].Reason, "work contacts site4.example (203.0.113.66:443) in KP: in 3 days it has used destinations in one country, and none there"; got != want {
		t.Errorf("reason = %q; want %q", got, want)
	}
}

// TestEngine_midstream leaves what is new to the connection whose beginning is seen: the end of one
// that was there before says nothing, and does not make it known.
func TestEngine_midstream(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	rest := contact("work", "203.0.113.66:443", "cdn.example", at)
	rest.Midstream = true
	w.Observe(rest)
	if len(w.findings) > 0 {
		t.Errorf("found %v in a connection whose beginning was not seen; want nothing", w.rules())
	}
	w.connect(contact("work", "203.0.113.66:443", "cdn.example", at+1e9))
	if diff := cmp.Diff([]string{"first-seen/destination low"}, w.rules()); diff != "" {
		t.Errorf("findings mismatch (-want +got):\n%s", diff)
	}
}
