package names_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// TestWindow_lookups excuses names that are made of addresses as far as they are ordinary: by their number,
// their type, and what answers.
func TestWindow_lookups(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 3))
	nibbles := func() string { return strings.Join(strings.Split(text(rng, "0123456789abcdef", 32), ""), ".") }
	octets := func() string {
		return fmt.Sprintf("%d.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256))
	}
	listed := []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	const a, null, ptr, txt = 1, 10, 12, 16
	for _, tt := range []struct {
		name  string
		label func() string
		kind  uint16
		n     int
		bytes int
		nx    bool
		addrs []netip.Addr
		found bool
	}{
		{"short texts", func() string { return nibbles() + ".list.example" }, txt, 500, 199, false, nil, false},
		{"texts that carry data", func() string { return nibbles() + ".list.example" }, txt, 60, 200, false, nil, true},
		{"numbers with texts that carry data", func() string { return octets() + ".list.example" }, txt, 200, 300, false, nil, true},
		{"in the list, with servers", func() string { return octets() + ".list.example" }, a, 500, 400, false, listed, false},
		{"other addresses", func() string { return octets() + ".list.example" }, a, 200, 400, false, []netip.Addr{listed[0], address(1)}, true},
		{"not in the list, signed", func() string { return octets() + ".list.example" }, a, 500, 400, true, nil, false},
		{"another type", func() string { return nibbles() + ".list.example" }, null, 40, 100, false, nil, true},
		{"a busy mail server", func() string { return octets() + ".list.example" }, a, 2000, 100, false, listed, false},
		{"a busy mail server, twice each", twice(func() string { return octets() + ".list.example" }), a, 4000, 100, false, listed, false},
		{"too many of a list", func() string { return octets() + ".list.example" }, a, 4000, 100, false, listed, true},
		{"too many IPv6 addresses of a list", func() string { return nibbles() + ".list.example" }, a, 1000, 100, true, nil, true},
		{"all IPv4 hosts", func() string { return octets() + ".in-addr.arpa" }, ptr, 20_000, 300, false, nil, false},
		{"many IPv6 hosts", func() string { return nibbles() + ".ip6.arpa" }, ptr, 2500, 300, false, nil, false},
		{"too many IPv6 hosts", func() string { return nibbles() + ".ip6.arpa" }, ptr, 3500, 300, false, nil, true},
		{"texts of IPv6 hosts", func() string { return nibbles() + ".ip6.arpa" }, txt, 60, 300, false, nil, true},
		{"data below numbers", func() string {
			return text(rng, base32, 20) + "." + text(rng, base32, 20) + ".9.168.31.in-addr.arpa"
		}, ptr, 3000, 100, false, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) { // one after the other: they share the source of random numbers
			var w names.Window
			found := false
			for i := range tt.n {
				q := query(tt.label(), 0)
				q.At, q.Type, q.Domain = start+int64(i)*1e8, tt.kind, names.Zone(q.Name, q.Domain, true)
				found = w.Add(q) != names.NoShape || found
				q.Response, q.NXDomain, q.Bytes, q.Addrs = true, tt.nx, tt.bytes, tt.addrs
				w.Add(q)
			}
			if nowhere := w.Nowhere(); found != tt.found || nowhere != (tt.found && tt.nx) {
				t.Errorf("found = %v, nowhere = %v; want %v, %v", found, nowhere, tt.found, tt.found && tt.nx)
			}
		})
	}
}

// twice returns what returns each text of another twice.
func twice(next func() string) func() string {
	n, last := 0, ""
	return func() string {
		if n++; n%2 == 1 {
			last = next()
		}
		return last
	}
}
