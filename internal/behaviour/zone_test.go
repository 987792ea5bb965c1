package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

const hexadecimal = "0123456789abcdef"

// question returns a query of work for a name, whose registered domain is "" if it has none.
func question(name, domain string, at int64) *behaviour.Observation {
	o := asked(name, domain, at)
	if domain == "" {
		labels := strings.Split(name, ".")
		o.Query.Suffix, o.Query.Domain = false, strings.Join(labels[max(0, len(labels)-2):], ".")
		o.Domain = o.Query.Domain
	}
	return o
}

// response returns what answers a query.
func response(o *behaviour.Observation, exists bool, addrs ...netip.Addr) *behaviour.Observation {
	r, q := *o, *o.Query
	q.Response, q.NXDomain, q.Addrs = true, !exists, addrs
	r.Query = &q
	return &r
}

// TestEngine_zones finds tunnels whose names have no registered domain, and what has another reason at a
// lower level.
func TestEngine_zones(t *testing.T) {
	t.Parallel()
	host, neighbour := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("10.20.1.9")
	for _, tt := range []struct {
		name    string
		ask     func(text string) (name, domain string)
		n       int
		exists  bool
		addrs   []netip.Addr
		connect bool
		want    string // the last finding
		below   string
	}{
		{"below no suffix", func(s string) (string, string) { return "dnscat." + s, "" }, 60, true, nil, false, "dns-tunnel/volume high", "below no domain"},
		{"below the suffix of a network", func(s string) (string, string) { return s + ".corp", "" }, 60, true, nil, false, "dns-tunnel/volume high", "below corp"},
		{"names of a network that a resolver of the world does not know", func(s string) (string, string) { return s[:24] + ".corp.lan", "" }, 200, false, nil, false,
			"dns-tunnel/volume low", "none of the names exists"},
		{"names of one label", func(s string) (string, string) { return s[:12], "" }, 60, false, nil, false, "", ""},
		{"few", func(s string) (string, string) { return s + ".t.example", "t.example" }, 8, true, nil, false, "dns-tunnel/slow medium", ""},
		{"few that do not exist", func(s string) (string, string) { return s + ".t.example", "t.example" }, 8, false, nil, false, "dns-tunnel/slow low", "none of the names exists"},
		{"answered with addresses, in a capture of names", func(s string) (string, string) { return s + ".t.example", "t.example" }, 8, true, []netip.Addr{host}, false,
			"dns-tunnel/slow low", "no connection is seen"},
		{"hosts of neighbours", func(s string) (string, string) { return s + ".t.example", "t.example" }, 8, true, []netip.Addr{neighbour}, false, "", ""},
		{"many hosts of neighbours", func(s string) (string, string) { return s + ".t.example", "t.example" }, 60, true, []netip.Addr{neighbour}, false,
			"dns-tunnel/volume low", "private addresses answer"},
		{"too many for neighbours", func(s string) (string, string) { return s + ".t.example", "t.example" }, 130, true, []netip.Addr{neighbour}, false,
			"dns-tunnel/volume high", ""},
		{"the same with other connections", func(s string) (string, string) { return s + ".t.example", "t.example" }, 8, true, []netip.Addr{host}, true, "dns-tunnel/slow medium", ""},
	} {
		w := newWorld(nil)
		rng := rand.New(rand.NewPCG(8, 1))
		if tt.connect {
			w.connect(contact("work", "192.0.2.1:443", "site1.example", start))
		}
		for i := range int64(tt.n) {
			name, domain := tt.ask(randomText(rng, hexadecimal, 34))
			o := question(name, domain, start+i*10e9)
			r := response(o, tt.exists, tt.addrs...)
			w.Observe(o)
			w.Observe(r)
		}
		var last string
		var reason string
		if n := len(w.findings); n > 0 {
			last, reason = w.rules()[n-1], w.findings[n-1].Reason
		}
		if last != tt.want || !strings.Contains(reason, tt.below) {
			t.Errorf("%s: found %q, %q; want %q, %q", tt.name, w.rules(), reason, tt.want, tt.below)
		}
	}
}

// TestEngine_unknown makes less of domains that do not exist if none of them looks generated, or if they
// are below a suffix of a network.
func TestEngine_unknown(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 2))
	for name, tt := range map[string]struct {
		name func(i int) (name, domain string)
		want []string
	}{
		"words":           {func(i int) (string, string) { s := fmt.Sprintf("pleasantwords%d.example", i); return s, s }, []string{"dga low"}},
		"generated":       {func(int) (string, string) { s := randomText(rng, "qxzjkvwpfh", 12) + ".example"; return s, s }, []string{"dga medium"}},
		"below no suffix": {func(int) (string, string) { return randomText(rng, "qxzjkvwpfh", 12) + ".bazar", "" }, []string{"dga low"}},
	} {
		w := newWorld(nil)
		for i := range 30 {
			name, domain := tt.name(i)
			o := question(name, domain, start+int64(i)*5e9)
			r := response(o, false)
			w.Observe(o)
			w.Observe(r)
		}
		if !slices.Equal(w.rules(), tt.want) {
			t.Errorf("%s: found %q; want %q", name, w.rules(), tt.want)
		}
	}
}
