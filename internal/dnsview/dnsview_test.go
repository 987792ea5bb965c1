package dnsview_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestNames(t *testing.T) {
	t.Parallel()
	n := dnsview.NewNames(nil)
	a, b := netip.MustParseAddr("10.137.0.1"), netip.MustParseAddr("10.137.0.2")
	web := netip.MustParseAddr("198.51.100.7")
	second := int64(time.Second)
	n.Add(a, web, "www.example", 1000*second, 60)
	end := 1000*second + 60*second + int64(dnsview.Slack)
	for _, tt := range []struct {
		name   string
		client netip.Addr
		at     int64
		want   string
		known  bool
	}{
		{"at once", a, 1000 * second, "www.example", true}, {"before", a, 990 * second, "", false}, {"at the end", a, end, "www.example", true},
		{"too late", a, end + 1, "", true}, {"another client", b, 1000 * second, "", false},
	} {
		if got, known := n.Find(tt.client, web, tt.at); got != tt.want || known != tt.known {
			t.Errorf("%s: Find = %q, %v; want %q, %v", tt.name, got, known, tt.want, tt.known)
		}
	}
	n.ObserveQuery(b, 0)
	if _, known := n.Find(b, web, 0); !known {
		t.Error("a client that has asked is not known")
	}
}

// TestNames_bounds checks that one client cannot evict the names of the others.
func TestNames_bounds(t *testing.T) {
	t.Parallel()
	n := dnsview.NewNames(nil)
	quiet, loud := netip.MustParseAddr("10.137.0.1"), netip.MustParseAddr("10.137.0.2")
	web := netip.MustParseAddr("198.51.100.7")
	n.Add(quiet, web, "www.example", 0, 60)
	for i := range 100_000 {
		n.Add(loud, netip.AddrFrom4([4]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}), fmt.Sprint(i), 0, 60)
	}
	if s := n.Stats(); s.Addresses > 8193 || s.Evicted == 0 {
		t.Errorf("stats = %+v", s)
	}
	if got, _ := n.Find(quiet, web, 0); got != "www.example" {
		t.Errorf("the quiet client has lost its name: %q", got)
	}
}

// TestNames_gone checks that clients that are gone leave their room to others.
func TestNames_gone(t *testing.T) {
	t.Parallel()
	n := dnsview.NewNames(nil)
	web := netip.MustParseAddr("198.51.100.7")
	for c := range 5000 {
		client := netip.AddrFrom4([4]byte{10, 138, byte(c >> 8), byte(c)})
		for i := range 20 {
			n.Add(client, netip.AddrFrom4([4]byte{1, 2, 3, byte(i)}), "old.example", 0, 60)
		}
	}
	month := int64(30 * 24 * time.Hour)
	client := netip.MustParseAddr("10.138.200.1")
	n.Add(client, web, "www.example", month, 60)
	if got, known := n.Find(client, web, month); got != "www.example" || !known {
		t.Errorf("a month later: %q, %v; stats %+v", got, known, n.Stats())
	}
	if s := n.Stats(); s.Addresses != 1 || s.Clients != 1 {
		t.Errorf("what is gone is kept: %+v", s)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	own := func(a netip.Addr) bool { return a == netip.MustParseAddr("10.139.1.1") }
	for _, tt := range []struct {
		dst   string
		port  uint16
		proto uint8
		sni   string
		want  dnsview.Bypass
	}{
		{"10.139.1.1", 53, packet.ProtoUDP, "", dnsview.None}, {"8.8.8.8", 53, packet.ProtoUDP, "", dnsview.PlainDNS},
		{"8.8.8.8", 53, packet.ProtoTCP, "", dnsview.PlainDNS}, {"192.0.2.1", 853, packet.ProtoTCP, "", dnsview.DNSOverTLS},
		{"192.0.2.1", 853, packet.ProtoUDP, "", dnsview.DNSOverQ}, {"192.0.2.1", 443, packet.ProtoTCP, "dns.google", dnsview.DNSOverH},
		{"1.1.1.1", 443, packet.ProtoUDP, "", dnsview.DNSOverH}, {"192.0.2.1", 443, packet.ProtoTCP, "www.example", dnsview.None},
		// Hosts of one client each, and their other addresses.
		{"192.0.2.1", 443, packet.ProtoTCP, "Laptop-abc123.dns.nextdns.io", dnsview.DNSOverH},
		{"192.0.2.1", 443, packet.ProtoTCP, "k4v2x.cloudflare-gateway.com", dnsview.DNSOverH},
		{"192.0.2.1", 443, packet.ProtoUDP, "family.adguard-dns.com.", dnsview.DNSOverH},
		{"192.0.2.1", 443, packet.ProtoTCP, "www.adguard-dns.com", dnsview.None},
		{"192.0.2.1", 443, packet.ProtoTCP, "nextdns.io", dnsview.None},
		{"192.0.2.1", 443, packet.ProtoTCP, "xdns.nextdns.io", dnsview.None},
		{"45.90.28.77", 443, packet.ProtoTCP, "", dnsview.DNSOverH},
		{"9.9.9.12", 443, packet.ProtoTCP, "", dnsview.DNSOverH},
		{"2606:4700:4700::1113", 443, packet.ProtoTCP, "", dnsview.DNSOverH},
		{"2a07:e340::4", 443, packet.ProtoTCP, "", dnsview.DNSOverH},
		// Behind NAT64 (RFC 6052).
		{"64:ff9b::8.8.4.4", 443, packet.ProtoTCP, "", dnsview.DNSOverH},
		{"64:ff9b::c000:201", 443, packet.ProtoTCP, "", dnsview.None},
		// Ports of public resolvers beside 53, and those of others.
		{"9.9.9.9", 9953, packet.ProtoUDP, "", dnsview.PlainDNS}, {"208.67.222.222", 5353, packet.ProtoTCP, "", dnsview.PlainDNS},
		{"94.140.14.14", 5443, packet.ProtoUDP, "", dnsview.PlainDNS}, {"192.0.2.1", 9953, packet.ProtoUDP, "", dnsview.None},
		{"8.8.8.8", 33434, packet.ProtoUDP, "", dnsview.None}, {"224.0.0.251", 5353, packet.ProtoUDP, "", dnsview.None},
		{"ff02::fb", 5353, packet.ProtoUDP, "", dnsview.None}, {"224.0.0.252", 5355, packet.ProtoUDP, "", dnsview.None},
		{"1.1.1.1", 80, packet.ProtoTCP, "", dnsview.None}, {"9.9.9.9", 8443, packet.ProtoTCP, "", dnsview.PlainDNS},
	} {
		addr, family := packet.AddrFrom(netip.MustParseAddr(tt.dst))
		f := &event.Flow{Record: flow.Record{}}
		f.Family, f.Proto = family, tt.proto
		f.Destination.Addr, f.Destination.Port = addr, tt.port
		if tt.sni != "" {
			f.Hello = &clienthello.Hello{ServerName: tt.sni}
		}
		if got := dnsview.Classify(f, own); got != tt.want {
			t.Errorf("%s:%d %s: Classify = %q; want %q", tt.dst, tt.port, tt.sni, got, tt.want)
		}
	}
}

// TestAttack03_names keeps the names of a quiet client while eight others have long
// names without end, and others yet invent addresses. A newcomer finds room.
func TestAttack03_names(t *testing.T) {
	t.Parallel()
	n := dnsview.NewNames(nil)
	quiet, late := netip.MustParseAddr("10.137.0.1"), netip.MustParseAddr("10.137.0.9")
	web := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}) }
	for i := range 200 {
		n.Add(quiet, web(i), "www.example", 0, 60)
	}
	long := strings.Repeat("a", 255)
	for i := range 80_000 {
		n.Add(netip.AddrFrom4([4]byte{10, 138, 0, byte(i % 8)}), netip.AddrFrom4([4]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}), long, 0, 60)
	}
	for i := range 20_000 {
		n.ObserveQuery(netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)}), 0)
	}
	for i := range 200 {
		n.Add(late, web(i), "late.example", 0, 60)
	}
	for i := range 200 {
		if got, _ := n.Find(quiet, web(i), 0); got != "www.example" {
			t.Fatalf("the quiet client has lost name %d: %q", i, got)
		}
		if got, _ := n.Find(late, web(i), 0); got != "late.example" {
			t.Fatalf("the newcomer has lost name %d: %q", i, got)
		}
	}
	if s := n.Stats(); s.Clients > 4096 || s.Addresses*(120+255) > 9<<20 {
		t.Errorf("stats = %+v", s)
	}
}
