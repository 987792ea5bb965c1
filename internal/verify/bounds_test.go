package verify_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestVerifier_gone keeps the fails of a vif that is gone, and none of its passes.
func TestVerifier_gone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	l.fallBack(false)
	l.want("VPN-1 sys-vpn fail; VPN-7 sys-vpn pass")
	l.qubes = []*qube.Qube{work}
	l.wait(2 * time.Second)
	l.want("VPN-1 sys-vpn fail; VPN-7 sys-vpn absent; ISO-1 sys-vpn absent")
}

// TestVerifier_share leaves room in the tracer for others while one qube floods.
func TestVerifier_share(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.uplink()
	for i := range 5000 {
		l.now -= int64(time.Millisecond) // all of them at once
		l.udp(ofWork, "10.137.1.128:1", netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, byte(i >> 8), byte(i)}), 9).String(), nil)
	}
	l.vpn()
	l.ping(ofVPN, "10.137.0.20", "198.51.100.7", 63)
	l.wait(2 * time.Second)
	if r := l.result("sys-vpn", "VPN-1"); r.Evidence.Traced != 1 || !r.Contained {
		t.Errorf("the packet of sys-vpn was not followed: %+v", r.Evidence)
	}
	if s := l.v.Stats(); s.Untraced < 4000 {
		t.Errorf("%d packets were not followed; want most", s.Untraced)
	}
}

// TestVerifier_no_uplink calls nothing contained, and no spoofing dropped, if it does not see
// where packets leave.
func TestVerifier_no_uplink(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.fallBack(true)
	l.ping(ofWork, "10.137.1.128", "198.51.100.7", 64)
	l.wait(3 * time.Second)
	l.want("VPN-1 sys-vpn fail; ISO-3 work unknown(no-traffic)")
}

// TestVerifier_upstream judges what this machine asks itself, and not what its clients ask.
func TestVerifier_upstream(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.env.Upstreams = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}
	l.apply()
	ask := func(dst string) {
		l.send(frame{iface: eth0, out: true, proto: packet.ProtoUDP, src: "192.168.1.5:999", dst: dst, payload: query("a.example")})
	}
	ask("192.0.2.53:53")
	l.want("DNS-2 this machine pass")
	l.udp(ofWork, "10.137.0.6:1", "192.0.2.99:53", query("a.example"))
	ask("192.0.2.99:53") // masqueraded
	ask(resolver)
	l.want("DNS-2 this machine pass; DNS-1 work fail")
	ask("192.0.2.98:53")
	l.want("DNS-2 this machine fail")
}

// TestVerifier_bounds adds more vifs than there is room for.
func TestVerifier_bounds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for i := range uint32(3000) {
		l.names[100+i] = "vif" + string(rune('1'+i%9)) + "00.0"
		l.udp(100+i, "10.137.0.77:1", server, nil)
	}
	if s := l.v.Stats(); s.Subjects > 1024 || s.Evicted < 1900 {
		t.Errorf("stats = %+v", s)
	}
}

// TestVerifier_forger lets a hostile qube do what it likes: no other qube's verdict moves,
// and it gets no pass by a shape alone.
func TestVerifier_forger(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.torExit().Relays = relays(t, "203.0.113.20:9001")
	l.apply()
	l.handshake()
	l.traffic(2)
	before := l.got("sys-vpn", "VPN-1") + l.got("sys-vpn", "VPN-7") + l.got("sys-vpn", "ISO-3")
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		f := frame{iface: ofWork, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: endpoint, payload: []byte{byte(1 + random.IntN(4)), 0, 0, 0}, pad: 148}
		switch i % 4 {
		case 1:
			f.dst = server
		case 2:
			f.dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)}), 53).String()
		case 3:
			f.dst = "10.137.0.9:1"
		}
		l.send(f)
	}
	if after := l.got("sys-vpn", "VPN-1") + l.got("sys-vpn", "VPN-7") + l.got("sys-vpn", "ISO-3"); after != before {
		t.Errorf("another qube's verdicts have moved from %s to %s", before, after)
	}
	if got := l.got("work", "VPN-7"); got != "absent" {
		t.Errorf("the forger has VPN-7 %s", got)
	}
	l.fallBack(false) // its share of the tracer is its own
	l.wait(2 * time.Second)
	if r := l.result("sys-vpn", "VPN-1"); r.Evidence.Traced == 0 {
		t.Error("the packets of sys-vpn were not followed while another qube flooded")
	}
}

// TestVerifier_contained_events publishes few events about a qube that leaks now and then into
// a firewall.
func TestVerifier_contained_events(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	for range 100 {
		l.ping(ofVPN, "10.137.0.20", "198.51.100.7", 63)
		l.uplink()
		l.wait(700 * time.Millisecond)
	}
	l.want("VPN-1 sys-vpn fail contained")
	n := 0
	for _, r := range l.reports {
		if r.Check.String() == "VPN-1" {
			n++
		}
	}
	if n > 4 {
		t.Errorf("%d events of VPN-1; want few", n)
	}
}
