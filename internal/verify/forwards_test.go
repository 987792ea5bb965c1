package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// likeHeader returns options that look like the header of the packet, and have another TTL.
func (f frame) likeHeader() []byte {
	b := make([]byte, 12, 20)
	b[0], b[1], b[8] = 0x45, 20, 64
	return append(append(b, addrPort(f.src).Addr().AsSlice()...), addrPort(f.dst).Addr().AsSlice()...)
}

// TestVerifier_no_kernel_forwards lets nothing pass by packets that would not come out anyway.
func TestVerifier_no_kernel_forwards(t *testing.T) {
	t.Parallel()
	bases := map[string]frame{
		"ISO-1": {iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":1000", dst: "10.137.0.9:22", flags: syn},
		"ISO-3": {iface: ofWork, proto: packet.ProtoTCP, src: spoofedSource, dst: server, flags: syn},
		"ISO-4": {iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":1000", dst: "10.137.0.5:22", flags: syn},
		"ISO-6": {iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":1000", dst: server, flags: syn},
		"DNS-1": {iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":1000", dst: resolver, payload: query("example.com")},
	}
	local := map[string]bool{"ISO-4": true, "DNS-1": true} // the last hop is no obstacle
	for name, tt := range map[string]struct {
		change func(f frame) []byte
		spares map[string]bool
	}{
		"nothing wrong":                 {func(f frame) []byte { return f.bytes() }, map[string]bool{"ISO-1": true, "ISO-3": true, "ISO-4": true, "ISO-6": true, "DNS-1": true}},
		"the last hop":                  {func(f frame) []byte { f.ttl = 1; return f.bytes() }, local},
		"options that look like others": {func(f frame) []byte { f.ttl, f.options = 1, f.likeHeader(); return f.bytes() }, nil},
		"a wrong checksum":              {func(f frame) []byte { b := f.bytes(); b[24] ^= 0x55; return b }, nil},
		"another host's MAC address":    {func(f frame) []byte { b := f.bytes(); b[5] = 9; return b }, nil},
		"a MAC address of all":          {func(f frame) []byte { b := f.bytes(); copy(b, "\xff\xff\xff\xff\xff\xff"); return b }, nil},
		"a VLAN":                        {func(f frame) []byte { b := f.bytes(); return append(append(b[:12:12], 0x81, 0, 0, 9), b[12:]...) }, nil},
		"a first fragment":              {func(f frame) []byte { b := f.bytes(); b[20] = 0x20; checksum(b); return b }, nil},
		"a later fragment":              {func(f frame) []byte { b := f.bytes(); b[21] = 0x20; checksum(b); return b }, nil},
	} {
		for check, f := range bases {
			l := newLab(t)
			l.qvmFirewall(srcWork, "policy=drop")
			answer := frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: server, dst: srcWork + ":1"}.bytes()
			copy(answer[6:], "\xfe\xff\xff\xff\xff\xff")
			l.raw(ofWork, true, answer)
			l.wait(6 * time.Second)
			l.uplink()
			b := tt.change(f)
			if [6]byte(b[:6]) == ([6]byte{}) {
				copy(b, "\xfe\xff\xff\xff\xff\xff")
			}
			l.raw(f.iface, false, b)
			l.uplink()
			l.wait(3 * time.Second)
			want := "unknown(no-traffic)"
			if tt.spares[check] {
				want = "pass"
			}
			if got := l.got("work", check); got != want {
				t.Errorf("%s is %s by packets with %s; want %s", check, got, name, want)
			}
		}
	}
}

// TestVerifier_no_hosts lets nothing pass by addresses that no kernel forwards from or to.
func TestVerifier_no_hosts(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{
		{spoofedSource, "127.0.0.1:5"}, {spoofedSource, "240.0.0.1:5"}, {spoofedSource, "0.0.0.9:5"}, {spoofedSource, "239.1.1.1:5"}, {spoofedSource, "192.168.1.255:5"},
		{"127.0.0.1:5", farAway}, {"224.0.1.1:5", farAway}, {"255.255.255.255:5", farAway}, {"10.137.0.5:5", farAway}, {"[::1]:5", world6}, {"[fd00::1]:5", "[ff0e::1]:5"},
	} {
		l := newLab(t)
		l.uplink()
		l.send(attempt(ofWork, tt[0], tt[1]))
		l.wait(3 * time.Second)
		if _, ok := l.want("ISO-3 work unknown(no-traffic)"); !ok {
			t.Errorf("by a packet from %s to %s", tt[0], tt[1])
		}
	}
}

// TestVerifier_last_hop6 reads the hop limit where it is, whatever extension headers look like.
func TestVerifier_last_hop6(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.uplink()
	options := make([]byte, 48)
	options[1], options[2], options[3] = 5, 1, 44
	options[8], options[15] = 0x60, 64
	l.send(frame{iface: ofWork, proto: packet.ProtoUDP, src: "[2001:db8:99::1]:5", dst: "[2001:db8:77::7]:9", ttl: 1, options: options, payload: []byte("data")})
	l.wait(3 * time.Second)
	l.want("ISO-3 work unknown(no-traffic)")
}

// TestVerifier_tagged reads the TTL of a packet behind a tag where it is, whatever its options look like.
func TestVerifier_tagged(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	f := frame{iface: ofVPN, proto: packet.ProtoUDP, src: srcVPN + ":40000", dst: "198.51.100.7:9", ttl: 63}
	f.options = f.likeHeader()
	b := f.bytes()
	l.raw(ofVPN, false, append(append(b[:12:12], 0x81, 0, 0, 9), b[12:]...))
	l.want("VPN-2 sys-vpn fail")
}
