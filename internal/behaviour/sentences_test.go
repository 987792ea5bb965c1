package behaviour_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// traffic returns the end of a flow of work.
func traffic(to, name string, at int64) *behaviour.Observation {
	o := contact("work", to, name, at)
	o.Kind, o.Final, o.Ended, o.Duration, o.Up, o.Down, o.UpPackets, o.DownPackets = behaviour.Traffic, true, true, 1e9, 900, 9000, 9, 9
	return o
}

// scenes make one finding each, of a qube that has been learned for two days until at.
var scenes = []struct {
	name string
	play func(w *world, at int64)
}{
	{"upload", func(w *world, at int64) {
		o := traffic("203.0.113.66:443", "files.example", at)
		o.Up, o.Down = 300<<20, 1<<20
		w.Observe(o)
	}},
	{"long-connection", func(w *world, at int64) {
		for i := range int64(10) { // a record every half hour
			o := traffic("203.0.113.66:443", "chat.example", at+i*hour/2)
			o.Duration, o.Ended, o.Connection = i*hour/2, false, 5
			w.Observe(o)
		}
	}},
	{"direct-ip", func(w *world, at int64) {
		w.Observe(asked("www.site1.example", "site1.example", at-2*hour))
		for i := range int64(60) {
			w.Observe(traffic("192.0.2.1:443", "site1.example", at+i*60e9))
		}
		o := traffic("203.0.113.66:443", "", at+hour)
		o.Unresolved, o.Up = true, 5000
		w.Observe(o)
	}},
	{"odd-port", func(w *world, at int64) { w.connect(contact("work", "192.0.2.1:4444", "site1.example", at)) }},
	{"odd-hours", func(w *world, at int64) {
		for d := range int64(20) {
			for h := range int64(8) {
				w.connect(contact("work", "192.0.2.1:443", "site1.example", start+(d+3)*day+h*hour))
			}
		}
		o := traffic("192.0.2.1:443", "site1.example", start+24*day+16*hour)
		o.Down = 500_000
		w.Observe(o)
	}},
	{"icmp-tunnel", func(w *world, at int64) {
		o := traffic("203.0.113.66:0", "", at)
		o.Proto, o.Up, o.UpPackets, o.Down, o.DownPackets = 1, 30_000, 30, 90_000, 30
		w.Observe(o)
	}},
	{"dns-bypass", func(w *world, at int64) {
		o := traffic("8.8.8.8:443", "dns.google", at)
		o.Bypass = "doh"
		w.Observe(o)
	}},
	{"tls-odd", func(w *world, at int64) {
		o := traffic("203.0.113.66:443", "", at)
		o.TLS = &behaviour.TLS{ServerName: "www.qzxv7kkwjqxp.example", Domain: "qzxv7kkwjqxp.example", JA4: "t12d1909h2_d83cc789557e_7af1ed941c26"}
		w.Observe(o)
	}},
	{"lateral", func(w *world, at int64) {
		o := contact("work", "10.137.0.9:445", "", at)
		o.Place, o.Kind, o.Point = behaviour.Qube, behaviour.Refused, "inter-qube"
		w.Observe(o)
	}},
	{"scan", func(w *world, at int64) {
		for i := range 10 {
			o := contact("work", fmt.Sprintf("203.0.113.%d:%d", 1+i, 100+i), "", at+int64(i)*1e8)
			o.Kind, o.Point = behaviour.Refused, "qvm-firewall"
			w.Observe(o)
		}
	}},
	{"dns-tunnel", func(w *world, at int64) {
		rng := rand.New(rand.NewPCG(5, 5))
		for i := range int64(30) {
			w.Observe(asked(randomText(rng, "abcdefghijklmnopqrstuvwxyz234567", 50)+".t.example", "t.example", at+i*1e9))
		}
	}},
	{"dga", func(w *world, at int64) {
		for i := range int64(12) {
			o := asked(fmt.Sprintf("name%d.example", i), fmt.Sprintf("name%d.example", i), at+i*1e9)
			o.Query.Response, o.Query.NXDomain = true, true
			w.Observe(o)
		}
	}},
	{"first-seen", func(w *world, at int64) { w.connect(contact("work", "203.0.113.66:443", "new.example", at)) }},
	{"beacon", func(w *world, at int64) {
		for i := range int64(12) {
			w.connect(contact("work", "203.0.113.66:443", "cdn.example", at+i*61e9))
		}
	}},
}

// asked returns a query of work.
func asked(name, domain string, at int64) *behaviour.Observation {
	q := &names.Query{At: at, Name: name, Domain: domain, Suffix: true, Type: 1, Bytes: 80}
	return &behaviour.Observation{At: at, Kind: behaviour.Asked, Subject: "work", Name: name, Domain: domain, Addr: netip.Addr{}, Query: q}
}

// TestSentences has a scene for each rule, and compares what is said with
// testdata/sentences.golden.txt, which -update rewrites.
func TestSentences(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	seen := map[behaviour.Rule]bool{}
	for _, s := range scenes {
		w := newWorld(nil)
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		w.findings = nil
		s.play(w, at)
		found := false
		for i := range w.findings {
			f := &w.findings[i]
			seen[f.Rule] = true
			if f.Rule.String() == s.name {
				found = true
				fmt.Fprintf(&got, "%s/%s %s %d: %s\n", f.Rule, f.Way, f.Level, f.Level.Risk(f.Score), f.Reason)
			}
		}
		if !found {
			t.Errorf("%s: found %v", s.name, w.rules())
		}
	}
	if len(seen) != int(behaviour.Rules) {
		t.Errorf("%d of %d rules have found something", len(seen), behaviour.Rules)
	}
	const path = "testdata/sentences.golden.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("sentences mismatch (-want +got):\n%s", diff)
	}
}
