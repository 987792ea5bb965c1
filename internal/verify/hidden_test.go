package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// chain returns extension headers of IPv6, each of destination options, for a packet of a protocol.
func chain(n int) []byte {
	b := make([]byte, 8*n)
	for i := range n {
		b[8*i], b[8*i+2], b[8*i+3] = protoDestinationOptions, 1, 4
	}
	return b
}

// behind puts a packet of IPv6 behind a chain of extension headers.
func (l *lab) behind(f frame, n int, change func([]byte)) {
	l.tb.Helper()
	proto := f.proto
	f.options = chain(n)
	l.altered(f, 0, func(b []byte) {
		b[14+6], b[14+40] = protoDestinationOptions, protoDestinationOptions
		b[14+40+8*(n-1)] = proto
		change(b)
	})
}

// TestVerifier_hidden_DNS has nothing about DNS pass after a packet that may be one, behind more extension headers than
// are read or in front of the fragment that has its ports, also if its flow goes on.
func TestVerifier_hidden_DNS(t *testing.T) {
	t.Parallel()
	const server6, own, ownVPN = "[2001:db8:53::53]:53", "[fd09:24ef:4179::a89:6]:5", "[fd09:24ef:4179::a89:14]:5"
	first := func(b []byte) { // the last header is that of a fragment, and nothing is behind it
		at := len(b) - 8
		b[at-8], b[at] = 44, packet.ProtoUDP
		b[at+2], b[at+3] = 0, 1
	}
	for name, tt := range map[string]struct {
		n      int
		proto  uint8
		change func([]byte)
		want   string
	}{
		"UDP behind 8":   {8, packet.ProtoUDP, unaltered, "unknown(capture-lost)"},
		"UDP behind 7":   {7, packet.ProtoUDP, unaltered, "fail"},
		"UDP behind 9":   {9, packet.ProtoUDP, unaltered, "unknown(capture-lost)"},
		"UDP behind 30":  {30, packet.ProtoUDP, unaltered, "unknown(capture-lost)"},
		"TCP behind 9":   {9, packet.ProtoTCP, unaltered, "unknown(capture-lost)"},
		"not a fragment": {3, 59, unaltered, "pass"},
		"a fragment":     {3, 59, first, "unknown(capture-lost)"},
	} {
		l := newLab(t)
		f := frame{iface: ofWork, proto: tt.proto, src: own, dst: server6, payload: query("leak.example.com")}
		if tt.proto == 59 {
			f.payload = nil
		}
		l.udp(ofWork, srcWork+":1", resolver, query("www.example.com"))
		l.behind(f, tt.n, tt.change)
		if _, ok := l.want("DNS-1 work " + tt.want); !ok {
			t.Errorf("%s", name)
		}
		for range 40 {
			l.wait(30 * time.Second)
			l.udp(ofWork, srcWork+":1", resolver, query("www.example.com"))
			l.behind(f, tt.n, tt.change)
		}
		l.want("DNS-1 work " + tt.want)

		l = named(t, 0)
		f.iface, f.src = ofVPN, ownVPN
		l.behind(f, tt.n, tt.change)
		l.want("VPN-1 sys-vpn fail; VPN-4 sys-vpn fail; VPN-5 sys-vpn " + tt.want)
	}
}

// TestVerifier_hidden_attempt has ISO-4 not pass after an attempt whose port is not known.
func TestVerifier_hidden_attempt(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{7: "pass", 9: "unknown(capture-lost)"} {
		l := newLab(t)
		l.local = "fd09:24ef:4179::a89:5"
		l.tcp(ofWork, srcWork+":5", "10.137.0.5:8082", syn, nil)
		l.behind(frame{iface: ofWork, proto: packet.ProtoUDP, src: "[fd09:24ef:4179::a89:6]:5", dst: "[fd09:24ef:4179::a89:5]:5353"}, n, unaltered)
		l.wait(3 * time.Second)
		l.want("ISO-4 work " + want)
	}
}
