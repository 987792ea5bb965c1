package verify_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerifier_own_route takes a TTL that no system begins with, and that is not near below one, for no
// evidence of a qube behind.
func TestVerifier_own_route(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[uint8]string{1: "unknown(no-traffic)", 3: "unknown(no-traffic)", 31: "unknown(no-traffic)", 32: "fail", 63: "fail", 64: "unknown(no-traffic)",
		100: "fail", 127: "fail", 190: "unknown(no-traffic)", 254: "fail"} {
		l := newLab(t)
		l.vpn()
		l.handshake()
		l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: srcVPN + ":40000", dst: "198.51.100.7:33434", ttl: ttl, payload: []byte("data")})
		if got := l.got("sys-vpn", "VPN-2"); got != want && got != want+" contained" {
			t.Errorf("VPN-2 is %s after a packet with TTL %d; want %s", got, ttl, want)
		}
	}
}

// TestVerifier_not_its_clock leaves the tunnel's state alone by what is not of the tunnel: packets with a
// spoofed source, and the end of another connection to the endpoint.
func TestVerifier_not_its_clock(t *testing.T) {
	t.Parallel()
	state := func(l *lab) string {
		l.wait(time.Second)
		return l.result("sys-vpn", "VPN-2").Tunnel.State.String()
	}
	l := newLab(t)
	l.vpn()
	l.handshake()
	l.traffic(3)
	for range 3 {
		l.send(wgFrame(1, 148, spoofedSource, endpoint))
	}
	if got := state(l); got != "up" {
		t.Errorf("the tunnel is %s after three handshakes with a spoofed source; want up", got)
	}

	l = newLab(t)
	l.expect("sys-vpn", verify.ProtocolOpenVPN, "203.0.113.9:443/tcp")
	stream := func(port int, flags uint8, back bool, payload ...byte) {
		f := frame{iface: ofVPN, proto: packet.ProtoTCP, src: fmt.Sprintf("%s:%d", srcVPN, port), dst: "203.0.113.9:443", flags: flags, payload: payload}
		if back {
			f.src, f.dst, f.out = f.dst, f.src, true
		}
		l.send(f)
	}
	opening := append(binary.BigEndian.AppendUint16(nil, 14), 0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0)
	for _, tt := range []struct {
		play func()
		want string
	}{
		{func() {
			stream(40000, syn, false)
			stream(40000, synAck, true)
			stream(40000, data, false, opening...)
			stream(40000, data, true, opening...)
		}, "up"},
		{func() { stream(55555, packet.RST, false) }, "up"},
		{func() { stream(55555, packet.RST, true) }, "up"},
		{func() { stream(40000, packet.FIN|packet.ACK, false) }, "down"},
		{func() {
			stream(40001, syn, false)
			stream(40001, synAck, true)
			stream(40001, data, false, opening...)
			stream(40001, data, true, opening...)
		}, "up"},
		{func() { stream(40000, packet.RST, true) }, "up"},
		{func() { stream(40001, packet.RST, true) }, "down"},
		{func() { stream(40000, data, false, opening...); stream(40000, data, true, opening...) }, "up"}, // the one from before goes on
	} {
		tt.play()
		if got := state(l); got != tt.want {
			t.Errorf("the tunnel is %s; want %s", got, tt.want)
		}
	}
}

// TestVerifier_relay_of_its_own gives each relay that is in no list its own time to come into one.
func TestVerifier_relay_of_its_own(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.torExit().Relays = relays(t, "203.0.113.20:9001")
	l.apply()
	l.torLink("203.0.113.21:9001", "www.5k7qa2pm3x.com")
	l.wait(25 * time.Hour)
	l.torLink("203.0.113.22:9001", "www.5k7qa2pm3y.com")
	l.want("TOR-3 sys-whonix unknown(no-expectation)")
	l.torLink("203.0.113.21:9001", "www.5k7qa2pm3y.com")
	l.want("TOR-3 sys-whonix fail")
}

// TestVerifier_hidden_upstream has no query of a qube hide one of this machine, be it forwarded or not: only its own copy
// is not this machine's.
func TestVerifier_hidden_upstream(t *testing.T) {
	t.Parallel()
	const asked = "www.example.com"
	for _, tt := range []struct {
		ttl  uint8
		name string
		want string
	}{{1, asked, "fail"}, {64, asked, "pass"}, {64, "x.example", "fail"}, {64, "www.example.net", "fail"}} {
		l := newLab(t)
		l.env.Upstreams = []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}
		l.apply()
		l.ask("9.9.9.9:53")
		l.send(frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5", dst: "8.8.8.8:53", payload: query(tt.name), ttl: tt.ttl})
		l.wait(5 * time.Second) // in a queue
		l.ask("8.8.8.8:53")
		l.want("DNS-2 this machine " + tt.want)
	}
}

// TestVerifier_unclear_upstream takes no packet for this machine's own that may be a qube's: one that may have been put
// together on the way, one that may have been lost, and one of a qube whose gateway has another MAC address.
func TestVerifier_unclear_upstream(t *testing.T) {
	t.Parallel()
	large := frame{iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":5", dst: "8.8.8.8:853", flags: data, pad: 2000}
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"a large segment": {func(l *lab) {
			l.send(large)
			large := large.masqueraded()
			large.pad = 1400
			l.send(large)
		}, "pass"},
		"lost": {func(l *lab) {
			l.udp(ofWork, srcWork+":5", "8.8.8.8:53", query("x.example"))
			l.v.Lost(1)
			l.ask("8.8.8.8:53")
		}, "unknown(capture-lost)"},
		"a virtual router": {func(l *lab) {
			l.altered(frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5", dst: "8.8.8.8:53", payload: query("www.example.com")}, 0, func(b []byte) {
				copy(b, "\x00\x00\x5e\x00\x01\x01")
			})
			l.ask("8.8.8.8:53")
		}, "pass"},
		"cut off": {func(l *lab) {
			l.altered(frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5", dst: "8.8.8.8:53", payload: query("www.example.com")}, 60, unaltered)
			l.ask("8.8.8.8:53")
		}, "pass"},
	} {
		l := newLab(t)
		l.env.Upstreams = []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}
		l.apply()
		l.ask("9.9.9.9:53")
		tt.play(l)
		if _, ok := l.want("DNS-2 this machine " + tt.want); !ok {
			t.Errorf("%s", name)
		}
	}
}

// TestVerifier_several_gateways takes frames to each of the MAC addresses for received that this machine has used lately.
func TestVerifier_several_gateways(t *testing.T) {
	t.Parallel()
	for used, want := range map[byte]string{2: "pass", 3: "pass", 4: "pass", 5: "unknown(no-traffic)"} {
		l := newLab(t)
		l.uplink()
		for i := range used {
			b := frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: server, dst: fmt.Sprintf("%s:%d", srcWork, 1+i)}.bytes()
			copy(b[6:], []byte{2, 2, 2, 2, 2, 1 + i})
			l.raw(ofWork, true, b)
		}
		b := attempt(ofWork, srcWork+":5000", "10.137.0.9:22").bytes()
		copy(b, []byte{2, 2, 2, 2, 2, 1})
		l.raw(ofWork, false, b)
		l.uplink()
		l.wait(3 * time.Second)
		l.want("ISO-1 work " + want)
	}
}
