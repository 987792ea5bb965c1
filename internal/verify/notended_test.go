package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerifier_not_ended shows no kill switch by a tunnel that goes on sending to its endpoint, though none answers.
func TestVerifier_not_ended(t *testing.T) {
	t.Parallel()
	const failed, passed = "unknown(probe-failed)", "pass"
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"canaries inside": {(*lab).canaries, failed},
		"two of them":     {func(l *lab) { l.inTunnel(probe.Sizes()[0]); l.inTunnel(probe.Sizes()[1]) }, failed},
		"other data":      {func(l *lab) { l.wg(4, 1456, false) }, failed},
		"a keepalive":     {func(l *lab) { l.wg(4, 32, false) }, failed},
		"a handshake":     {func(l *lab) { l.wg(1, 148, false) }, failed},
		"nothing":         {func(*lab) {}, passed},
		"up again later":  {func(l *lab) { l.wait(10 * time.Second); l.handshake() }, passed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.vpn()
			l.handshake()
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			tt.play(l)
			l.wait(20 * time.Second)
			l.want("VPN-2 sys-vpn " + tt.want)
		})
	}
}

// TestVerifier_not_ended_stream takes data of OpenVPN over TCP for a tunnel that is up, and not the end of its connection.
func TestVerifier_not_ended_stream(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		flags   uint8
		payload []byte
		want    string
	}{
		"data":        {data, []byte{0, 3, 0x48, 0, 0}, "unknown(probe-failed)"},
		"a new one":   {packet.SYN, nil, "unknown(probe-failed)"},
		"an ACK":      {packet.ACK, nil, "pass"},
		"end again":   {packet.FIN | packet.ACK, nil, "pass"},
		"late answer": {packet.RST, nil, "pass"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.expect("sys-vpn", verify.ProtocolOpenVPN, endpoint+"/udp", "203.0.113.9:443/tcp")
			l.probe(verify.ProbeTunnel)
			l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: endpoint, payload: []byte{0x38, 9, 9, 9, 9, 9, 9, 9, 9}, pad: 14})
			for _, n := range probe.Sizes() {
				l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: endpoint, payload: []byte{0x48, 0, 0, 0}, pad: n + 24})
			}
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			l.tcp(ofVPN, "10.137.0.20:40001", "203.0.113.9:443", tt.flags, tt.payload)
			l.wait(20 * time.Second)
			l.want("VPN-2 sys-vpn " + tt.want)
		})
	}
}

// inTunnel sends a packet of n bytes through the tunnel.
func (l *lab) inTunnel(n int) { l.wg(4, 32+(n+15)/16*16, false) }

// TestVerifier_busy_tunnel takes no packets of a busy tunnel for canaries, which come once each.
func TestVerifier_busy_tunnel(t *testing.T) {
	t.Parallel()
	const unclear = "unknown(probe-failed)"
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"canaries": {(*lab).canaries, "pass"},
		"canaries, and others a while before": {func(l *lab) {
			l.inTunnel(probe.Sizes()[2])
			l.wait(3 * time.Second)
			l.canaries()
		}, "pass"},
		"canaries of both families": {func(l *lab) { l.canaries(); l.canaries() }, "pass"},
		"one that begins again":     {func(l *lab) { l.inTunnel(probe.Sizes()[0]); l.wait(3 * time.Second); l.canaries() }, "pass"},
		"all sizes": {func(l *lab) {
			for range 4 {
				for n := range 600 {
					l.inTunnel(400 + n*173%600)
				}
			}
		}, unclear},
		"some of them twice": {func(l *lab) { l.inTunnel(probe.Sizes()[3]); l.canaries() }, unclear},
		"in another order": {func(l *lab) {
			for _, n := range []int{1, 0, 2, 3, 4} {
				l.inTunnel(probe.Sizes()[n])
			}
		}, unclear},
		"slowly": {func(l *lab) {
			for _, n := range probe.Sizes() {
				l.inTunnel(n)
				l.wait(time.Second)
			}
		}, unclear},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.vpn()
			l.handshake()
			l.probe(verify.ProbeTunnel)
			for range 50 {
				l.wg(4, 1456, false)
			}
			tt.play(l)
			l.wait(20 * time.Second)
			l.want("VPN-9 sys-vpn " + tt.want)
		})
	}
}
