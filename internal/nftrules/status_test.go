package nftrules_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/nftrules"
)

// TestStatus checks the findings about a netvm with many faults.
func TestStatus(t *testing.T) {
	t.Parallel()
	s := state(t, `, {"chain": {"family": "ip", "table": "qubes", "name": "dnat-dns"}}, {"table": {"family": "inet", "name": "qubes-nat-accel"}},
 {"set": {"family": "ip", "table": "qubes", "name": "allowed", "elem": [{"concat": ["vif4.0", "10.137.0.6"]}, {"concat": ["vif5.0", "10.137.0.7"]}, {"concat": ["vif6.0", "10.137.0.9"]}]}}`)
	names := map[netip.Addr]string{netip.MustParseAddr("10.137.0.6"): "work", netip.MustParseAddr("10.137.0.8"): "personal"}
	facts := nftrules.Facts{
		Name: func(a netip.Addr) string { return names[a] },
		Domain: func(vif string) []netip.Addr {
			if vif == "vif5.0" {
				return []netip.Addr{netip.MustParseAddr("10.137.0.8")}
			}
			return nil
		},
		Connected: []netip.Addr{netip.MustParseAddr("192.168.1.2")},
	}
	var b strings.Builder
	for _, f := range nftrules.Status(s, nftrules.Config{ResolverPort: 5353, NFLogGroup: 53}, facts) {
		fmt.Fprintln(&b, f.Good, f.Text)
	}
	for _, want := range []string{
		"false custom-qubesbeat-dns: missing", "false the table qubes-firewall is missing",
		"false the chain antispoof is missing", "true Qubes offloads flows", "false vif5.0: Qubes accepts 10.137.0.7, the inventory has [10.137.0.8]",
		"false without a name in the inventory: 10.137.0.9 (vif6.0)", "true QubesDB lists 192.168.1.2", "2 of 3 client addresses have a name",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestObstacles_many says so if it does not look at all clients.
func TestObstacles_many(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{256: "", 300: "the DNS of 44 clients was not looked at"} {
		var elements []string
		for i := range n {
			elements = append(elements, fmt.Sprintf(`{"concat": ["vif%d.0", "10.137.%d.%d"]}`, i+1, i/250, i%250+1))
		}
		s := state(t, `, {"set": {"family": "ip", "table": "qubes", "name": "allowed", "elem": [`+strings.Join(elements, ",")+`]}}`)
		found, clients := nftrules.Obstacles(s, nftrules.Config{ResolverPort: 5353}, nil)
		var texts strings.Builder
		for _, f := range found {
			if f.Unknown {
				fmt.Fprintln(&texts, f.Text)
			}
		}
		if said := strings.Contains(texts.String(), "was not looked at"); clients != n || said != (want != "") || !strings.Contains(texts.String(), want) {
			t.Errorf("%d clients: Obstacles = %d clients, %s", n, clients, texts.String())
		}
	}
}
