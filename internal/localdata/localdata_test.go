package localdata_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// wire returns a name in wire form.
func wire(t testing.TB, name string) []byte {
	t.Helper()
	b, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// records returns some records of every kind.
func records(t testing.TB) *localdata.Records {
	t.Helper()
	z := localdata.NewRecords()
	at := netip.MustParseAddr
	err := errors.Join(z.Address("nas.home", at("10.0.0.1"), 60, dnsevent.FromRecords), z.Address("*.wild.home", at("10.0.0.2"), 60, dnsevent.FromRecords),
		z.Address("open.home", at("10.0.0.3"), 60, dnsevent.FromRecords), z.Open("open.home"), z.Alias("alias.home", "NAS.home", 30),
		z.Alias("out.home", "www.example.org", 30), z.Alias("a.home", "b.home", 30), z.Alias("b.home", "a.home", 30),
		z.Zone("txt.home. 10 IN TXT hello\n"))
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := z.Hosts(strings.NewReader("10.0.0.4 host.home alias.host.home # comment\n127.0.0.1 localhost\nnonsense\n"), 60, false); wrong != 1 || err != nil {
		t.Fatalf("Hosts = %d, %v; want 1 wrong line", wrong, err)
	}
	return z
}

func TestRecords_Lookup(t *testing.T) {
	t.Parallel()
	z := records(t)
	rewrites := localdata.Rewrites{{From: wire(t, "lan"), To: wire(t, "home")}}
	for _, tt := range []struct {
		name string
		kind uint16
		want string // the records of the answer, "none" if nothing is known
	}{
		{"nas.home", dns.TypeA, "nas.home. 60 A 10.0.0.1"},
		{"nas.home", dns.TypeAAAA, ""},
		{"sub.nas.home", dns.TypeA, "none"},
		{"a.b.wild.home", dns.TypeA, "a.b.wild.home. 60 A 10.0.0.2"},
		{"wild.home", dns.TypeA, "wild.home. 60 A 10.0.0.2"},
		{"open.home", dns.TypeA, "open.home. 60 A 10.0.0.3"},
		{"open.home", dns.TypeMX, "none"},
		{"alias.home", dns.TypeA, "alias.home. 30 CNAME nas.home., nas.home. 60 A 10.0.0.1"},
		{"alias.home", dns.TypeCNAME, "alias.home. 30 CNAME nas.home."},
		{"out.home", dns.TypeA, "dangling www.example.org"},
		{"a.home", dns.TypeA, "loop"},
		{"txt.home", dns.TypeTXT, `txt.home. 10 TXT "hello"`},
		{"host.home", dns.TypeA, "host.home. 60 A 10.0.0.4"},
		{"localhost", dns.TypeA, "none"},
		{"1.0.0.10.in-addr.arpa", dns.TypePTR, "1.0.0.10.in-addr.arpa. 60 PTR nas.home."},
		{"nas.lan", dns.TypeA, "nas.lan. 60 A 10.0.0.1"},
		{"other.lan", dns.TypeA, "none"},
	} {
		if got := answer(t, z, tt.name, tt.kind, rewrites); got != tt.want {
			t.Errorf("%s %s: %q; want %q", tt.name, dns.TypeToString[tt.kind], got, tt.want)
		}
	}
}

// answer looks a name up and describes what is found.
func answer(t testing.TB, z *localdata.Records, name string, kind uint16, rewrites localdata.Rewrites) string {
	t.Helper()
	question := wire(t, name)
	a, ok, err := z.Lookup(question, dnsmsg.Type(kind), rewrites)
	switch {
	case errors.Is(err, localdata.ErrLoop):
		return "loop"
	case !ok || err != nil:
		return "none"
	case a.Dangling:
		return "dangling " + dnsmsg.Text(a.Aliases[len(a.Aliases)-1].Data)
	}
	msg := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 1, dnsmsg.FlagQR), question, dnsmsg.Type(kind), dnsmsg.ClassIN)
	msg, n, data := a.Append(msg)
	dnsmsg.SetCounts(msg, 1, n, 0, 0)
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rr := range m.Answer {
		f := strings.Split(rr.String(), "\t")
		out = append(out, f[0]+" "+f[1]+" "+strings.Join(f[3:], " "))
	}
	if data != (len(out) > len(a.Aliases)) {
		t.Errorf("%s: Append says data %v of %q", name, data, out)
	}
	return strings.Join(out, ", ")
}

// TestRecords_nil holds that no records at all know nothing.
func TestRecords_nil(t *testing.T) {
	t.Parallel()
	var z *localdata.Records
	if _, ok, err := z.Lookup(wire(t, "nas.home"), dnsmsg.TypeA, nil); ok || err != nil || z.Has(wire(t, "nas.home"), nil) {
		t.Errorf("Lookup = %v, %v; want nothing", ok, err)
	}
}

// TestRecords_Zone holds which records a zone file may not have.
func TestRecords_Zone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"home. 60 IN NS ns.home.\n", "home. 60 IN SOA a. b. 1 2 3 4 5\n", "home. 60 IN A here\n"} {
		if err := localdata.NewRecords().Zone(text); err == nil {
			t.Errorf("Zone(%q) = nil; want an error", text)
		}
	}
}

func TestLookupSpecial(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		kind    dnsmsg.Type
		private bool
		ok      bool
		want    localdata.Special
		addrs   string // the addresses
	}{
		{"example.org", dnsmsg.TypeA, true, false, localdata.Special{}, ""},
		{"localhost", dnsmsg.TypeA, true, true, localdata.Special{}, "127.0.0.1 ::1"},
		{"x.localhost", dnsmsg.TypeMX, true, true, localdata.Special{}, "127.0.0.1 ::1"},
		{"x.onion", dnsmsg.TypeA, true, true, localdata.Special{RCode: dnsmsg.NXDomain}, ""},
		{"nas.lan", dnsmsg.TypeA, true, true, localdata.Special{RCode: dnsmsg.NXDomain}, ""},
		{"nas.lan", dnsmsg.TypeA, false, false, localdata.Special{}, ""},
		{"use-application-dns.net", dnsmsg.TypeA, true, true, localdata.Special{RCode: dnsmsg.NXDomain, Canary: true}, ""},
		{"x.use-application-dns.net", dnsmsg.TypeA, true, false, localdata.Special{}, ""},
		{"ipv4only.arpa", dnsmsg.TypeA, true, true, localdata.Special{}, "192.0.0.170 192.0.0.171"},
		{"x.ipv4only.arpa", dnsmsg.TypeA, true, true, localdata.Special{}, ""},
		{"resolver.arpa", dnsmsg.TypeSVCB, true, true, localdata.Special{}, ""},
		{"home.arpa", dnsmsg.TypeDS, true, false, localdata.Special{}, ""},
		{"home.arpa", dnsmsg.TypeA, true, true, localdata.Special{RCode: dnsmsg.NXDomain}, ""},
	} {
		got, ok := localdata.LookupSpecial(wire(t, tt.name), tt.kind, tt.private)
		var addrs []string
		for _, a := range got.Addresses {
			addrs = append(addrs, a.String())
		}
		if ok != tt.ok || got.RCode != tt.want.RCode || got.Canary != tt.want.Canary || strings.Join(addrs, " ") != tt.addrs {
			t.Errorf("%s %s: %+v, %v; want %+v with %q, %v", tt.name, tt.kind, got, ok, tt.want, tt.addrs, tt.ok)
		}
	}
}

func TestRewrites_Apply(t *testing.T) {
	t.Parallel()
	list := localdata.Rewrites{{From: wire(t, "lan"), To: wire(t, "home")}, {From: wire(t, "x.test"), To: wire(t, "y")}}
	for _, tt := range []struct{ name, want string }{
		{"a.lan", "a.home"}, {"a.b.lan", "a.b.home"}, {"lan", ""}, {"xlan", ""}, {"a.x.test", "a.y"}, {"a.test", ""},
		{strings.Repeat("a.", 125) + "lan", ""}, // it would be too long
	} {
		got := ""
		if n := list.Apply(wire(t, tt.name)); n != nil {
			got = dnsmsg.Text(n)
		}
		if got != tt.want {
			t.Errorf("Apply(%s) = %q; want %q", tt.name, got, tt.want)
		}
	}
}
