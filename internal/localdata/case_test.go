package localdata_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// TestCase26_oneOfEach adds records several times, as a hosts file and the names of
// an imported configuration do.
func TestCase26_oneOfEach(t *testing.T) {
	t.Parallel()
	z := localdata.NewRecords()
	at := netip.MustParseAddr
	err := errors.Join(z.Address("printer.lan", at("192.168.178.3"), 60, dnsevent.FromRecords), z.Address("*.printer.lan", at("192.168.178.3"), 60, dnsevent.FromRecords),
		z.Address("PRINTER.lan", at("::ffff:192.168.178.3"), 30, dnsevent.FromRecords),
		z.Alias("alias.lan", "printer.lan", 60), z.Alias("alias.lan", "Printer.LAN", 60), z.Alias("*.alias.lan", "printer.lan", 60),
		z.Zone("txt.lan. 60 IN TXT a\ntxt.lan. 60 IN TXT a\ntxt.lan. 60 IN TXT b\nmx.lan. 60 IN MX 1 x.lan.\nmx.lan. 60 IN MX 1 x.lan."))
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := z.Hosts(strings.NewReader("\xef\xbb\xbf10.0.0.1 a.lan a.lan\n10.0.0.1 A.lan\n10.0.0.2 a.lan\n0.0.0.0 null.lan\n"), 60, false); wrong != 0 || err != nil {
		t.Fatalf("Hosts = %d, %v", wrong, err)
	}
	for _, tt := range []struct {
		name string
		kind uint16
		want string
	}{
		{"3.178.168.192.in-addr.arpa", dns.TypePTR, "3.178.168.192.in-addr.arpa. 30 PTR printer.lan."},
		{"printer.lan", dns.TypeA, "printer.lan. 30 A 192.168.178.3"},
		{"x.printer.lan", dns.TypeA, "x.printer.lan. 60 A 192.168.178.3"},
		{"a.lan", dns.TypeA, "a.lan. 60 A 10.0.0.1, a.lan. 60 A 10.0.0.2"},
		{"1.0.0.10.in-addr.arpa", dns.TypePTR, "1.0.0.10.in-addr.arpa. 60 PTR a.lan."},
		{"alias.lan", dns.TypeA, "alias.lan. 60 CNAME printer.lan., printer.lan. 30 A 192.168.178.3"},
		{"alias.lan", dns.TypeCNAME, "alias.lan. 60 CNAME printer.lan."},
		{"txt.lan", dns.TypeTXT, `txt.lan. 60 TXT "a", txt.lan. 60 TXT "b"`},
		{"mx.lan", dns.TypeMX, "mx.lan. 60 MX 1 x.lan."},
		{"0.0.0.0.in-addr.arpa", dns.TypePTR, "none"},
	} {
		if got := answer(t, z, tt.name, tt.kind, nil); got != tt.want {
			t.Errorf("%s %s: %q; want %q", tt.name, dns.TypeToString[tt.kind], got, tt.want)
		}
	}
}

// TestRecords_bounds adds more records to a name than an answer can hold.
func TestRecords_bounds(t *testing.T) {
	t.Parallel()
	z := localdata.NewRecords()
	var failed error
	for i := range 3000 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		failed = errors.Join(failed, z.Address(fmt.Sprintf("%s%d.lan", strings.Repeat("a", 50), i), netip.MustParseAddr("10.1.1.1"), 60, dnsevent.FromHosts))
		if err := z.Address("many.lan", a, 60, dnsevent.FromHosts); (err == nil) != (i < 1024) {
			t.Fatalf("address %d: %v", i, err)
		}
	}
	if failed != nil {
		t.Errorf("names of one address: %v", failed)
	}
	for name, kind := range map[string]uint16{"many.lan": dns.TypeA, "1.1.1.10.in-addr.arpa": dns.TypePTR} {
		if n := len(answer(t, z, name, kind, nil)); n < 20_000 {
			t.Errorf("%s: an answer of %d bytes", name, n)
		}
	}
}

// TestRecords_wildcard answers a name from its own record if it has one, and only the
// names below from the one of *.name (RFC 4592), whichever was added first.
func TestRecords_wildcard(t *testing.T) {
	t.Parallel()
	z := localdata.NewRecords()
	at := netip.MustParseAddr
	err := errors.Join(z.Address("w.lan", at("10.0.0.1"), 60, dnsevent.FromRecords), z.Address("*.w.lan", at("10.0.0.2"), 60, dnsevent.FromRecords),
		z.Address("*.v.lan", at("10.0.0.3"), 60, dnsevent.FromRecords), z.Alias("v.lan", "nas.w.lan", 60),
		z.Address("*.only.lan", at("10.0.0.4"), 60, dnsevent.FromRecords), z.Address("*.deep.only.lan", at("10.0.0.5"), 60, dnsevent.FromRecords),
		z.Address("*.o.lan", at("10.0.0.6"), 60, dnsevent.FromRecords), z.Open("*.o.lan"), z.Address("o.lan", at("fd09::7"), 60, dnsevent.FromRecords),
		z.Zone("*.z.lan. 60 IN A 10.0.0.8\nz.lan. 60 IN A 10.0.0.9\n"))
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := z.Hosts(strings.NewReader("10.0.0.10 h.w.lan\n"), 60, false); wrong != 0 || err != nil {
		t.Fatal(wrong, err)
	}
	for _, tt := range []struct {
		name string
		kind uint16
		want string
	}{
		{"w.lan", dns.TypeA, "w.lan. 60 A 10.0.0.1"}, {"w.lan", dns.TypeAAAA, ""},
		{"x.w.lan", dns.TypeA, "x.w.lan. 60 A 10.0.0.2"}, {"x.y.w.lan", dns.TypeA, "x.y.w.lan. 60 A 10.0.0.2"},
		{"h.w.lan", dns.TypeA, "h.w.lan. 60 A 10.0.0.10"},
		{"v.lan", dns.TypeA, "v.lan. 60 CNAME nas.w.lan., nas.w.lan. 60 A 10.0.0.2"}, {"x.v.lan", dns.TypeA, "x.v.lan. 60 A 10.0.0.3"},
		{"only.lan", dns.TypeA, "only.lan. 60 A 10.0.0.4"}, {"deep.only.lan", dns.TypeA, "deep.only.lan. 60 A 10.0.0.5"}, {"x.deep.only.lan", dns.TypeA, "x.deep.only.lan. 60 A 10.0.0.5"},
		{"o.lan", dns.TypeA, ""}, {"o.lan", dns.TypeAAAA, "o.lan. 60 AAAA fd09::7"}, {"x.o.lan", dns.TypeAAAA, "none"}, {"x.o.lan", dns.TypeA, "x.o.lan. 60 A 10.0.0.6"},
		{"z.lan", dns.TypeA, "z.lan. 60 A 10.0.0.9"}, {"x.z.lan", dns.TypeA, "x.z.lan. 60 A 10.0.0.8"},
		{"2.0.0.10.in-addr.arpa", dns.TypePTR, "2.0.0.10.in-addr.arpa. 60 PTR w.lan."},
	} {
		if got := answer(t, z, tt.name, tt.kind, nil); got != tt.want {
			t.Errorf("%s %s: %q; want %q", tt.name, dns.TypeToString[tt.kind], got, tt.want)
		}
	}
}
