package qvmfirewall_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// TestParse_empty refuses words without a value, and does not take them for everything.
func TestParse_empty(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"dsthost=", "dsthost", "dst4=", "dst6=", "proto=", "proto=tcp proto=", "dstports=", "specialtarget=", "icmptype="} {
		if r, err := qvmfirewall.Parse(map[string]string{"policy": "drop", "0000": "action=accept " + word}); err == nil {
			t.Errorf("Parse(%q) = %+v; want an error", word, r.List)
		}
	}
}

// TestRules_Hosts has rules for DNS and ICMP apart from those that open more than a host.
func TestRules_Hosts(t *testing.T) {
	t.Parallel()
	for rule, aside := range map[string]bool{
		"action=accept specialtarget=dns": true, "action=accept proto=icmp": true, "action=accept dst4=198.51.100.7 proto=icmp": true, "action=accept icmptype=8": true,
		"action=accept proto=tcp": false, "action=accept dsthost=a.example": false, "action=accept dst4=198.51.100.0/24": false,
	} {
		r, err := qvmfirewall.Parse(map[string]string{"policy": "drop", "0000": "action=accept dst4=203.0.113.9", "0001": rule, "0002": "action=drop", "0003": "action=accept proto=udp"})
		if err != nil {
			t.Fatal(err)
		}
		if hosts, open, ok := r.Hosts(); !ok || len(hosts) != 1 || len(open) != 1 || open[0].Aside() != aside {
			t.Errorf("%s: Hosts = %v, %v, %v; want one host, and one rule whose Aside is %v", rule, hosts, open, ok, aside)
		}
	}
}
