package verify_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// segments sends segments of a connection from W, with their sequence numbers. The SYN is one
// of them if it is to be seen.
func (l *lab) segments(to string, port int, withSYN bool, payloads ...[]byte) {
	l.tb.Helper()
	f := frame{iface: ofWhonix, proto: packet.ProtoTCP, src: fmt.Sprintf("10.137.0.21:%d", port), dst: to}
	number := uint32(1000)
	if withSYN {
		f.flags = syn
		l.segment(f, number)
	}
	f.flags = data
	number++
	for _, b := range payloads {
		f.payload = b
		l.segment(f, number)
		number += uint32(len(b))
	}
}

// segment sends a segment with a sequence number.
func (l *lab) segment(f frame, number uint32) {
	l.tb.Helper()
	l.now++
	b := f.bytes()
	const at = 14 + 20 + 4 // behind Ethernet, IPv4 and the ports
	binary.BigEndian.PutUint32(b[at:], number)
	l.decoded.Time, l.decoded.Iface, l.decoded.Length, l.decoded.Direction = l.now, f.iface, uint32(len(b)), packet.Inbound
	if status := l.decoded.Decode(packet.LinkEthernet, b); status != packet.OK {
		l.tb.Fatalf("Decode = %v of %x", status, b)
	}
	l.judge(&l.decoded, b)
}

// browserHello returns the first record of a TLS client that offers protocols.
func browserHello(tb testing.TB, name string) []byte {
	tb.Helper()
	c := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{ServerName: name, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
		CurvePreferences: []tls.CurveID{tls.X25519}}})
	c.SetTransportParameters(nil)
	if err := c.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	e := c.NextEvent()
	if e.Kind != tls.QUICWriteData {
		tb.Fatalf("the client begins with %v", e.Kind)
	}
	return append([]byte{22, 3, 1, byte(len(e.Data) >> 8), byte(len(e.Data))}, e.Data...)
}

const (
	torRelay = "203.0.113.20:9001"
	torSNI   = "www.5k7qa2pm3x.com"
	request  = "GET / HTTP/1.1\r\nHost: bank.example\r\n\r\n"
)

// TestVerifier_tor_beside finds what is not Tor's beside a connection of Tor's, whatever the
// protocol and however much of the connection is seen, and does not take Tor's own for it.
func TestVerifier_tor_beside(t *testing.T) {
	t.Parallel()
	cells := make([]byte, 536)
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"a browser and a name as Tor's": {func(l *lab) { l.segments(server, 5000, true, browserHello(l.tb, "www.facebook.com")) }, "fail"},
		"SSH":                           {func(l *lab) { l.segments("198.51.100.7:22", 5000, true, []byte("SSH-2.0-OpenSSH_9.2p1\r\n")) }, "fail"},
		"SSH behind the first byte": {func(l *lab) {
			l.segments("198.51.100.7:22", 5000, true, []byte{22}, []byte("SSH-2.0-OpenSSH_9.2p1\r\n"))
		}, "fail"},
		"SSH without a SYN":     {func(l *lab) { l.segments("198.51.100.7:22", 5000, false, []byte("SSH-2.0-OpenSSH_9.2p1\r\n")) }, "pass"},
		"HTTP":                  {func(l *lab) { l.segments("198.51.100.7:80", 5000, true, []byte(request)) }, "fail"},
		"HTTP without a SYN":    {func(l *lab) { l.segments("198.51.100.7:80", 5000, false, []byte(request)) }, "fail"},
		"the body of a request": {func(l *lab) { l.segments("198.51.100.7:80", 5000, false, []byte("GET rid of it")) }, "pass"},
		"HTTPS without a SYN":   {func(l *lab) { l.segments(server, 5000, false, tlsHello(l.tb, "bank.example")) }, "fail"},
		"HTTPS in small segments": {func(l *lab) {
			h := tlsHello(l.tb, "bank.example")
			l.segments(server, 5000, true, h[:1], h[1:4], h[4:60], h[60:])
		}, "fail"},
		"HTTPS of which a segment comes again": {func(l *lab) {
			h := tlsHello(l.tb, "bank.example")
			l.segments(server, 5000, true, h[:60])
			l.segments(server, 5000, false, h[:60], h[60:])
		}, "fail"},
		"HTTP in the SYN": {func(l *lab) {
			l.segment(frame{iface: ofWhonix, proto: packet.ProtoTCP, src: "10.137.0.21:5000", dst: "198.51.100.7:80", flags: syn, payload: []byte(request)}, 1000)
		}, "fail"},
		"SSH in the SYN": {func(l *lab) {
			l.segment(frame{iface: ofWhonix, proto: packet.ProtoTCP, src: "10.137.0.21:5000", dst: "198.51.100.7:22", flags: syn, payload: []byte("SSH-2.0-OpenSSH_9.2p1\r\n")}, 1000)
		}, "fail"},
		"HTTPS after many SYNs": {func(l *lab) {
			l.segments(server, 5000, true)
			for i := range 40 {
				l.segments(torRelay, 6000+i, true)
			}
			l.segments(server, 5000, false, tlsHello(l.tb, "bank.example"))
		}, "fail"},
		"SSH after many connections": {func(l *lab) {
			l.segments("198.51.100.7:22", 5000, true)
			for i := range 40 {
				l.segments(torRelay, 6000+i, true, tlsHello(l.tb, torSNI))
			}
			l.segments("198.51.100.7:22", 5000, false, []byte("SSH-2.0-OpenSSH_9.2p1\r\n"))
		}, "fail"},
		"Tor in small segments": {func(l *lab) {
			h := tlsHello(l.tb, torSNI)
			l.segments(torRelay, 5000, true, h[:3], h[3:100], h[100:], cells)
		}, "pass"},
		"Tor without a SYN":         {func(l *lab) { l.segments(torRelay, 5000, false, tlsHello(l.tb, torSNI), cells) }, "pass"},
		"Tor, the first is missing": {func(l *lab) { l.segments(torRelay, 5000, true); l.segment(torData(cells), 1400) }, "unknown(capture-lost)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.torExit()
			l.torLink(torRelay, torSNI)
			l.want("TOR-4 sys-whonix pass")
			tt.play(l)
			l.want("TOR-4 sys-whonix " + tt.want)
		})
	}
}

// torData is a segment of the connection from port 5000 to the relay.
func torData(payload []byte) frame {
	return frame{iface: ofWhonix, proto: packet.ProtoTCP, src: "10.137.0.21:5000", dst: torRelay, flags: data, payload: payload}
}

// TestVerifier_tor_noHello holds that what a browser sends does not pass for Tor's, whatever
// sizes follow.
func TestVerifier_tor_noHello(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.torExit()
	l.segments(server, 5000, true, browserHello(t, "www.facebook.com"), make([]byte, 536), make([]byte, 536))
	l.want("TOR-4 sys-whonix fail")
}

// TestVerifier_tor_ports holds that a relay or a bridge may listen on a port of DNS, and that
// others may not.
func TestVerifier_tor_ports(t *testing.T) {
	t.Parallel()
	const at53, at853 = "203.0.113.25:53", "203.0.113.25:853"
	for name, tt := range map[string]struct{ relay, bridge, to, want string }{
		"a relay on 53":   {relay: at53, to: at53, want: "TOR-2 sys-whonix unknown(no-traffic); TOR-3 sys-whonix pass; DNS-3 sys-whonix not_tested(needs-probe)"},
		"a relay on 853":  {relay: at853, to: at853, want: "TOR-2 sys-whonix unknown(no-traffic); TOR-3 sys-whonix pass"},
		"a bridge on 53":  {relay: torRelay, bridge: at53 + "/tcp", to: at53, want: "TOR-1 sys-whonix pass; TOR-2 sys-whonix unknown(no-traffic)"},
		"another address": {relay: at53, to: "203.0.113.26:53", want: "TOR-2 sys-whonix fail; DNS-3 sys-whonix fail"},
		"another port":    {relay: at53, to: at853, want: "TOR-2 sys-whonix fail; DNS-3 sys-whonix fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			x := l.torExit()
			x.Relays = relays(t, tt.relay)
			if tt.bridge != "" {
				e, _ := verify.ParseEndpoint(tt.bridge)
				x.Endpoints = []verify.Endpoint{e}
			}
			l.apply()
			l.torLink(tt.to, torSNI)
			l.want(tt.want)
			if netip.MustParseAddrPort(tt.to).Port() == 53 && tt.relay == tt.to { // over UDP it is no relay
				l.udp(ofWhonix, "10.137.0.21:1", tt.to, query("leak.example.com"))
				l.want("TOR-2 sys-whonix fail; DNS-3 sys-whonix fail")
			}
		})
	}
}

// TestVerifier_tor_near holds that a connection to a private address fails at once, with and
// without a list of relays, unless the list or the user allows it.
func TestVerifier_tor_near(t *testing.T) {
	t.Parallel()
	const near = "192.168.1.7:445"
	for name, tt := range map[string]struct {
		relay, to string
		own       verify.Own
		want      string
	}{
		"the local network":    {to: near, want: "TOR-1 sys-whonix unknown(no-traffic); TOR-3 sys-whonix fail"},
		"beside a list":        {relay: torRelay, to: near, want: "TOR-3 sys-whonix fail"},
		"another qube":         {to: "10.137.0.6:22", want: "TOR-3 sys-whonix fail"},
		"an allowed network":   {own: verify.OwnLAN, to: near, want: "TOR-3 sys-whonix unknown(no-expectation)"},
		"a qube, still":        {own: verify.OwnLAN, to: "10.137.0.6:22", want: "TOR-3 sys-whonix fail"},
		"a relay of the list":  {relay: near, to: near, want: "TOR-1 sys-whonix pass; TOR-3 sys-whonix pass"},
		"a public destination": {to: "203.0.113.21:9001", want: "TOR-1 sys-whonix pass; TOR-3 sys-whonix unknown(no-expectation)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			x := l.torExit()
			if x.Own = tt.own; tt.relay != "" {
				x.Relays = relays(t, tt.relay)
			}
			l.apply()
			l.tcp(ofWhonix, "10.137.0.21:1", tt.to, syn, nil)
			l.want(tt.want)
		})
	}
}

// TestVerifier_tor_missed lets no TOR-4 pass by the beginning of a connection that could not be read: in
// segments that are out of order, or pushed out by others. A part that comes again changes nothing.
func TestVerifier_tor_missed(t *testing.T) {
	t.Parallel()
	const unread = "unknown(capture-lost)"
	banner := []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
	segment := func(l *lab, port int, flags uint8, at uint32, payload []byte) {
		f := frame{iface: ofWhonix, proto: packet.ProtoTCP, src: fmt.Sprintf("%s:%d", srcWhonix, port), dst: "198.51.100.50:22", flags: flags, payload: payload}
		l.altered(f, 0, func(b []byte) { binary.BigEndian.PutUint32(b[14+20+4:], at) })
	}
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"nothing":                 {func(*lab) {}, "pass"},
		"the beginning":           {func(l *lab) { segment(l, 7000, data, 10, banner) }, "fail"},
		"the second part first":   {func(l *lab) { segment(l, 7000, data, 14, banner[4:]); segment(l, 7000, data, 10, banner[:4]) }, unread},
		"after 15 other openings": {func(l *lab) { l.openings(15); segment(l, 7000, data, 10, banner) }, "fail"},
		"after 16 other openings": {func(l *lab) { l.openings(16); segment(l, 7000, data, 10, banner) }, unread},
		"openings long ago":       {func(l *lab) { l.wait(3 * time.Minute); l.openings(16) }, "pass"},
		"a part that comes again": {func(l *lab) {
			hello := tlsHello(l.tb, "www.5k7qa2pm3x.com")
			segment(l, 7000, data, 10, hello[:100])
			segment(l, 7000, data, 10, hello[:100])
			segment(l, 7000, data, 110, hello[100:])
		}, "pass"},
	} {
		l := newLab(t)
		l.torExit()
		l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com")
		segment(l, 7000, syn, 9, nil)
		tt.play(l)
		if _, ok := l.want("TOR-4 sys-whonix " + tt.want); !ok {
			t.Errorf("with %s", name)
		}
	}
}

// openings has W begin connections that are never open.
func (l *lab) openings(n int) {
	for i := range n {
		l.tcp(ofWhonix, fmt.Sprintf("%s:%d", srcWhonix, 8000+i), "198.51.100.201:9001", syn, nil)
	}
}

// TestVerifier_Tor_in_fragments has TOR-4 not pass after a part of a connection that cannot be read.
func TestVerifier_Tor_in_fragments(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func([]byte)
		want   string
	}{"whole": {unaltered, "fail"}, "a later fragment": {laterFragment, "unknown(capture-lost)"}} {
		l := newLab(t)
		torUp(l)
		l.altered(frame{iface: ofWhonix, proto: packet.ProtoTCP, src: "10.137.0.21:5", dst: "203.0.113.30:80", flags: data, payload: []byte("GET / HTTP/1.1\r\n\r\n")}, 0, tt.change)
		if _, ok := l.want("TOR-4 sys-whonix " + tt.want); !ok {
			t.Errorf("by a request that is %s", name)
		}
	}
}

// TestVerifier_Tor_over_weeks counts the destinations of seven days, however many there were before, and takes an error
// about a connection to the last of them for what it is.
func TestVerifier_Tor_over_weeks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	torUp(l)
	for i := range 200 {
		l.tcp(ofWhonix, "10.137.0.21:5", fmt.Sprintf("203.0.113.%d:9001", 30+i), syn, nil)
	}
	for _, last := range []string{"203.0.113.229", "203.0.113.200"} {
		l.send(frame{iface: ofWhonix, proto: packet.ProtoICMP, icmp: 3, src: "10.137.0.21", dst: last, payload: make([]byte, 28)})
	}
	l.want("TOR-1 sys-whonix pass; TOR-5 sys-whonix unknown(no-expectation)")
	for range 8 {
		l.wait(24 * time.Hour)
	}
	torUp(l)
	l.want("TOR-5 sys-whonix pass")
}
