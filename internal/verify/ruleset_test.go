package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerifier_accepts compares the rules that accept traffic between qubes with the pairs that are allowed.
func TestVerifier_accepts(t *testing.T) {
	t.Parallel()
	const unread = "unknown(no-expectation)"
	for name, tt := range map[string]struct {
		rule string
		want string
	}{
		"the pair":              {"ip saddr 10.137.0.6 ip daddr 10.137.0.9 accept", "pass"},
		"the pair by vifs":      {"iifname vif4.0 oifname vif5.0 tcp dport 22 accept", "pass"},
		"the pair in IPv6":      {"ip6 saddr fd09:24ef:4179::a89:6 ip6 daddr fd09:24ef:4179::a89:9 accept", "pass"},
		"all vifs":              {"iifname vif* oifname vif* accept", "fail"},
		"all of a vif":          {"iifname vif4.0 accept", "fail"},
		"the other way":         {"ip saddr 10.137.0.9 ip daddr 10.137.0.6 accept", "fail"},
		"another pair":          {"ip saddr 10.137.0.6 ip daddr 10.137.0.20 accept", "fail"},
		"all":                   {"accept", "fail"},
		"addresses of no qube":  {"ip saddr 10.137.0.77 ip daddr 10.137.0.9 accept", unread},
		"a word without a rest": {"ip saddr 10.137.0.6 ip daddr", "fail"},
	} {
		l := newLab(t)
		l.env.Allow = [][2]string{{"work", "untrusted"}}
		l.rulesets(1)
		l.env.Ruleset.Accepts = []string{"ip qubes custom-forward: ip saddr 10.137.0.6 ip daddr 10.137.0.9 accept", "ip qubes custom-forward: " + tt.rule}
		l.apply()
		r := l.result("this machine", "ISO-2")
		if _, ok := l.want("ISO-2 this machine " + tt.want); !ok || tt.want != "pass" && !strings.Contains(r.Text, tt.rule) {
			t.Errorf("with a rule for %s the text is %q", name, r.Text)
		}
		l.env.Allow = nil
		l.apply()
		l.want("ISO-2 this machine fail")
	}
}

// TestVerifier_opens_more compares the rules of a tunnel's qube with its endpoint, and not with its address only.
func TestVerifier_opens_more(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		protocol       verify.Protocol
		endpoint, rule string
		want           string
	}{
		{verify.ProtocolWireGuard, endpoint + "/udp", "action=accept proto=udp dst4=203.0.113.9/32 dstports=51820-51820", "pass"},
		{verify.ProtocolWireGuard, endpoint + "/udp", "action=accept dst4=203.0.113.9/32", "fail"},
		{verify.ProtocolWireGuard, endpoint + "/udp", "action=accept proto=udp dst4=203.0.113.9/32", "fail"},
		{verify.ProtocolWireGuard, endpoint + "/udp", "action=accept proto=udp dst4=203.0.113.9/32 dstports=51820-51821", "fail"},
		{verify.ProtocolWireGuard, endpoint + "/udp", "action=accept proto=udp dst4=203.0.113.9/32 dstports=1194-1194", "fail"},
		{verify.ProtocolWireGuard, endpoint + "/udp", "action=accept proto=tcp dst4=203.0.113.9/32 dstports=51820-51820", "fail"},
		{verify.ProtocolIPsec, "203.0.113.9/esp", "action=accept dst4=203.0.113.9/32", "pass"},
	} {
		l := newLab(t)
		l.expect("sys-vpn", tt.protocol, tt.endpoint)
		l.qvmFirewall(srcVPN, "policy=drop", tt.rule)
		l.ping(ofVPN, srcVPN, "10.137.0.5", 64)
		l.wait(2 * time.Second)
		r := l.result("sys-vpn", "VPN-8")
		if _, ok := l.want("VPN-8 sys-vpn " + tt.want); !ok || tt.want == "fail" && r.Text != "qvm-firewall lets the qube reach more than "+tt.endpoint+": "+tt.rule {
			t.Errorf("with the rule %q the text is %q", tt.rule, r.Text)
		}
	}
}
