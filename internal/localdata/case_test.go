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
		{"x.printer.lan", dns.TypeA, "x.printer.lan. 30 A 192.168.178.3"},
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
