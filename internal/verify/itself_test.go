package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestVerifier_itself takes a packet to this machine for one if its addresses are not known, by the answer, and one to
// somewhere else for none.
func TestVerifier_itself(t *testing.T) {
	t.Parallel()
	const gateway, elsewhere, lan = "10.137.0.5", "10.137.0.77", "192.168.1.7"
	answer := func(ttl uint8) frame {
		return frame{out: true, proto: packet.ProtoICMP, icmp: 0, ttl: ttl, payload: []byte("ping")}
	}
	for name, tt := range map[string]struct {
		to      string
		uplink  bool
		out     bool
		answer  frame
		known   bool
		want    string
		wantTor string
	}{
		"this machine":                     {to: gateway, uplink: true, answer: answer(64), want: "pass", wantTor: "pass"},
		"this machine, which is known":     {to: gateway, uplink: true, answer: answer(64), known: true, want: "pass", wantTor: "pass"},
		"a qube above":                     {to: elsewhere, uplink: true, answer: answer(63), want: "fail contained", wantTor: "fail contained"},
		"a qube above, which is seen":      {to: elsewhere, uplink: true, out: true, answer: answer(64), want: "fail", wantTor: "fail"},
		"no host":                          {to: elsewhere, uplink: true, want: "fail contained", wantTor: "fail contained"},
		"without an uplink":                {to: gateway, answer: answer(64), want: "unknown(capture-lost)", wantTor: "unknown(capture-lost)"},
		"no host, without an uplink":       {to: elsewhere, want: "fail", wantTor: "fail"},
		"the local network":                {to: lan, uplink: true, answer: answer(64), want: "fail contained", wantTor: "fail contained"},
		"somewhere else, if that is known": {to: elsewhere, uplink: true, answer: answer(64), known: true, want: "fail contained", wantTor: "fail contained"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for iface, src := range map[uint32]string{ofVPN: "10.137.0.20", ofWhonix: "10.137.0.21"} {
				l := newLab(t)
				l.unknown = !tt.known
				if l.vpn(); tt.uplink {
					l.handshake()
				} else {
					l.send(wgFrame(4, 128, srcVPN+":40000", endpoint))
				}
				l.torExit()
				l.torLink("203.0.113.20:9001", "www.abcdefgh.com")
				f := frame{iface: iface, proto: packet.ProtoICMP, icmp: 8, src: src, dst: tt.to, ttl: 63, payload: []byte("ping")}
				l.send(f)
				if tt.out {
					l.send(f.masqueraded())
				}
				if back := tt.answer; back.out {
					back.iface, back.src, back.dst = iface, tt.to, src
					l.send(back)
				}
				l.wait(3 * time.Second)
				if iface == ofVPN {
					l.want("VPN-1 sys-vpn " + tt.want)
				} else {
					l.want("TOR-1 sys-whonix " + tt.wantTor)
				}
				if s := l.v.Stats(); s.Agree+s.Against+s.Own+s.NotJudged != s.Packets {
					t.Errorf("stats = %+v", s)
				}
			}
		})
	}
}
