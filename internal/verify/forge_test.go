package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerifier_forged_probe has another qube send all that a probe of sys-vpn waits for, and
// all that could spoil it: neither counts.
func TestVerifier_forged_probe(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.expect("work", verify.ProtocolWireGuard, endpoint+"/udp")
	l.handshake()
	p := l.probe(verify.ProbeTunnel)
	for _, n := range probe.Sizes() { // in the name of sys-vpn, and in its own
		for _, src := range []string{"10.137.0.20:40000", "10.137.0.6:40000"} {
			l.send(frame{iface: ofWork, proto: packet.ProtoUDP, src: src, dst: endpoint, payload: []byte{4, 0, 0, 0}, pad: 32 + (n+15)/16*16})
		}
		l.ping(ofWork, "10.137.0.6", "192.0.2.200", 1, pattern(p)...)
		l.ping(ofWork, "10.137.0.20", "192.0.2.200", 1, pattern(p)...)
	}
	l.wait(20 * time.Second)
	for _, subject := range []string{"sys-vpn", "work"} {
		if got := l.got(subject, "VPN-9"); strings.HasPrefix(got, "pass") || strings.HasPrefix(got, "fail") {
			t.Errorf("VPN-9 of %s is %s after a probe that another qube has answered", subject, got)
		}
	}
	if got := l.got("sys-vpn", "VPN-2"); strings.HasPrefix(got, "fail") {
		t.Errorf("VPN-2 of sys-vpn is %s by the canaries of another qube", got)
	}
}

// TestVerifier_forged_answers has another qube answer in the name of the endpoint: a tunnel
// that no one answers stays where it is, and nothing passes by it.
func TestVerifier_forged_answers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	for range 4 {
		l.wg(1, 148, false)
		l.send(frame{iface: ofWork, proto: packet.ProtoUDP, src: endpoint, dst: "10.137.0.20:40000", payload: []byte{2, 0, 0, 0}, pad: 92})
		l.wait(5 * time.Second)
	}
	for _, q := range l.v.View().Qubes {
		if q.Name == "sys-vpn" && q.Tunnel != "boot" {
			t.Errorf("the tunnel is %s by the answers of another qube; want boot", q.Tunnel)
		}
	}
	l.want("VPN-3 sys-vpn unknown(needs-probe); VPN-1 sys-vpn pass; VPN-2 sys-vpn unknown(no-traffic)")
}
