package verify_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestVerifier_no_new_connection lets nothing pass by packets that the kernel drops before any rule
// about their addresses: those that begin no connection, and those that are not sound.
func TestVerifier_no_new_connection(t *testing.T) {
	t.Parallel()
	flags := func(flags uint8) func(*frame, []byte) []byte {
		return func(f *frame, _ []byte) []byte { f.proto, f.flags = packet.ProtoTCP, flags; return f.bytes() }
	}
	option := func(b ...byte) func(*frame, []byte) []byte {
		return func(f *frame, _ []byte) []byte { f.options = b; return f.bytes() }
	}
	for name, change := range map[string]func(*frame, []byte) []byte{
		"no flags": flags(0), "SYN and FIN": flags(syn | packet.FIN), "SYN and RST": flags(syn | packet.RST), "SYN and ACK": flags(synAck), "data": flags(data),
		"a data offset before the end of the header": func(_ *frame, b []byte) []byte { b[46] = 0x20; return b },
		"a data offset behind the packet":            func(_ *frame, b []byte) []byte { b[46] = 0xf0; return b },
		"a UDP length that is too long": func(f *frame, _ []byte) []byte {
			f.proto = packet.ProtoUDP
			b := f.bytes()
			b[38] = 9
			return b
		},
		"a UDP length that is too short": func(f *frame, _ []byte) []byte {
			f.proto = packet.ProtoUDP
			b := f.bytes()
			b[39] = 7
			return b
		},
		"an echo reply":        func(f *frame, _ []byte) []byte { f.proto, f.icmp = packet.ProtoICMP, 0; return f.bytes() },
		"another protocol":     func(f *frame, _ []byte) []byte { f.proto, f.payload = 99, make([]byte, 40); return f.bytes() },
		"a bad option":         option(7, 0, 0, 0),
		"a source route":       option(131, 7, 4, 8, 8, 8, 8, 0),
		"more than fits whole": func(f *frame, _ []byte) []byte { f.pad = 3000; return f.bytes() },
		"a total length that is too long": func(_ *frame, b []byte) []byte {
			b[16] = 1
			checksum(b)
			return b
		},
	} {
		for check, f := range map[string]frame{
			"ISO-1": {iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":1000", dst: "10.137.0.9:22", flags: syn},
			"ISO-3": {iface: ofWork, proto: packet.ProtoTCP, src: spoofedSource, dst: server, flags: syn},
			"ISO-4": {iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":1000", dst: "10.137.0.5:22", flags: syn},
			"ISO-6": {iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":1000", dst: server, flags: syn},
		} {
			if check == "ISO-4" && (f.pad > 0 || name == "more than fits whole") {
				continue // it goes nowhere else
			}
			l := newLab(t)
			l.qvmFirewall(srcWork, "policy=drop")
			l.wait(6 * time.Second)
			l.uplink()
			l.raw(ofWork, false, change(&f, f.bytes()))
			l.uplink()
			l.wait(3 * time.Second)
			if got := l.got("work", check); got != "unknown(no-traffic)" {
				t.Errorf("%s is %s by a packet with %s; want unknown(no-traffic)", check, got, name)
			}
		}
	}
}

// TestVerifier_leaves_in_pieces takes no packet for kept in that may have left in several.
func TestVerifier_leaves_in_pieces(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{1200: "fail contained", 3000: "fail"} {
		for _, proto := range []uint8{packet.ProtoUDP, packet.ProtoTCP} {
			l := newLab(t)
			l.vpn()
			l.handshake()
			l.send(frame{iface: ofVPN, proto: proto, src: srcVPN + ":999", dst: farAway, flags: data, pad: size})
			l.wait(3 * time.Second)
			if got := l.got("sys-vpn", "VPN-1"); got != want {
				t.Errorf("VPN-1 is %s after %d bytes of protocol %d; want %s", got, size, proto, want)
			}
		}
	}
}

// TestVerifier_unknown_MAC has packets to another host's MAC address agree with nothing, whatever has been
// sent to the vif; and those agree that go to one that this machine has used there.
func TestVerifier_unknown_MAC(t *testing.T) {
	t.Parallel()
	const own, gateway, bridge, other = "\x02\x01\x01\x01\x01\x01", "\x02\x02\x02\x02\x02\x02", "\x02\x03\x03\x03\x03\x03", "\x02\x09\x09\x09\x09\x09"
	for _, tt := range []struct {
		used []string
		to   string
		want string
	}{
		{nil, other, "unknown(no-traffic)"},
		{nil, "\x00\x00\x00\x00\x00\x00", "unknown(no-traffic)"},
		{nil, vifMAC, "pass"},
		{[]string{gateway}, gateway, "pass"},
		{[]string{gateway, bridge}, gateway, "pass"},
		{[]string{gateway, bridge}, other, "unknown(no-traffic)"},
	} {
		l := newLab(t)
		l.uplink()
		for _, mac := range tt.used {
			b := frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: server, dst: srcWork + ":1"}.bytes()
			copy(b, own+mac)
			l.raw(ofWork, true, b)
		}
		b := attempt(ofWork, srcWork+":5000", "10.137.0.9:22").bytes()
		copy(b, tt.to+own)
		l.raw(ofWork, false, b)
		l.uplink()
		l.wait(3 * time.Second)
		if got := l.got("work", "ISO-1"); got != tt.want {
			t.Errorf("ISO-1 is %s by a packet to %x after %x; want %s", got, tt.to, tt.used, tt.want)
		}
	}
}

// TestVerifier_before_inventory has nothing agree of which the sender was not known.
func TestVerifier_before_inventory(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	all := l.qubes
	l.qubes = all[1:]
	l.uplink()
	l.tcp(ofWork, "10.137.0.77:5", "10.137.0.9:22", syn, nil)
	l.tcp(ofWork, "10.137.0.77:5", "10.137.0.5:8082", syn, nil)
	l.udp(ofWork, "10.137.0.77:5", resolver, query("www.example.com"))
	l.wait(2 * time.Second)
	l.qubes = all
	l.apply()
	l.tcp(ofWork, srcWork+":5", server, syn, nil)
	l.uplink()
	l.want("ISO-1 work unknown(no-traffic); ISO-4 work unknown(no-traffic); DNS-1 work unknown(no-traffic)")
}

// TestVerifier_not_forwarded_upstream has no query that is not forwarded hide another one of this machine.
func TestVerifier_not_forwarded_upstream(t *testing.T) {
	t.Parallel()
	f := frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5", dst: "8.8.8.8:53", payload: query("www.example.com")}
	another := f
	another.payload = query("x.example")
	f, same := another, f
	spoofed, damaged, other := f, f.bytes(), f.bytes()
	spoofed.src = "10.137.0.66:5"
	damaged[24] ^= 0xff
	other[0] = 2
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{"nothing wrong": {same.bytes(), "pass"}, "another name": {f.bytes(), "fail"}, "a spoofed source": {spoofed.bytes(), "fail"}, "a wrong checksum": {damaged, "fail"}, "another MAC address": {other, "fail"}} {
		l := newLab(t)
		l.env.Upstreams = []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}
		l.apply()
		l.ask("9.9.9.9:53")
		l.raw(ofWork, false, tt.b)
		l.ask("8.8.8.8:53")
		if _, ok := l.want("DNS-2 this machine " + tt.want); !ok {
			t.Errorf("after a query with %s", name)
		}
	}
}

// TestVerifier_another_alike tells a packet that was dropped from another qube's that is allowed and differs
// in the IP identification only, or in the header of ESP. If they are the same, nothing is known.
func TestVerifier_another_alike(t *testing.T) {
	t.Parallel()
	ping := frame{proto: packet.ProtoICMP, icmp: 8, dst: "198.51.100.9", payload: []byte("abcdefghijklmnopqrstuvwabcdefghi")}
	esp := frame{proto: packet.ProtoESP, dst: "198.51.100.9", payload: []byte("12345678abcdefghijkl")}
	for _, f := range []frame{ping, esp} {
		show := func(l *lab, iface uint32, out bool, src string, id byte) {
			f.src = src
			b := f.bytes()
			if f.proto == packet.ProtoESP {
				b[34] = id
			} else {
				b[19] = id
			}
			checksum(b)
			l.raw(iface, out, b)
		}
		for id, want := range map[byte]string{7: "ISO-3 work unknown(capture-lost)", 8: "ISO-3 work " + map[bool]string{true: "pass", false: "unknown(no-traffic)"}[f.proto == packet.ProtoICMP]} {
			l := newLab(t)
			l.uplink()
			show(l, ofWork, false, "10.137.0.66", 7)
			show(l, ofUntrusted, false, "10.137.0.9", id)
			show(l, eth0, true, "192.168.1.5", id)
			l.wait(3 * time.Second)
			l.want(want)
		}
	}
}

// TestVerifier_error_to_peer follows an ICMP error to another qube.
func TestVerifier_error_to_peer(t *testing.T) {
	t.Parallel()
	for out, want := range map[bool]string{true: "fail", false: "unknown(no-traffic)"} {
		l := newLab(t)
		l.uplink()
		f := frame{iface: ofWork, proto: packet.ProtoICMP, icmp: 3, src: srcWork, dst: "10.137.0.9", payload: make([]byte, 40)}
		l.send(f)
		if out {
			f.iface, f.out = ofUntrusted, true
			l.send(f)
		}
		l.wait(3 * time.Second)
		l.want("ISO-1 work " + want)
		if got := l.got("untrusted", "ISO-1"); got == "fail" {
			t.Errorf("ISO-1 of the receiver is %s", got)
		}
	}
}

// TestVerifier_no_IPv6_column takes no IPv6 address for spoofed where the inventory has none.
func TestVerifier_no_IPv6_column(t *testing.T) {
	t.Parallel()
	for missing, want := range map[bool]string{true: "unknown(no-traffic)", false: "fail"} {
		l := newLab(t)
		l.env.NoIP6 = missing
		l.apply()
		without := *work
		without.IP6 = netip.Addr{}
		l.qubes = append([]*qube.Qube{&without}, l.qubes[1:]...)
		f := attempt(ofWork, "[fd09:24ef:4179::a89:6]:5", world6)
		l.send(f)
		f.iface, f.out, f.src = eth0, true, "[2001:db8:1::5]:5"
		l.send(f)
		l.wait(3 * time.Second)
		l.want("ISO-3 work " + want)
	}
}

// TestVerifier_unclear_IPv6 lets nothing pass by IPv6 of a qube whose addresses are not known, or with extension
// headers.
func TestVerifier_unclear_IPv6(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		unknown bool
		options []byte
		want    string
	}{
		"nothing wrong":     {want: "pass"},
		"an unknown source": {unknown: true, want: "unknown(no-traffic)"},
		"options":           {options: []byte{0, 0, 1, 4, 0, 0, 0, 0}, want: "unknown(no-traffic)"},
	} {
		l := newLab(t)
		if tt.unknown {
			without := *work
			without.IP6 = netip.Addr{}
			l.qubes = append([]*qube.Qube{&without}, l.qubes[1:]...)
			l.env.NoIP6 = true
			l.apply()
		}
		l.uplink()
		f := attempt(ofWork, "[fd09:24ef:4179::a89:6]:5", "[fd09:24ef:4179::a89:9]:22")
		f.options = tt.options
		l.send(f)
		l.uplink()
		l.wait(3 * time.Second)
		if _, ok := l.want("ISO-1 work " + tt.want); !ok {
			t.Errorf("by a packet with %s", name)
		}
	}
}

// TestVerifier_refused_attempts takes a refusal for the end of an attempt, and no packet of this machine to another
// port for its answer.
func TestVerifier_refused_attempts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	try := frame{iface: ofWork, proto: packet.ProtoTCP, src: srcWork + ":5555", flags: syn}
	for port := range uint16(200) {
		try.dst = netip.AddrPortFrom(netip.MustParseAddr("10.137.0.5"), 1000+port).String()
		l.send(try)
		l.send(frame{iface: ofWork, out: true, proto: packet.ProtoTCP, src: try.dst, dst: try.src, flags: packet.RST | packet.ACK})
	}
	l.wait(3 * time.Second)
	l.want("ISO-4 work pass")
	for _, tt := range []struct{ again, to, want string }{
		{"7777", "7777", "fail"}, {"7777", "53", "pass"}, {"7778", "7777", "fail"},
	} {
		l := newLab(t)
		l.udp(ofWork, srcWork+":7777", "10.137.0.5:40123", []byte("x"))
		l.udp(ofWork, srcWork+":"+tt.again, "10.137.0.5:40123", []byte("x"))
		l.send(frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: "10.137.0.5:40123", dst: srcWork + ":" + tt.to, payload: []byte("y")})
		l.wait(3 * time.Second)
		l.want("ISO-4 work " + tt.want)
	}
}

// TestVerifier_refused_relays knows of Tor's connections that were refused that nothing more comes.
func TestVerifier_refused_relays(t *testing.T) {
	t.Parallel()
	for refused, want := range map[bool]string{true: "pass", false: "unknown(capture-lost)"} {
		l := newLab(t)
		torUp(l)
		for i := range 17 {
			src := netip.AddrPortFrom(sysWhonix.IP, uint16(6000+i)).String()
			l.tcp(ofWhonix, src, "203.0.113.20:9001", syn, nil)
			if refused {
				f := frame{iface: ofWhonix, out: true, proto: packet.ProtoTCP, src: "203.0.113.20:9001", dst: src, flags: packet.RST | packet.ACK}.bytes()
				binary.BigEndian.PutUint32(f[42:], 2)
				l.raw(ofWhonix, true, f)
			}
		}
		l.want("TOR-4 sys-whonix " + want)
	}
}

// TestVerifier_rule_for_an_open_connection takes the packets of a connection for kept in that was open
// when a rule came that drops them, and those of none, or of one that was never answered, for nothing.
func TestVerifier_rule_for_an_open_connection(t *testing.T) {
	t.Parallel()
	const us = srcWork + ":1000"
	for name, tt := range map[string]struct {
		before []frame
		flags  uint8
		want   string
	}{
		"open":              {[]frame{{flags: syn}, {out: true, flags: synAck}, {flags: packet.ACK}}, data, "pass"},
		"its end":           {[]frame{{flags: syn}, {out: true, flags: synAck}, {flags: packet.ACK}}, packet.FIN | packet.ACK, "unknown(no-traffic)"},
		"another handshake": {[]frame{{flags: syn}, {out: true, flags: synAck}, {flags: packet.ACK}}, synAck, "unknown(no-traffic)"},
		"not answered":      {[]frame{{flags: syn}, {flags: packet.ACK}}, data, "unknown(no-traffic)"},
		"reset":             {[]frame{{flags: syn}, {out: true, flags: synAck}, {flags: packet.ACK}, {out: true, flags: packet.RST}}, data, "unknown(no-traffic)"},
		"not seen":          {nil, data, "unknown(no-traffic)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.qvmFirewall(srcWork, "policy=accept")
			for _, f := range tt.before {
				f.iface, f.proto, f.src, f.dst = ofWork, packet.ProtoTCP, us, server
				if f.out {
					f.src, f.dst = server, us
				}
				l.send(f)
			}
			l.qvmFirewall(srcWork, "policy=drop")
			l.wait(6 * time.Second)
			l.uplink()
			l.send(frame{iface: ofWork, proto: packet.ProtoTCP, src: us, dst: server, flags: tt.flags, payload: []byte("x")})
			l.uplink()
			l.wait(3 * time.Second)
			if got := l.got("work", "ISO-6"); got != tt.want {
				t.Errorf("ISO-6 is %s; want %s", got, tt.want)
			}
		})
	}
}
