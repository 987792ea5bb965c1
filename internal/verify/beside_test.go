package verify_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// altered makes a packet, changes its bytes, and shows as much of it as a capture of snap bytes
// has; 0 for all.
func (l *lab) altered(f frame, snap int, change func([]byte)) {
	l.tb.Helper()
	l.now += int64(time.Millisecond)
	data := f.bytes()
	change(data)
	l.decoded.Time, l.decoded.Iface, l.decoded.Length, l.decoded.Direction = l.now, f.iface, uint32(len(data)), packet.Inbound
	if f.out {
		l.decoded.Direction = packet.Outbound
	}
	if snap != 0 {
		data = data[:min(snap, len(data))]
	}
	if status := l.decoded.Decode(packet.LinkEthernet, data); status != packet.OK {
		l.tb.Fatalf("Decode = %v of %x", status, data)
	}
	l.judge(&l.decoded, data)
}

// unaltered is no change of a packet.
func unaltered([]byte) {}

// laterFragment has an IPv4 packet be the second part of a datagram.
func laterFragment(data []byte) { binary.BigEndian.PutUint16(data[14+6:], 100) }

// firstFragment has an IPv4 packet be the first part of a datagram.
func firstFragment(data []byte) {
	data[14+6] = 0x20
	checksum(data)
}

// wgFrame returns a message of WireGuard from V.
func wgFrame(kind byte, size int, src, dst string) frame {
	return frame{iface: ofVPN, proto: packet.ProtoUDP, src: src, dst: dst, payload: []byte{kind, 0, 0, 0}, pad: size}
}

// named returns a lab whose tunnel is up, and whose endpoint's name was asked for.
func named(tb testing.TB, own verify.Own) *lab {
	tb.Helper()
	l := newLab(tb)
	x := l.vpn()
	x.Names, x.Own = []string{"se1.relays.example"}, own
	l.env.DoH = func(a netip.Addr) bool { return a == netip.MustParseAddr("9.9.9.9") }
	l.apply()
	l.udp(ofVPN, "10.137.0.20:1", resolver, query("se1.relays.example"))
	l.handshake()
	return l
}

// framed returns a message with its length in front.
func framed(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// chopped sends data of a connection from V in segments of n bytes.
func (l *lab) chopped(src, dst string, n int, content []byte) {
	l.tb.Helper()
	at := uint32(1)
	for part := range slices.Chunk(content, n) {
		f := frame{iface: ofVPN, proto: packet.ProtoTCP, src: src, dst: dst, flags: data, payload: part}
		l.altered(f, 0, func(b []byte) { binary.BigEndian.PutUint32(b[14+20+4:], at) })
		at += uint32(len(part))
	}
}

// TestVerifier_beside judges what goes beside a tunnel that is up, by where it goes.
func TestVerifier_beside(t *testing.T) {
	t.Parallel()
	const v = "10.137.0.20:40001"
	dns, allowed := query("leak.example.com"), framed(query("se1.relays.example"))
	clean := "VPN-1 sys-vpn pass; VPN-5 sys-vpn pass; VPN-7 sys-vpn pass; VPN-10 sys-vpn pass; VPN-6 sys-vpn unknown(no-traffic)"
	leaked := "VPN-1 sys-vpn fail; VPN-5 sys-vpn fail; DNS-3 sys-vpn fail"
	for name, tt := range map[string]struct {
		own  verify.Own
		play func(*lab)
		want string
	}{
		"DNS over TCP":     {play: func(l *lab) { l.tcp(ofVPN, v, resolver, data, framed(dns)) }, want: leaked},
		"its length alone": {play: func(l *lab) { l.tcp(ofVPN, v, resolver, data, framed(dns)[:2]) }, want: clean},
		"no payload":       {play: func(l *lab) { l.tcp(ofVPN, v, resolver, syn, nil) }, want: clean},
		"after its length": {play: func(l *lab) { l.tcp(ofVPN, v, resolver, data, dns) }, want: leaked},
		"not to be read":   {play: func(l *lab) { l.tcp(ofVPN, v, resolver, data, dns[14:]) }, want: leaked},
		"cut off": {play: func(l *lab) {
			l.altered(frame{iface: ofVPN, proto: packet.ProtoTCP, src: v, dst: resolver, payload: dns}, 54, unaltered)
		}, want: leaked},
		"the endpoint's name":      {play: func(l *lab) { l.tcp(ofVPN, v, resolver, data, framed(query("se1.relays.example"))) }, want: clean},
		"DNS to the local network": {play: func(l *lab) { l.udp(ofVPN, v, "192.168.1.1:53", dns) }, want: leaked + "; VPN-6 sys-vpn fail"},
		"DNS to an allowed one":    {own: verify.OwnLAN, play: func(l *lab) { l.udp(ofVPN, v, "192.168.1.1:53", dns) }, want: leaked},
		"the local network":        {play: func(l *lab) { l.udp(ofVPN, v, "192.168.1.1:9", dns) }, want: "VPN-6 sys-vpn fail; VPN-5 sys-vpn pass"},
		"an allowed one":           {own: verify.OwnLAN, play: func(l *lab) { l.udp(ofVPN, v, "192.168.1.1:9", dns) }, want: clean},
		"DNS to another qube":      {play: func(l *lab) { l.udp(ofVPN, v, "10.137.0.6:53", dns) }, want: leaked + "; VPN-6 sys-vpn fail"},
		"DNS to the endpoint":      {play: func(l *lab) { l.udp(ofVPN, v, "203.0.113.9:53", dns) }, want: leaked + "; VPN-7 sys-vpn fail; VPN-10 sys-vpn pass"},
		"DNS over HTTPS":           {play: func(l *lab) { l.tcp(ofVPN, v, "9.9.9.9:443", syn, nil) }, want: leaked},
		"HTTPS to somewhere else":  {play: func(l *lab) { l.tcp(ofVPN, v, server, syn, nil) }, want: "VPN-1 sys-vpn fail; VPN-5 sys-vpn pass"},
		"a ping to the resolver":   {play: func(l *lab) { l.ping(ofVPN, "10.137.0.20", "10.139.1.1", 63) }, want: "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail; VPN-5 sys-vpn pass"},
		"HTTP to the resolver":     {play: func(l *lab) { l.tcp(ofVPN, v, "10.139.1.1:80", syn, nil) }, want: "VPN-1 sys-vpn fail; VPN-5 sys-vpn pass"},
		"a ping to this machine":   {play: func(l *lab) { l.ping(ofVPN, "10.137.0.20", "10.137.0.5", 63) }, want: clean},
		"WireGuard to the endpoint's host": {play: func(l *lab) { l.send(wgFrame(4, 128, v, "203.0.113.9:51821")) },
			want: "VPN-1 sys-vpn fail; VPN-7 sys-vpn fail; VPN-10 sys-vpn fail; VPN-5 sys-vpn pass"},
		"another packet to it": {play: func(l *lab) { l.udp(ofVPN, v, "203.0.113.9:51821", []byte("another")) },
			want: "VPN-1 sys-vpn fail; VPN-7 sys-vpn fail; VPN-10 sys-vpn pass"},
		"the time, of a router": {own: verify.OwnNTP, play: func(l *lab) { l.udp(ofVPN, v, "192.168.1.1:123", []byte{0x23}) }, want: clean},
		"the time, of a qube behind it": {own: verify.OwnNTP, play: func(l *lab) {
			l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: v, dst: "198.51.100.7:123", ttl: 63, payload: []byte{0x23}})
		}, want: "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail"},
		"an answer with the endpoint's name": {play: func(l *lab) {
			answer := query("se1.relays.example")
			answer[2] |= 0x80
			l.udp(ofVPN, v, resolver, answer)
		}, want: leaked},
		"a fragment to the endpoint": {play: func(l *lab) {
			l.altered(frame{iface: ofVPN, proto: packet.ProtoUDP, src: v, dst: endpoint, payload: []byte("another"), pad: 1400}, 0, firstFragment)
		}, want: "VPN-1 sys-vpn fail; VPN-7 sys-vpn fail"},
		"a tiny fragment to it": {play: func(l *lab) {
			l.altered(frame{iface: ofVPN, proto: packet.ProtoUDP, src: v, dst: endpoint}, 0, func(b []byte) { firstFragment(b); b[39] = 200 })
		}, want: "VPN-1 sys-vpn fail; VPN-7 sys-vpn fail"},
		"WireGuard to the local network": {play: func(l *lab) { l.send(wgFrame(4, 128, v, "192.168.1.77:51820")) },
			want: "VPN-1 sys-vpn fail; VPN-6 sys-vpn fail; VPN-10 sys-vpn fail"},
		"WireGuard to another qube": {play: func(l *lab) { l.send(wgFrame(4, 128, v, "10.137.0.6:51820")) },
			want: "VPN-1 sys-vpn fail; VPN-6 sys-vpn fail; VPN-10 sys-vpn fail"},
		"an update of the endpoint's name": {play: func(l *lab) {
			update := query("se1.relays.example")
			update[2] |= 5 << 3
			l.udp(ofVPN, v, resolver, update)
		}, want: leaked},
		"a fragment of the tunnel": {play: func(l *lab) { l.altered(wgFrame(4, 1472, v, endpoint), 0, firstFragment) }, want: clean},
		"not the time there":       {own: verify.OwnNTP, play: func(l *lab) { l.udp(ofVPN, v, "192.168.1.1:9", dns) }, want: "VPN-6 sys-vpn fail; VPN-5 sys-vpn pass"},
		"a report of a group": {play: func(l *lab) {
			l.send(frame{iface: ofVPN, proto: 2, src: "10.137.0.20", dst: "239.255.255.250", ttl: 1, options: []byte{0x94, 4, 0, 0}})
		}, want: clean},
		"IGMP to a host": {play: func(l *lab) { l.send(frame{iface: ofVPN, proto: 2, src: "10.137.0.20", dst: "192.168.1.1"}) },
			want: "VPN-6 sys-vpn fail; VPN-5 sys-vpn pass"},
		"a ping with options": {play: func(l *lab) {
			l.send(frame{iface: ofVPN, proto: packet.ProtoICMP, icmp: 8, src: "10.137.0.20", dst: "198.51.100.7", ttl: 63, options: []byte{1, 1, 1, 0, 1, 1, 1, 0}})
		}, want: "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail; VPN-5 sys-vpn pass"},
		"segments of a byte":      {play: func(l *lab) { l.chopped(v, resolver, 1, framed(dns)) }, want: leaked},
		"segments of two":         {play: func(l *lab) { l.chopped(v, resolver, 2, framed(dns)) }, want: leaked},
		"segments behind another": {play: func(l *lab) { l.tcp(ofVPN, v, resolver, data, allowed); l.chopped(v, resolver, 2, framed(dns)) }, want: leaked},
		"two queries in a segment": {play: func(l *lab) {
			l.tcp(ofVPN, v, resolver, data, append(allowed[:len(allowed):len(allowed)], framed(dns)...))
		}, want: leaked},
		"a length that is repeated": {play: func(l *lab) { l.chopped(v, resolver, 2, allowed[:2]); l.chopped(v, resolver, 2, allowed[:2]) }, want: clean},
		"many lengths": {play: func(l *lab) {
			for i := range 9 {
				l.chopped(fmt.Sprintf("%s:%d", srcVPN, 2000+i), resolver, 2, dns[:2])
			}
		}, want: leaked},
		"many whole queries": {play: func(l *lab) {
			for i := range 20 {
				src := fmt.Sprintf("%s:%d", srcVPN, 2000+i)
				l.chopped(src, resolver, 2, allowed[:2])
				f := frame{iface: ofVPN, proto: packet.ProtoTCP, src: src, dst: resolver, flags: data, payload: allowed[2:]}
				l.altered(f, 0, func(b []byte) { b[14+20+7] = 3 }) // behind its length
			}
		}, want: clean},
		"data behind a query": {play: func(l *lab) { l.udp(ofVPN, v, resolver, append(query("se1.relays.example"), "secret"...)) }, want: leaked},
		"data behind a datagram": {play: func(l *lab) {
			q := query("se1.relays.example")
			l.altered(frame{iface: ofVPN, proto: packet.ProtoUDP, src: v, dst: resolver, payload: append(q, "secret"...)}, 0,
				func(b []byte) { binary.BigEndian.PutUint16(b[14+20+4:], uint16(8+len(q))) })
		}, want: leaked},
		"a query with options": {play: func(l *lab) {
			q := append(query("se1.relays.example"), 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0)
			q[11] = 1 // an additional record
			l.udp(ofVPN, v, resolver, q)
		}, want: clean},
		"full packets": {play: func(l *lab) { l.wg(4, 1452, false); l.wg(4, 1412, false) }, want: clean},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := named(t, tt.own)
			tt.play(l)
			l.want(tt.want)
		})
	}
}

// TestVerifier_beside_errors leaves ICMP errors out that are about the tunnel, or go to this machine
// or its resolver, and no others.
func TestVerifier_beside_errors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dst  string
		own  verify.Own
		want string
	}{
		{"203.0.113.9", 0, "VPN-1 sys-vpn pass; VPN-6 sys-vpn unknown(no-traffic)"},
		{"10.137.0.5", 0, "VPN-1 sys-vpn pass; VPN-6 sys-vpn unknown(no-traffic)"},
		{"10.139.1.1", 0, "VPN-1 sys-vpn pass; VPN-6 sys-vpn unknown(no-traffic)"},
		{"192.168.1.1", 0, "VPN-1 sys-vpn fail; VPN-6 sys-vpn fail"},
		{"192.168.1.1", verify.OwnLAN, "VPN-1 sys-vpn pass; VPN-6 sys-vpn unknown(no-traffic)"},
		{"10.137.0.6", verify.OwnLAN, "VPN-1 sys-vpn fail; VPN-6 sys-vpn fail"},
		{"198.51.100.7", verify.OwnLAN, "VPN-1 sys-vpn fail; VPN-6 sys-vpn unknown(no-traffic)"},
	} {
		l := named(t, tt.own)
		l.send(frame{iface: ofVPN, proto: packet.ProtoICMP, icmp: 3, src: "10.137.0.20", dst: tt.dst, ttl: 63})
		if _, ok := l.want(tt.want); !ok {
			t.Errorf("after an error to %s", tt.dst)
		}
	}
}

// TestVerifier_no_evidence lets nothing pass by what no tunnel can have sent, or what may be of
// another one.
func TestVerifier_no_evidence(t *testing.T) {
	t.Parallel()
	const nothing = "VPN-1 sys-vpn unknown(no-traffic); VPN-7 sys-vpn unknown(no-traffic); VPN-10 sys-vpn unknown(no-traffic)"
	for name, play := range map[string]func(*lab){
		"a later fragment to the endpoint's address": func(l *lab) { l.altered(wgFrame(4, 128, "10.137.0.20:40000", endpoint), 0, laterFragment) },
		"a spoofed source":                           func(l *lab) { l.send(wgFrame(4, 128, "10.137.0.77:40000", endpoint)) },
	} {
		l := newLab(t)
		l.vpn()
		play(l)
		if _, ok := l.want(nothing); !ok {
			t.Errorf("after %s", name)
		}
		l.wg(4, 128, false)
		l.want("VPN-1 sys-vpn pass")
		if s := l.v.Stats(); s.Packets != s.Agree+s.NotJudged || s.NotJudged != 1 {
			t.Errorf("stats after %s: %+v", name, s)
		}
	}
}

// TestVerifier_cut takes marks that the capture has cut off for no mark of another protocol, and
// those of a packet that says it is longer than it is for what they are.
func TestVerifier_cut(t *testing.T) {
	t.Parallel()
	const headers = 42 // of Ethernet, IPv4 and UDP
	ike := append(make([]byte, 4), "\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x21\x20\x22\x08\x00\x00\x00\x00\x00\x00\x00\x1c"...)
	longer := func(b []byte) { binary.BigEndian.PutUint16(b[38:], 500) } // than the packet
	for name, tt := range map[string]struct {
		protocol verify.Protocol
		dst      string
		payload  []byte
		snap     int
		change   func([]byte)
		want     string
	}{
		"headers only":     {verify.ProtocolWireGuard, endpoint, []byte{4, 0, 0, 0, 0, 0, 0, 0}, headers, unaltered, "unknown(no-traffic)"},
		"half of the type": {verify.ProtocolWireGuard, endpoint, []byte{4, 0, 0, 0, 0, 0, 0, 0}, headers + 2, unaltered, "unknown(no-traffic)"},
		"something else":   {verify.ProtocolWireGuard, endpoint, []byte("another protocol"), headers + 8, unaltered, "fail"},
		"a false length":   {verify.ProtocolWireGuard, endpoint, []byte("ab"), 0, longer, "fail"},
		"OpenVPN":          {verify.ProtocolOpenVPN, "203.0.113.9:1194", []byte{0x38, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0}, headers + 8, unaltered, "unknown(no-traffic)"},
		"whole OpenVPN":    {verify.ProtocolOpenVPN, "203.0.113.9:1194", []byte{0x38, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0}, headers + 11, unaltered, "pass"},
		"IKE":              {verify.ProtocolIPsec, "203.0.113.9:4500", ike, headers + 22, unaltered, "unknown(no-traffic)"},
		"whole IKE":        {verify.ProtocolIPsec, "203.0.113.9:4500", ike, headers + 32, unaltered, "pass"},
	} {
		l := newLab(t)
		l.expect("sys-vpn", tt.protocol, tt.dst+"/udp")
		l.altered(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: tt.dst, payload: tt.payload}, tt.snap, tt.change)
		if _, ok := l.want("VPN-7 sys-vpn " + tt.want); !ok {
			t.Errorf("in a capture with %s", name)
		}
	}
}

// TestVerifier_refused takes a reset that this machine makes in the name of another qube for no
// packet of that, and one with data for what it is.
func TestVerifier_refused(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		"":     "ISO-1 work pass",
		"data": "ISO-1 work fail",
	} {
		l := newLab(t)
		l.tcp(ofWork, "10.137.0.6:1", "10.137.0.9:22", syn, nil)
		l.send(frame{iface: ofWork, out: true, proto: packet.ProtoTCP, src: "10.137.0.9:22", dst: "10.137.0.6:1", flags: packet.RST | packet.ACK, payload: []byte(payload)})
		l.wait(3 * time.Second)
		l.want(want)
	}
}

// TestVerifier_two_alike tells a packet that was dropped from another qube's of the same size to the
// same destination, which was not; but not by what is translated on the way.
func TestVerifier_two_alike(t *testing.T) {
	t.Parallel()
	sequence := func(b []byte) { b[14+20+7]++ }  // of TCP
	ping := func(b []byte) { b[14+20+7]++ }      // the sequence number of ICMP
	time6 := func(b []byte) { b[14+40+8+3]++ }   // the data of ICMPv6
	content := func(b []byte) { b[14+20+8+1]++ } // of UDP
	inner := func(b []byte) { b[14+20+8+16]++ }  // the source of the packet that an error is about
	for name, tt := range map[string]struct {
		one    frame // without its source
		v6     bool
		change func([]byte)
		want   string
	}{
		"TCP":         {frame{proto: packet.ProtoTCP, dst: server, flags: syn}, false, sequence, "ISO-3 work pass"},
		"UDP":         {frame{proto: packet.ProtoUDP, dst: server, payload: []byte("content")}, false, content, "ISO-3 work pass"},
		"ICMP":        {frame{proto: packet.ProtoICMP, icmp: 8, dst: "198.51.100.7", payload: make([]byte, 32)}, false, ping, "ISO-3 work pass"},
		"ICMP's data": {frame{proto: packet.ProtoICMPv6, icmp: 128, dst: "2001:db8:77::7", payload: make([]byte, 32)}, true, time6, "ISO-3 work pass"},
		"ICMP errors": {frame{proto: packet.ProtoICMP, icmp: 3, dst: "198.51.100.7", payload: make([]byte, 32)}, false, inner, "ISO-3 work fail"},
	} {
		for _, change := range []struct {
			is   func([]byte)
			want string
		}{{unaltered, "ISO-3 work fail"}, {tt.change, tt.want}} {
			l := newLab(t)
			spoofed, masqueraded := tt.one, tt.one
			spoofed.iface, spoofed.src = ofWork, "10.137.1.128:7"
			masqueraded.iface, masqueraded.src, masqueraded.out = eth0, "192.168.1.5:8", true
			if tt.v6 {
				spoofed.src, masqueraded.src = "[fd09::99]:7", "[2001:db8::5]:8"
			}
			l.send(spoofed)
			l.altered(masqueraded, 0, change.is)
			l.wait(3 * time.Second)
			if _, ok := l.want(change.want); !ok {
				t.Errorf("with two of %s", name)
			}
		}
	}
}

// TestParseEndpoint_mapped takes an IPv4 address in the notation of IPv6 for that address.
func TestParseEndpoint_mapped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"[::ffff:203.0.113.9]:51820/udp": "203.0.113.9:51820/udp", "::ffff:203.0.113.9/esp": "203.0.113.9/esp"} {
		if e, ok := verify.ParseEndpoint(text); !ok || e.String() != want {
			t.Errorf("ParseEndpoint(%q) = %v, %v; want %s", text, e, ok, want)
		}
	}
}

// TestVerifier_stream_begins takes what a connection to an endpoint of OpenVPN says first for the tunnel only if it is
// one; of what it says later, and of what has begun before, it is not known.
func TestVerifier_stream_begins(t *testing.T) {
	t.Parallel()
	reset := []byte{0, 14, 0x38, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0}
	for name, tt := range map[string]struct {
		list []segment
		want string
	}{
		"OpenVPN":                  {[]segment{{1, reset}, {17, make([]byte, 100)}}, "pass"},
		"OpenVPN, again":           {[]segment{{1, reset}, {1, reset}}, "pass"},
		"OpenVPN, in two":          {[]segment{{1, reset[:2]}, {3, reset[2:]}}, "pass"},
		"another protocol":         {[]segment{{1, []byte("SSH-2.0-OpenSSH_9.2")}}, "fail"},
		"the middle of another":    {[]segment{{100, []byte("SSH-2.0-OpenSSH_9.2")}}, "pass"},
		"another one, after a few": {[]segment{{1, reset}, {17, []byte("SSH-2.0-OpenSSH_9.2")}}, "pass"},
	} {
		l := newLab(t)
		l.expect("sys-vpn", verify.ProtocolOpenVPN, "203.0.113.9:1194/udp", "203.0.113.9:443/tcp")
		l.openVPN()
		f := frame{iface: ofVPN, proto: packet.ProtoTCP, src: "10.137.0.20:40002", dst: "203.0.113.9:443", flags: syn}
		l.altered(f, 0, func(b []byte) { binary.BigEndian.PutUint32(b[38:], 0) })
		for _, one := range tt.list {
			f.flags, f.payload = data, one.payload
			l.altered(f, 0, func(b []byte) { binary.BigEndian.PutUint32(b[38:], uint32(one.at)) })
		}
		if _, ok := l.want("VPN-1 sys-vpn " + tt.want + "; VPN-7 sys-vpn " + tt.want); !ok {
			t.Errorf("%s", name)
		}
	}
}
