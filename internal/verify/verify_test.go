package verify_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerifier_Packet_flood keeps one alert and a count of 600,000 packets against.
func TestVerifier_Packet_flood(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	f := frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:1", dst: server, ttl: 63}
	data := f.bytes()
	for range 600_000 {
		l.now += int64(100 * time.Microsecond)
		l.decoded.Time, l.decoded.Iface, l.decoded.Length, l.decoded.Direction = l.now, f.iface, uint32(len(data)), packet.Inbound
		l.decoded.Decode(packet.LinkEthernet, data)
		l.judge(&l.decoded, data)
	}
	if diff := cmp.Diff([]string{"VPN-2 sys-vpn"}, l.alerts()); diff != "" {
		t.Errorf("alerts mismatch (-want +got):\n%s", diff)
	}
	if r := l.result("sys-vpn", "VPN-1"); r.Evidence.Against != 600_000 {
		t.Errorf("%d packets against; want all", r.Evidence.Against)
	}
	s := l.v.Stats()
	if s.Agree+s.Against+s.Own+s.NotJudged != s.Packets || s.Untraced == 0 {
		t.Errorf("stats = %+v", s)
	}
	l.wait(time.Hour)
	l.send(f)
	l.wait(2 * time.Second)
	if n := len(l.alerts()); n != 3 { // VPN-1 and VPN-2 go on
		t.Errorf("%d alerts after an hour: %q; want 3", n, l.alerts())
	}
}

// TestVerifier_Packet_first reports a leak with its first packet.
func TestVerifier_Packet_first(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	n := len(l.reports)
	l.tcp(ofVPN, "10.137.0.20:40001", server, data, []byte("x"))
	got := l.reports[n:]
	if len(got) != 1 || got[0].Sample == nil || got[0].Sample.Destination().String() != server || !got[0].Alert || got[0].Sample.Time != l.now {
		t.Errorf("reports = %+v; want one alert with the packet", got)
	}
}

// TestResults_absent says why there is no pass of a qube that is not attached here.
func TestResults_absent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	tunnelUp(l)
	l.qubes, l.env.Missing = []*qube.Qube{work}, []verify.Absent{{Name: "sys-vpn", Expect: l.expects["sys-vpn"]}}
	l.apply()
	l.wait(2 * time.Second)
	l.want("VPN-1 sys-vpn unknown(not-attached)")
}

// TestVerifier_canaries needs every step of the kill switch's probe: the control, the
// silence of the endpoint, the capture, and the same client.
func TestVerifier_canaries(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"no control": {func(l *lab) { l.wait(20 * time.Second); l.probe(verify.ProbeDown) }, "unknown(probe-failed)"},
		"none sent": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.announce(verify.ProbeDown)
		}, "unknown(probe-failed)"},
		"sent too late": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			p := l.announce(verify.ProbeDown)
			l.wait(20 * time.Second)
			if l.v.Sent(p.Nonce) || l.v.Sent([8]byte{9}) {
				l.tb.Error("Sent of a probe that is over, or was never announced, is true")
			}
		}, "unknown(probe-failed)"},
		"an older pass": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			l.wait(20 * time.Second)
			l.announce(verify.ProbeDown)
		}, "unknown(probe-failed)"},
		"changed rules": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			l.wait(20 * time.Second)
			l.env.Ruleset = &verify.Ruleset{Generation: 1}
			l.apply()
			l.env.Ruleset = &verify.Ruleset{Generation: 2}
			l.apply()
		}, "unknown(ruleset-changed)"},
		"tunnel still up": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			l.traffic(2)
		}, "unknown(probe-failed)"},
		"keepalive of the server": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			l.wg(4, 32, true)
		}, "pass"},
		"padded canaries": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			for range probe.Sizes() {
				l.wg(4, 1456, false)
			}
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
		}, "unknown(probe-failed)"},
		"lost packets": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			l.probe(verify.ProbeDown)
			l.v.Lost(1)
		}, "unknown(probe-failed)"},
		"another client": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			p := verify.Probe{Kind: verify.ProbeDown, Via: "sys-vpn", Client: "mail", Sizes: probe.Sizes(), From: l.now, Until: l.now + 10e9}
			l.v.AddProbe(p)
		}, "unknown(probe-failed)"},
		"a canary in clear": {func(l *lab) {
			l.probe(verify.ProbeTunnel)
			l.canaries()
			l.wait(20 * time.Second)
			p := l.probe(verify.ProbeDown)
			l.ping(ofVPN, "10.137.0.20", "192.0.2.200", 1, pattern(p)...)
		}, "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.vpn()
			l.handshake()
			tt.play(l)
			l.wait(20 * time.Second)
			if got := l.got("sys-vpn", "VPN-2"); !strings.HasPrefix(got, tt.want) {
				t.Errorf("VPN-2 is %s; want %s", got, tt.want)
			}
		})
	}
}

// TestVerifier_datagram takes the datagram of a probe beside the tunnel for a canary, and one to
// another port for none.
func TestVerifier_datagram(t *testing.T) {
	t.Parallel()
	for dst, want := range map[string]string{"192.0.2.199:8080": "fail", "192.0.2.199:8081": "not_tested(needs-probe)"} {
		l := newLab(t)
		l.vpn()
		l.handshake()
		l.v.AddProbe(verify.Probe{Via: "sys-vpn", Nonce: [8]byte{0xc7, 0x1f, 0x90}, From: l.now, Until: l.now + 10e9})
		l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:4000", dst: dst, ttl: 64})
		if got := l.got("sys-vpn", "VPN-9"); got != want {
			t.Errorf("VPN-9 is %s after a datagram to %s; want %s", got, dst, want)
		}
	}
}

// TestVerifier_Acknowledge ends a fail until the next packet.
func TestVerifier_Acknowledge(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.handshake()
	l.fallBack(false)
	if n := l.v.Acknowledge(verify.VPN1, "work"); n != 0 {
		t.Errorf("acknowledged %d fails of a qube that has none", n)
	}
	if n := l.v.Acknowledge(verify.VPN1, "sys-vpn"); n != 1 {
		t.Errorf("acknowledged %d fails; want one", n)
	}
	l.want("VPN-1 sys-vpn unknown(no-traffic)") // what agreed before says nothing any more
	l.traffic(2)
	l.want("VPN-1 sys-vpn pass")
	if r := l.result("sys-vpn", "VPN-1"); !strings.HasPrefix(r.Text, "2 packets since "+time.Unix(0, l.now-int64(2*time.Second)).UTC().Format("15:04")) {
		t.Errorf("the pass says %q; want what has agreed since the fail", r.Text)
	}
	l.fallBack(false)
	if got := l.got("sys-vpn", "VPN-1"); got != "fail" {
		t.Errorf("VPN-1 is %s; want fail", got)
	}
	if r := l.result("sys-vpn", "VPN-1"); r.Sample.Time < l.now-int64(4*time.Second) {
		t.Errorf("the sample is from before the acknowledgement")
	}
}

// TestVerifier_benign sees an hour of ordinary traffic through tunnels without a fail.
func TestVerifier_benign(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn().Names = []string{"se1.relays.example"}
	l.expects["sys-vpn"].Endpoints = append(l.expects["sys-vpn"].Endpoints, verify.Endpoint{Addr: netip.MustParseAddr("2001:db8:9::9"), Port: 51820, Proto: packet.ProtoUDP})
	l.torExit().Relays = relays(t, "203.0.113.20:9001")
	l.apply()
	for minute := range 60 {
		if minute%2 == 0 {
			l.handshake() // rekeying
		}
		if minute == 10 { // roaming: the server answers from another address, which is in the list
			l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "[fd09:24ef:4179::a89:14]:40000", dst: "[2001:db8:9::9]:51820", payload: []byte{4, 0, 0, 0}, pad: 96})
		}
		if minute == 20 {
			l.udp(ofVPN, "10.137.0.20:5", resolver, query("se1.relays.example"))
		}
		if minute == 30 {
			l.now += int64(3 * time.Hour) // suspended
		}
		if minute == 40 {
			l.now -= int64(10 * time.Minute) // the clock is set
		}
		l.traffic(50)
		l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com")
		l.udp(ofWork, "10.137.0.6:7", resolver, query("www.example.com"))
		l.tcp(ofWork, "10.137.0.6:8", server, syn, nil)
		l.wait(10 * time.Second)
	}
	for _, r := range l.v.Results() {
		if r.Verdict == verify.Fail {
			t.Errorf("%v %s fails: %s", r.Check, r.Subject, r.Text)
		}
		if r.Since < 0 || r.At < start {
			t.Errorf("%v %s has the times %d, %d", r.Check, r.Subject, r.At, r.Since)
		}
	}
	if got := l.got("sys-vpn", "VPN-1"); got != "pass" {
		t.Errorf("VPN-1 is %s", got)
	}
}

// TestVerifier_replay gives the same reports for the same packets.
func TestVerifier_replay(t *testing.T) {
	t.Parallel()
	var all [2][]string
	for i := range all {
		l := newLab(t)
		l.vpn()
		l.handshake()
		l.traffic(3)
		l.fallBack(false)
		l.wait(time.Hour)
		for _, r := range l.reports {
			all[i] = append(all[i], r.Check.String()+r.Subject+r.Text)
		}
		slices.Sort(all[i]) // subjects have no order
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("reports mismatch:\n%s", diff)
	}
}

// TestVerifier_unnamed attributes by address if a capture has no names of interfaces.
func TestVerifier_unnamed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.names = map[uint32]string{}
	l.vpn()
	l.handshake()
	l.tcp(ofVPN, "10.137.0.20:1", server, syn, nil)
	l.want("VPN-1 sys-vpn fail; VPN-7 sys-vpn pass")
}

// TestVerifier_Packet_allocs is not parallel, because AllocsPerRun must not be.
func TestVerifier_Packet_allocs(t *testing.T) {
	l := newLab(t)
	l.vpn()
	l.handshake()
	f := frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: endpoint, payload: []byte{4, 0, 0, 0}, pad: 144}
	data := f.bytes()
	var p packet.Packet
	n := testing.AllocsPerRun(1000, func() {
		p.Time, p.Iface, p.Length, p.Direction = l.now, ofVPN, uint32(len(data)), packet.Inbound
		p.Decode(packet.LinkEthernet, data)
		l.v.Packets([]packet.Packet{p}, func(int) []byte { return data }, make([]flow.Ref, 1))
	})
	if n != 0 {
		t.Errorf("Packet allocates %v times; want 0", n)
	}
}

// TestParseEndpoint reads what String writes.
func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"203.0.113.9:51820/udp", "[2001:db8::9]:443/tcp", "203.0.113.9/esp"} {
		if e, ok := verify.ParseEndpoint(text); !ok || e.String() != text {
			t.Errorf("ParseEndpoint(%q) = %v, %v", text, e, ok)
		}
	}
	for _, bad := range []string{"", "203.0.113.9", "203.0.113.9:0/udp", "name:1/udp", "203.0.113.9:1/sctp"} {
		if e, ok := verify.ParseEndpoint(bad); ok {
			t.Errorf("ParseEndpoint(%q) = %v", bad, e)
		}
	}
}
