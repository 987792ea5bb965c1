package verify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// raw shows a frame, a millisecond after the last.
func (l *lab) raw(iface uint32, out bool, data []byte) {
	l.tb.Helper()
	l.now += int64(time.Millisecond)
	l.decoded.Time, l.decoded.Iface, l.decoded.Length, l.decoded.Direction = l.now, iface, uint32(len(data)), packet.Inbound
	if out {
		l.decoded.Direction = packet.Outbound
	}
	if status := l.decoded.Decode(packet.LinkEthernet, data); status != packet.OK {
		l.tb.Fatalf("Decode = %v of %x", status, data)
	}
	l.judge(&l.decoded, data)
}

// masqueraded returns a packet as it leaves by the uplink.
func (f frame) masqueraded() frame {
	f.iface, f.out, f.src = eth0, true, "192.168.1.5:5000"
	return f
}

// attempt returns a datagram from a vif.
func attempt(iface uint32, src, dst string) frame {
	return frame{iface: iface, proto: packet.ProtoUDP, src: src, dst: dst, payload: []byte("secretsecret")}
}

// Where attempts come from and go to.
const (
	spoofedSource = "10.137.1.128:5000"
	farAway       = "198.51.100.9:9999"
)

// TestVerifier_for_all_checks follows a packet once for all checks that it is about: each of them fails if
// it comes out.
func TestVerifier_for_all_checks(t *testing.T) {
	t.Parallel()
	tunnel := func(l *lab) { l.vpn(); l.handshake() }
	ruled := func(iface uint32, src string) func(*lab) {
		return func(l *lab) {
			l.qvmFirewall(src, "policy=drop", "action=accept proto=udp dst4=203.0.113.9/32 dstports=51820-51820")
			if iface == ofVPN {
				tunnel(l)
			}
			l.wait(6 * time.Second)
		}
	}
	toWork := attempt(ofVPN, srcVPN+":5000", "10.137.0.6:22")
	for name, tt := range map[string]struct {
		set     func(*lab)
		in, out frame
		want    string
	}{
		"to another qube, beside a tunnel": {tunnel, toWork, frame{iface: ofWork, out: true, proto: toWork.proto, src: toWork.src, dst: toWork.dst, payload: toWork.payload},
			"ISO-1 sys-vpn fail; VPN-1 sys-vpn fail; VPN-6 sys-vpn fail"},
		"spoofed, beside a tunnel": {tunnel, attempt(ofVPN, spoofedSource, farAway), attempt(ofVPN, spoofedSource, farAway).masqueraded(),
			"ISO-3 sys-vpn fail; VPN-1 sys-vpn fail"},
		"ruled out, beside a tunnel": {ruled(ofVPN, srcVPN), attempt(ofVPN, srcVPN+":5000", farAway), attempt(ofVPN, srcVPN+":5000", farAway).masqueraded(),
			"ISO-6 sys-vpn fail; VPN-1 sys-vpn fail"},
		"spoofed and ruled out": {ruled(ofWork, srcWork), attempt(ofWork, spoofedSource, farAway), attempt(ofWork, spoofedSource, farAway).masqueraded(),
			"ISO-3 work fail; ISO-6 work fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			tt.set(l)
			for range 3 {
				l.send(tt.in)
				l.send(tt.out)
				l.wait(2 * time.Second)
			}
			l.want(tt.want)
		})
	}
}

// TestVerifier_behind_the_packet finds a packet again though bytes that belong to no packet are behind
// it, which the kernel cuts off.
func TestVerifier_behind_the_packet(t *testing.T) {
	t.Parallel()
	reset := frame{iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":5000", dst: "10.137.0.9:22", flags: packet.RST}
	arrived := reset
	arrived.iface, arrived.out = ofUntrusted, true
	for check, tt := range map[string]struct{ in, out frame }{
		"ISO-1": {reset, arrived},
		"ISO-3": {attempt(ofWork, spoofedSource, farAway), attempt(ofWork, spoofedSource, farAway).masqueraded()},
	} {
		l := newLab(t)
		l.raw(tt.in.iface, false, append(tt.in.bytes(), 0, 0, 0, 0))
		l.send(tt.out)
		l.wait(3 * time.Second)
		l.want(check + " work fail")
	}
	l := newLab(t)
	l.vpn()
	l.handshake()
	leak := attempt(ofVPN, srcVPN+":5000", farAway)
	l.raw(ofVPN, false, append(leak.bytes(), 0, 0, 0, 0))
	l.send(leak.masqueraded())
	l.wait(3 * time.Second)
	l.want("VPN-1 sys-vpn fail")
}

// TestVerifier_untraced knows nothing of packets that were not followed for want of room, and has room
// left where packets flood that no kernel forwards.
func TestVerifier_untraced(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[uint8]string{
		1:  "ISO-3 work fail",
		64: "ISO-3 work unknown(capture-lost)",
	} {
		l := newLab(t)
		one := attempt(ofWork, spoofedSource, farAway)
		l.uplink()
		l.send(one)
		l.wait(2 * time.Second)
		l.want("ISO-3 work pass")
		other := one
		other.ttl = ttl
		for i := range 1200 {
			other.payload = []byte{1, byte(i), byte(i >> 8), 9}
			l.show(other)
		}
		l.send(one)
		l.send(one.masqueraded())
		l.wait(3 * time.Second)
		l.want(want)
	}
	l := newLab(t)
	l.vpn()
	l.handshake()
	leak := attempt(ofVPN, srcVPN+":5000", farAway)
	for i := range 1200 {
		leak.payload = []byte{1, byte(i), byte(i >> 8), 9}
		l.show(leak)
	}
	l.wait(3 * time.Second)
	l.want("VPN-1 sys-vpn fail") // and not contained
}

// TestVerifier_many_attempts takes no attempt to reach this machine for one without an answer that it has
// lost sight of.
func TestVerifier_many_attempts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		proto  uint8
		others int
		want   string
	}{
		{packet.ProtoTCP, 0, "fail"}, {packet.ProtoTCP, 8, "fail"}, {packet.ProtoTCP, 200, "fail"},
		{packet.ProtoUDP, 0, "fail"}, {packet.ProtoUDP, 40, "fail"}, {packet.ProtoUDP, 200, "unknown(capture-lost)"},
	} {
		l := newLab(t)
		f := frame{iface: ofWork, proto: tt.proto, src: srcWork + ":5000", dst: "10.137.0.5:8082", flags: syn}
		for range 3 {
			l.show(f)
			for i := range tt.others {
				other := f
				other.dst = fmt.Sprintf("10.137.0.5:%d", 20000+i)
				l.show(other)
			}
			l.send(frame{iface: ofWork, out: true, proto: tt.proto, src: f.dst, dst: f.src, flags: synAck})
			l.wait(1500 * time.Millisecond)
		}
		if _, ok := l.want("ISO-4 work " + tt.want); !ok {
			t.Errorf("with %d others of protocol %d", tt.others, tt.proto)
		}
	}
	l := newLab(t)
	for range 200 { // again and again
		l.send(frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5000", dst: "10.137.0.5:8082"})
	}
	l.wait(3 * time.Second)
	l.want("ISO-4 work pass")
}

// TestVerifier_not_told_apart decides nothing by packets of two qubes that are the same, and tells
// datagrams apart that begin alike.
func TestVerifier_not_told_apart(t *testing.T) {
	t.Parallel()
	request := append([]byte{0xc3, 0, 0, 0, 1, 8}, make([]byte, 100)...)
	for last, want := range map[byte]string{
		0: "ISO-3 work unknown(capture-lost); ISO-3 untrusted unknown(capture-lost)",
		1: "ISO-3 work pass; ISO-3 untrusted fail",
	} {
		l := newLab(t)
		l.uplink()
		one, other := attempt(ofWork, spoofedSource, farAway), attempt(ofUntrusted, spoofedSource, farAway)
		one.payload, other.payload = request, append([]byte(nil), request...)
		other.payload[20] = last
		l.send(one)
		l.send(other)
		l.send(other.masqueraded())
		l.wait(3 * time.Second)
		l.want(want)
	}
}

// TestVerifier_out_of_order finds a packet that stands in front of itself in a file, and none that has left before it came.
func TestVerifier_out_of_order(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		unordered bool
		delay     time.Duration
		want      string
	}{
		"as it comes": {false, time.Millisecond, "pass"},
		"in a file":   {true, time.Millisecond, "fail"},
		"of before":   {true, -time.Millisecond, "pass"},
	} {
		l := newLab(t)
		l.v, l.several = verify.New(verify.Config{World: l, Unordered: tt.unordered}), true
		l.apply()
		l.uplink()
		l.uplink()
		l.udp(ofWork, srcWork+":1", server, nil) // so that both interfaces are known
		in := attempt(ofWork, spoofedSource, farAway)
		at := l.now
		l.now = at + int64(tt.delay)
		l.show(in.masqueraded())
		l.now = at
		l.show(in)
		l.wait(3 * time.Second)
		if _, ok := l.want("ISO-3 work " + tt.want); !ok {
			t.Errorf("with packets %s", name)
		}
	}
}

// TestVerifier_out_of_order_first finds a packet that stands behind itself at the beginning of a file, where no packet
// of its vif has come.
func TestVerifier_out_of_order_first(t *testing.T) {
	t.Parallel()
	for several, want := range map[bool]string{true: "fail", false: "unknown(no-traffic)"} {
		l := newLab(t)
		l.v, l.several = verify.New(verify.Config{World: l, Unordered: true}), several
		l.apply()
		in := attempt(ofWork, spoofedSource, farAway)
		l.now += int64(time.Millisecond)
		l.show(in.masqueraded())
		l.now -= int64(time.Millisecond)
		l.show(in)
		l.wait(3 * time.Second)
		if _, ok := l.want("ISO-3 work " + want); !ok {
			t.Errorf("with several interfaces: %t", several)
		}
	}
}

// TestVerifier_asked_elsewhere has no query count as kept in that a resolver may have passed on.
func TestVerifier_asked_elsewhere(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	l.udp(ofVPN, srcVPN+":5000", resolver, query("secret.example.net"))
	l.wait(3 * time.Second)
	l.want("VPN-5 sys-vpn fail; VPN-1 sys-vpn fail")
}

// TestVerifier_late_fragment has no fragment count as kept in because it waits for another one.
func TestVerifier_late_fragment(t *testing.T) {
	t.Parallel()
	for first, want := range map[bool]string{false: "VPN-1 sys-vpn fail contained", true: "VPN-1 sys-vpn fail"} {
		l := newLab(t)
		l.vpn()
		l.handshake()
		b := attempt(ofVPN, srcVPN+":5000", farAway).bytes()
		if first {
			b[20] = 0x20
			checksum(b)
		}
		l.raw(ofVPN, false, b)
		l.wait(3 * time.Second)
		l.want(want)
	}
}
