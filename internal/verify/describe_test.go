package verify_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestVerifier_sentences holds what a failed check says about its first packet.
func TestVerifier_sentences(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		play           func(*lab)
		subject, check string
		want           string
	}{
		"a packet to another qube, by the receiver": {func(l *lab) {
			l.send(frame{iface: ofUntrusted, out: true, proto: packet.ProtoTCP, src: "10.137.0.6:1", dst: "10.137.0.9:22", flags: syn})
		}, "untrusted", "ISO-1", "1 packet from 10.137.0.6 to 10.137.0.9:22/tcp at "},
		"a forged source": {func(l *lab) {
			l.send(frame{iface: ofWork, proto: packet.ProtoUDP, src: "10.137.0.9:1", dst: server})
			l.send(frame{iface: eth0, out: true, proto: packet.ProtoUDP, src: "192.168.1.5:1", dst: server})
		}, "work", "ISO-3", "1 packet from 10.137.0.9 to 198.51.100.7:443/udp at "},
		"a packet beside a tunnel, behind extension headers": {func(l *lab) {
			l.vpn()
			l.handshake()
			l.send(frame{iface: ofVPN, proto: packet.ProtoICMPv6, icmp: 128, src: "fd09:24ef:4179::a89:14", dst: "2001:db8:77::7", ttl: 63, options: make([]byte, 8)})
		}, "sys-vpn", "VPN-4", ", by a qube behind it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			tt.play(l)
			if x := l.result(tt.subject, tt.check); !strings.Contains(x.Text, tt.want) {
				t.Errorf("%s says %q (%v), want %q in it", tt.check, x.Text, x.Verdict, tt.want)
			}
		})
	}
}
