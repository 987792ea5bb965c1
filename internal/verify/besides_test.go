package verify_test

import (
	"strings"
	"testing"
	"time"
)

// TestVerifier_open_rules has the rules of qvm-firewall let a qube reach nothing but its endpoint, DNS and ICMP.
func TestVerifier_open_rules(t *testing.T) {
	t.Parallel()
	const named, unnamed = "se1.relays.example", ""
	for name, tt := range map[string]struct {
		rule, name, want string
	}{
		"nothing":         {"action=drop", unnamed, "pass"},
		"DNS":             {"action=accept specialtarget=dns", unnamed, "pass"},
		"ICMP":            {"action=accept proto=icmp", unnamed, "pass"},
		"ICMP to a host":  {"action=accept dst4=198.51.100.7 proto=icmp icmptype=8", unnamed, "pass"},
		"everything":      {"action=accept dst4=0.0.0.0/0", unnamed, "fail"},
		"TCP":             {"action=accept proto=tcp", unnamed, "fail"},
		"HTTPS":           {"action=accept proto=tcp dstports=443-443", unnamed, "fail"},
		"a network":       {"action=accept dst4=10.0.0.0/8", unnamed, "fail"},
		"another host":    {"action=accept dst4=198.51.100.7", unnamed, "fail"},
		"its name":        {"action=accept dsthost=SE1.relays.example", named, "unknown(no-expectation)"},
		"another name":    {"action=accept dsthost=evil.example", named, "fail"},
		"a name, perhaps": {"action=accept dsthost=evil.example", unnamed, "unknown(no-expectation)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			if tt.name != "" {
				l.vpn().Names = []string{tt.name}
			} else {
				l.vpn()
			}
			l.qvmFirewall("10.137.0.20", "policy=drop", "action=accept dst4=203.0.113.9/32 proto=udp dstports=51820-51820", tt.rule, "action=drop")
			l.handshake()
			l.want("VPN-8 sys-vpn " + tt.want)
			if text := l.result("sys-vpn", "VPN-8").Text; tt.want != "pass" && !strings.Contains(text, tt.rule) {
				t.Errorf("VPN-8 is %q; want the rule %q in it", text, tt.rule)
			}
		})
	}
}

// TestVerifier_name_only knows nothing of rules that have the endpoint by its name alone.
func TestVerifier_name_only(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.qvmFirewall("10.137.0.20", "policy=drop", "action=accept dsthost=se1.relays.example proto=udp dstports=51820-51820", "action=drop")
	l.handshake()
	l.want("VPN-8 sys-vpn unknown(no-expectation)")
}

// TestVerifier_no_endpoint says nothing of a tunnel whose endpoint is not known, and what is certain all the same.
func TestVerifier_no_endpoint(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.expect("sys-vpn", 0)
	l.handshake()
	l.traffic(3)
	l.ping(ofVPN, "10.137.0.20", "203.0.113.9", 63)
	l.tcp(ofVPN, "10.137.0.20:1", "192.168.1.10:443", syn, nil)
	l.want("VPN-1 sys-vpn unknown(no-expectation); VPN-2 sys-vpn unknown(no-expectation); VPN-3 sys-vpn unknown(no-expectation); " +
		"VPN-4 sys-vpn unknown(no-expectation); VPN-6 sys-vpn unknown(no-expectation); VPN-7 sys-vpn unknown(no-expectation); VPN-8 sys-vpn unknown(no-rules-read); " +
		"VPN-9 sys-vpn unknown(no-expectation); VPN-10 sys-vpn unknown(no-expectation)")
	if text := l.result("sys-vpn", "VPN-1").Text; !strings.Contains(text, "no endpoint") || !strings.Contains(text, "verify learn") {
		t.Errorf("VPN-1 is %q; want what is missing, and where to give it", text)
	}
	if list := l.alerts(); len(list) != 0 {
		t.Errorf("alerts: %q; want none", list)
	}
	if q := l.v.View().Qubes; len(q) != 1 || q[0].Looks == nil || len(q[0].Looks.Endpoints) != 1 || q[0].Looks.Endpoints[0] != endpoint+"/udp" {
		t.Errorf("qubes: %+v; want the endpoint that was seen", q)
	}
	l.udp(ofVPN, "10.137.0.20:1", "198.51.100.53:53", query("leak.example.com"))
	l.want("VPN-5 sys-vpn fail; DNS-3 sys-vpn fail; VPN-1 sys-vpn unknown(no-expectation); VPN-6 sys-vpn unknown(no-expectation)")
	l.ping(ofVPN, "10.137.0.20", "10.137.0.6", 63)
	l.wait(time.Second)
	l.want("VPN-6 sys-vpn fail contained; VPN-1 sys-vpn unknown(no-expectation)")
	if st := l.v.Stats(); st.Agree+st.Against+st.Own+st.NotJudged != st.Packets {
		t.Errorf("packets are judged twice, or not at all: %+v", st)
	}
}

// TestVerifier_learn_stream proposes the endpoint of OpenVPN over TCP, which does not begin with the first segment.
func TestVerifier_learn_stream(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.expect("sys-vpn", 0)
	l.tcp(ofVPN, "10.137.0.20:40001", "203.0.113.9:443", syn, nil)
	l.tcp(ofVPN, "10.137.0.20:40001", "203.0.113.9:443", data, []byte{0, 14, 0x38, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0})
	if q := l.v.View().Qubes; len(q) != 1 || q[0].Looks == nil || q[0].Looks.Endpoints[0] != "203.0.113.9:443/tcp" {
		t.Errorf("qubes: %+v; want the endpoint that was seen", q)
	}
}
