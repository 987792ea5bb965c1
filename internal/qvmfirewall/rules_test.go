package qvmfirewall_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// TestRules_Judge judges as qvm-firewall does: the first rule that matches decides.
func TestRules_Judge(t *testing.T) {
	t.Parallel()
	r, err := qvmfirewall.Parse(map[string]string{"policy": "drop", "": "", "0000": "action=drop dst4=203.0.113.0/24 proto=tcp dstports=25-25",
		"0001": "action=accept dst4=203.0.113.0/24 proto=tcp", "0002": "action=accept proto=icmp icmptype=8", "0005": "action=accept specialtarget=dns",
		"0006": "action=accept dsthost=www.example.com proto=tcp dstports=443", "0007": "action=accept dst4=192.0.2.9 dstports=123"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		proto uint8
		dst   string
		icmp  uint8
		want  qvmfirewall.Ruling
	}{
		{packet.ProtoTCP, "203.0.113.9:25", 0, qvmfirewall.Drops}, {packet.ProtoTCP, "203.0.113.9:80", 0, qvmfirewall.Accepts}, {packet.ProtoUDP, "203.0.113.9:80", 0, qvmfirewall.Drops},
		{packet.ProtoICMP, "198.51.100.7:0", 8, qvmfirewall.Accepts}, {packet.ProtoICMP, "198.51.100.7:0", 3, qvmfirewall.Drops}, {packet.ProtoUDP, "10.139.1.1:53", 0, qvmfirewall.Accepts},
		{packet.ProtoTCP, "198.51.100.7:443", 0, qvmfirewall.Unclear}, {packet.ProtoTCP, "198.51.100.7:80", 0, qvmfirewall.Drops},
		{packet.ProtoUDP, "192.0.2.9:123", 0, qvmfirewall.Accepts}, {packet.ProtoUDP, "192.0.2.9:124", 0, qvmfirewall.Drops}, {packet.ProtoICMP, "192.0.2.9:123", 3, qvmfirewall.Drops},
	} {
		dst := netip.MustParseAddrPort(tt.dst)
		if got := r.Judge(tt.proto, dst.Addr(), dst.Port(), tt.icmp); got != tt.want {
			t.Errorf("Judge(%d, %s, %d) = %v; want %v", tt.proto, tt.dst, tt.icmp, got, tt.want)
		}
	}
}

// TestRules_JudgeDNS takes a rule for the magic addresses that names other ports for none, as qubes-firewall does, and one
// with a name for one about other addresses.
func TestRules_JudgeDNS(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"action=accept specialtarget=dns":                 "0000",
		"action=accept specialtarget=dns dstports=53-53":  "0000",
		"action=accept specialtarget=dns dstports=53":     "0000",
		"action=accept specialtarget=dns dstports=50-60":  "",
		"action=accept specialtarget=dns dstports=5353":   "",
		"action=accept specialtarget=dns proto=tcp":       "",
		"action=accept dsthost=dns.example dstports=53":   "",
		"action=accept dsthost=10.139.1.1 dstports=53-53": "0000",
		"action=accept dst6=2001:db8::/32":                "",
		"action=accept proto=icmp icmptype=8":             "",
	} {
		r, err := qvmfirewall.Parse(map[string]string{"policy": "drop", "0000": rule})
		if err != nil {
			t.Fatal(err)
		}
		if accepted, by := r.JudgeDNS(packet.ProtoUDP, qvmfirewall.MagicDNS()[0]); accepted != (want != "") || by != want {
			t.Errorf("%s: %v by rule %q; want %q", rule, accepted, by, want)
		}
	}
}

// TestParse_refused refuses what qubes-firewall refuses, and what it does not know.
func TestParse_refused(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string]map[string]string{
		"policy":     {"policy": "reject"},
		"no policy":  {"0000": "action=accept"},
		"word":       {"policy": "drop", "0000": "action=accept color=red"},
		"no action":  {"policy": "drop", "0000": "proto=tcp"},
		"action":     {"policy": "drop", "0000": "action=reject"},
		"a name":     {"policy": "drop", "rule": "action=accept"},
		"no digits":  {"policy": "drop", "00x0": "action=accept"},
		"few digits": {"policy": "drop", "0": "action=accept"},
		"digits":     {"policy": "drop", "00000": "action=accept"},
		"other 1":    {"policy": "drop", "000\u0661": "action=accept"},
		"ports":      {"policy": "drop", "0000": "action=accept dstports=60-50"},
		"no port":    {"policy": "drop", "0000": "action=accept dstports="},
		"port":       {"policy": "drop", "0000": "action=accept dstports=65536"},
		"type":       {"policy": "drop", "0000": "action=accept proto=icmp icmptype=256"},
		"target":     {"policy": "drop", "0000": "action=accept specialtarget=ntp"},
		"protocol":   {"policy": "drop", "0000": "action=accept proto=gre"},
		"network":    {"policy": "drop", "0000": "action=accept dst4=2001:db8::/32"},
	} {
		_, err := qvmfirewall.Parse(entries)
		var unknown *qvmfirewall.ParseError
		if !errors.As(err, &unknown) || err.Error() == "" {
			t.Errorf("%s: Parse = %v; want a ParseError", name, err)
		}
	}
}

// FuzzParse reads any rule, and judges with those it takes.
func FuzzParse(f *testing.F) {
	f.Add("drop", "0000", "action=accept dst4=203.0.113.9/32 proto=udp dstports=51820-51820", uint16(51820))
	f.Add("accept", "0001", "action=drop specialtarget=dns", uint16(53))
	f.Fuzz(func(t *testing.T, policy, key, rule string, port uint16) {
		r, err := qvmfirewall.Parse(map[string]string{"policy": policy, key: rule})
		if err != nil {
			return
		}
		r.Judge(packet.ProtoUDP, netip.MustParseAddr("203.0.113.9"), port, 0)
		r.JudgeDNS(packet.ProtoTCP, qvmfirewall.MagicDNS()[1])
		if hosts, open, ok := r.Hosts(); ok != (len(hosts) > 0) || len(hosts)+len(open) > len(r.List) {
			t.Errorf("Hosts of %q = %v, %v, %v", rule, hosts, open, ok)
		}
	})
}
