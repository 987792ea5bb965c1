package verify_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

const (
	syn    = packet.SYN
	synAck = packet.SYN | packet.ACK
	data   = packet.PSH | packet.ACK
)

// fallBack has a client of V reach the outside beside the tunnel, as when the default route
// is back at eth0. contained says that this machine keeps it in.
func (l *lab) fallBack(contained bool) {
	for range 3 {
		l.ping(ofVPN, "10.137.0.20", "198.51.100.7", 63)
		if !contained {
			l.send(frame{iface: eth0, out: true, proto: packet.ProtoICMP, icmp: 8, src: "192.168.1.5", dst: "198.51.100.7", ttl: 62})
		}
		l.wait(time.Second)
	}
}

// canaries sends those of a probe through the tunnel.
func (l *lab) canaries() {
	for _, n := range probe.Sizes() {
		l.wg(4, 32+(n+15)/16*16, false)
	}
}

// probe announces a probe that runs for some seconds, and that its canaries were sent.
func (l *lab) probe(kind verify.ProbeKind) verify.Probe {
	p := l.announce(kind)
	if !l.v.Sent(p.Nonce) {
		l.tb.Error("the probe is not known")
	}
	return p
}

// announce announces a probe.
func (l *lab) announce(kind verify.ProbeKind) verify.Probe {
	p := verify.Probe{Kind: kind, Via: "sys-vpn", Client: "banking", Nonce: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Sizes: probe.Sizes(),
		From: l.now, Until: l.now + int64(10*time.Second)}
	l.v.AddProbe(p)
	return p
}

// pattern is what a canary carries.
func pattern(p verify.Probe) []byte { return append([]byte("qbverify"), p.Nonce[:]...) }

// scene is a situation and what is to be said about it.
type scene struct {
	number int
	name   string
	play   func(*lab)
	want   string // check subject verdict; ...
}

// scenes are those of which the packets can be written down. The numbers are those of
// docs/verify.md.
var scenes = []scene{
	{1, "tunnel up, a client uses it", func(l *lab) { l.vpn(); l.handshake(); l.traffic(5) },
		"VPN-1 sys-vpn pass; VPN-7 sys-vpn pass; VPN-10 sys-vpn pass; VPN-2 sys-vpn unknown(no-traffic)"},
	{2, "tunnel up, idle for 5 minutes", func(l *lab) {
		l.vpn()
		l.udp(ofWork, "10.137.0.6:1", server, nil)
		l.ping(ofVPN, "10.137.0.20", "10.137.0.5", 64)
		l.wait(5 * time.Minute)
	},
		"VPN-1 sys-vpn unknown(no-traffic)"},
	{3, "the capture loses packets", func(l *lab) { l.vpn(); l.handshake(); l.traffic(2); l.v.Lost(7) },
		"VPN-1 sys-vpn unknown(capture-lost); SYS-1 this machine unknown(capture-lost)"},
	{4, "server gone, tunnel stays up", func(l *lab) {
		l.vpn()
		l.handshake()
		l.traffic(2)
		for range 4 {
			l.wg(1, 148, false)
			l.wait(5 * time.Second)
		}
	}, "VPN-1 sys-vpn pass; VPN-2 sys-vpn unknown(needs-probe)"},
	{5, "tunnel's program ended, route back at eth0", func(l *lab) { l.vpn(); l.handshake(); l.traffic(2); l.fallBack(false) },
		"VPN-1 sys-vpn fail; VPN-2 sys-vpn fail"},
	{6, "the same with a connection from before", func(l *lab) {
		l.vpn()
		l.handshake()
		l.traffic(2)
		l.send(frame{iface: ofVPN, proto: packet.ProtoTCP, src: "10.137.0.20:40001", dst: server, flags: data, ttl: 63, payload: []byte("x")})
	}, "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail"},
	{7, "kill switch in OUTPUT", func(l *lab) { l.vpn(); l.handshake(); l.fallBack(false) }, "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail"},
	{8, "kill switch for IPv4 only", func(l *lab) {
		l.vpn()
		l.handshake()
		l.traffic(1)
		l.send(frame{iface: ofVPN, proto: packet.ProtoTCP, src: "[fd09:24ef:4179::a89:14]:40001", dst: world6, flags: syn, ttl: 63})
	}, "VPN-4 sys-vpn fail; VPN-1 sys-vpn fail; VPN-2 sys-vpn unknown(no-traffic)"},
	{9, "kill switch for both, tunnel ended, canaries", func(l *lab) {
		l.vpn()
		l.handshake()
		l.traffic(1)
		l.probe(verify.ProbeTunnel)
		l.canaries()
		l.wait(20 * time.Second)
		l.probe(verify.ProbeDown)
		l.wait(20 * time.Second)
	}, "VPN-9 sys-vpn pass; VPN-2 sys-vpn pass"},
	{10, "the same without canaries", func(l *lab) { l.vpn(); l.handshake(); l.traffic(1); l.wait(20 * time.Second) }, "VPN-2 sys-vpn unknown(no-traffic)"},
	{11, "V itself goes beside the tunnel", func(l *lab) { l.vpn(); l.handshake(); l.tcp(ofVPN, "10.137.0.20:40001", server, syn, nil) },
		"VPN-1 sys-vpn fail; VPN-2 sys-vpn unknown(no-traffic)"},
	{12, "kill switch in table ip, IPv6 canary", func(l *lab) {
		l.vpn()
		l.handshake()
		p := l.probe(verify.ProbeTunnel)
		l.ping(ofVPN, "fd09:24ef:4179::a89:14", "2001:db8::200", 1, pattern(p)...)
	}, "VPN-4 sys-vpn fail contained; VPN-9 sys-vpn fail contained"},
	{13, "a client sends before the tunnel is up", func(l *lab) { l.vpn(); l.fallBack(false); l.handshake() }, "VPN-3 sys-vpn fail; VPN-1 sys-vpn fail"},
	{14, "no client sends before the tunnel is up", func(l *lab) { l.vpn(); l.handshake(); l.traffic(1) }, "VPN-3 sys-vpn unknown(needs-probe); VPN-1 sys-vpn pass"},
	{15, "OpenVPN over UDP and TCP", func(l *lab) {
		l.expect("sys-vpn", verify.ProtocolOpenVPN, "203.0.113.9:1194/udp")
		l.openVPN()
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass"},
	{16, "OpenVPN ended by SIGTERM", func(l *lab) {
		l.expect("sys-vpn", verify.ProtocolOpenVPN, "203.0.113.9:1194/udp")
		l.openVPN()
		l.fallBack(false)
	}, "VPN-2 sys-vpn fail"},
	{17, "the capture begins in the middle of OpenVPN", func(l *lab) {
		l.expect("sys-vpn", verify.ProtocolOpenVPN, "203.0.113.9:1194/udp")
		for range 5 {
			l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: "203.0.113.9:1194", payload: []byte{0x48, 0, 0, 0}, pad: 120})
		}
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn unknown(no-traffic)"},
	{18, "canaries of certain sizes through WireGuard", func(l *lab) { l.vpn(); l.handshake(); l.probe(verify.ProbeTunnel); l.canaries() }, "VPN-9 sys-vpn pass"},
	{19, "another qube repeats a canary", func(l *lab) {
		l.vpn()
		l.handshake()
		p := l.probe(verify.ProbeTunnel)
		l.ping(ofWork, "10.137.0.6", "192.0.2.200", 1, pattern(p)...)
	}, "VPN-9 sys-vpn not_tested(needs-probe); VPN-1 sys-vpn pass"},
	{20, "a client pings the endpoint beside the tunnel", func(l *lab) { l.vpn(); l.handshake(); l.ping(ofVPN, "10.137.0.20", "203.0.113.9", 63) },
		"VPN-7 sys-vpn fail; VPN-2 sys-vpn unknown(no-traffic)"},
	{21, "a client reaches the local network", func(l *lab) { l.vpn(); l.handshake(); l.tcp(ofVPN, "10.137.0.20:1", "192.168.1.1:80", syn, nil) }, "VPN-6 sys-vpn fail"},
	{23, "a client's DNS goes through the tunnel", func(l *lab) { l.vpn(); l.handshake(); l.traffic(2) }, "DNS-3 sys-vpn not_tested(needs-probe); VPN-5 sys-vpn unknown(no-traffic)"},
	{24, "a client's DNS goes beside the tunnel", func(l *lab) {
		l.vpn()
		l.handshake()
		l.udp(ofVPN, "10.137.0.20:1", resolver, query("leak.example.com"))
	},
		"VPN-5 sys-vpn fail; DNS-3 sys-vpn fail; VPN-1 sys-vpn fail"},
	{25, "V looks up its endpoint", func(l *lab) {
		l.vpn().Names = []string{"se1.relays.example"}
		l.apply()
		l.udp(ofVPN, "10.137.0.20:1", resolver, query("se1.Relays.example"))
		l.handshake()
	}, "VPN-5 sys-vpn pass; VPN-1 sys-vpn pass"},
	{26, "NetworkManager checks the network", func(l *lab) { l.vpn(); l.handshake(); l.tcp(ofVPN, "10.137.0.20:1", "198.51.100.80:80", syn, nil) }, "VPN-1 sys-vpn fail"},
	{27, "qvm-firewall keeps a leak in", func(l *lab) {
		l.qvmFirewall("10.137.0.20", "policy=drop", "action=accept dst4=203.0.113.9/32 proto=udp dstports=51820-51820")
		l.vpn()
		l.handshake()
		l.fallBack(true)
		l.wait(3 * time.Second)
	}, "VPN-8 sys-vpn pass; VPN-1 sys-vpn fail contained; ISO-6 sys-vpn pass"},
	{28, "two sources disagree", func(l *lab) { l.vpn().Conflict = "qvm-firewall names another host"; l.apply(); l.handshake() }, "VPN-1 sys-vpn unknown(no-expectation)"},
	{29, "the endpoint changes", func(l *lab) {
		l.vpn()
		l.handshake()
		l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: "203.0.113.10:51820", payload: []byte{1, 0, 0, 0}, pad: 148})
	}, "VPN-10 sys-vpn fail; VPN-1 sys-vpn fail"},
	{30, "work tries to reach untrusted", func(l *lab) {
		l.ping(ofWork, "10.137.0.6", "10.137.0.9", 64)
		l.tcp(ofWork, "10.137.0.6:1", "10.137.0.9:22", syn, nil)
		l.udp(ofWork, "10.137.0.6:1", "10.137.0.9:5353", []byte("x"))
		l.wait(3 * time.Second)
	}, "ISO-1 work pass"},
	{31, "custom-forward accepts the pair", func(l *lab) {
		l.ping(ofWork, "10.137.0.6", "10.137.0.9", 64)
		l.send(frame{iface: ofUntrusted, out: true, proto: packet.ProtoICMP, icmp: 8, src: "10.137.0.6", dst: "10.137.0.9"})
	}, "ISO-1 work fail; ISO-1 untrusted unknown(no-traffic)"},
	{32, "the rules that drop are flushed", func(l *lab) { l.env.Ruleset = &verify.Ruleset{Generation: 1}; l.apply() }, "ISO-2 this machine fail"},
	{33, "the same in IPv6", func(l *lab) {
		l.ping(ofWork, "fd09:24ef:4179::a89:6", "fd09:24ef:4179::a89:9", 64)
		l.wait(3 * time.Second)
	}, "ISO-1 work pass"},
	{34, "a client of V tries to reach work", func(l *lab) { l.ping(ofVPN, "10.137.0.20", "10.137.0.6", 63); l.wait(3 * time.Second) }, "ISO-1 sys-vpn pass"},
	{35, "a source that is not the qube's, and link-local noise", func(l *lab) {
		l.uplink()
		l.ping(ofWork, "10.137.1.128", "198.51.100.7", 64)
		l.ping(ofWork, "fe80::1", "ff02::2", 255)
		l.uplink()
		l.wait(3 * time.Second)
	}, "ISO-3 work pass"},
	{36, "the same without antispoofing", func(l *lab) {
		l.ping(ofWork, "10.137.1.128", "198.51.100.7", 64)
		l.send(frame{iface: eth0, out: true, proto: packet.ProtoICMP, icmp: 8, src: "192.168.1.5", dst: "198.51.100.7"})
	}, "ISO-3 work fail"},
	{37, "a port of this machine is open", func(l *lab) {
		l.tcp(ofWork, "10.137.0.6:1", "10.137.0.5:22", syn, nil)
		l.send(frame{iface: ofWork, out: true, proto: packet.ProtoTCP, src: "10.137.0.5:22", dst: "10.137.0.6:1", flags: synAck})
	}, "ISO-4 work fail"},
	{38, "qubes-firewall has not seen a client", func(l *lab) {
		l.env.Ruleset = &verify.Ruleset{Generation: 1, DropsBetween4: true, DropsBetween6: true, Firewall: true}
		l.qvmFirewall("10.137.0.6", "policy=accept")
		l.udp(ofWork, "10.137.0.6:1", resolver, query("a.example"))
		l.wait(5 * time.Second)
	}, "ISO-5 work fail; ISO-2 this machine pass"},
	{39, "a connection goes on after its rule is gone", func(l *lab) {
		l.qvmFirewall("10.137.0.6", "policy=drop")
		l.rules[work.IP].Changed = l.now
		out := frame{iface: eth0, out: true, proto: packet.ProtoTCP, src: "192.168.1.5:1", dst: server, flags: data, payload: []byte("x")}
		l.tcp(ofWork, "10.137.0.6:1", server, data, []byte("x"))
		l.send(out)
		l.want("ISO-6 work unknown(no-traffic)")
		l.wait(6 * time.Second)
		l.tcp(ofWork, "10.137.0.6:1", server, data, []byte("x"))
		l.send(out)
		l.wait(2 * time.Second)
	}, "ISO-6 work fail"},
	{39, "the rules are opened while a packet is on its way", func(l *lab) {
		l.qvmFirewall("10.137.0.6", "policy=drop")
		l.tcp(ofWork, "10.137.0.6:1", server, syn, nil)
		l.send(frame{iface: eth0, out: true, proto: packet.ProtoTCP, src: "192.168.1.5:1", dst: server, flags: syn})
		l.qvmFirewall("10.137.0.6", "policy=accept")
		l.wait(2 * time.Second)
	}, "ISO-6 work unknown(no-traffic)"},
	{40, "Tor, and its list of relays", func(l *lab) {
		l.torExit().Relays = relays(l.tb, "203.0.113.20:9001")
		l.apply()
		l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com")
	},
		"TOR-1 sys-whonix pass; TOR-2 sys-whonix unknown(no-traffic); TOR-3 sys-whonix pass; TOR-4 sys-whonix pass"},
	{41, "a relay that is not in the list", func(l *lab) {
		l.torExit().Relays = relays(l.tb, "203.0.113.20:9001")
		l.apply()
		l.torLink("203.0.113.21:9001", "www.5k7qa2pm3x.com")
		l.want("TOR-3 sys-whonix unknown(no-expectation)")
		l.wait(25 * time.Hour)
		l.torLink("203.0.113.21:9001", "www.5k7qa2pm3y.com")
	}, "TOR-3 sys-whonix fail"},
	{42, "W sends NTP, echo requests and DNS", func(l *lab) {
		l.torExit()
		l.udp(ofWhonix, "10.137.0.21:1", "198.51.100.123:123", make([]byte, 48))
		l.ping(ofWhonix, "10.137.0.21", "198.51.100.7", 64)
		l.udp(ofWhonix, "10.137.0.21:1", resolver, query("leak.example.com"))
	}, "TOR-1 sys-whonix fail; TOR-2 sys-whonix fail; DNS-3 sys-whonix fail"},
	{43, "W uses HTTPS beside Tor", func(l *lab) {
		l.torExit().Relays = relays(l.tb, "203.0.113.20:9001")
		l.apply()
		l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com")
		l.torLink(server, "www.example.net")
	}, "TOR-3 sys-whonix fail; TOR-4 sys-whonix fail"},
	{44, "UDP of a pluggable transport", func(l *lab) { l.torExit(); l.udp(ofWhonix, "10.137.0.21:1", "198.51.100.7:3478", make([]byte, 20)) }, "TOR-1 sys-whonix fail"},
	{45, "nothing leaves without Tor", func(l *lab) { l.torExit(); l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com"); l.wait(time.Minute) }, "TOR-7 sys-whonix unknown(needs-probe)"},
	{46, "an anonymous qube is attached here", func(l *lab) {
		l.expects["work"] = &verify.Expectation{Exit: verify.ExitAnon, Source: "inventory"}
		l.apply()
		l.tcp(ofWork, "10.137.0.6:1", server, syn, nil)
	}, "TOR-6 work fail"},
	{47, "a disposable's address is used by the next", func(l *lab) {
		l.vpn()
		l.handshake()
		l.fallBack(false)
		l.names[17], l.qubes = "vif17.0", append([]*qube.Qube{{Name: "disp2", XID: 17, IP: sysVPN.IP}}, work, untrusted)
		l.send(frame{iface: 17, proto: packet.ProtoUDP, src: "10.137.0.20:1", dst: server})
	}, "VPN-1 disp2 absent; ISO-1 disp2 unknown(no-traffic)"},
	{48, "V is restarted", func(l *lab) {
		l.vpn()
		l.handshake()
		l.traffic(2)
		again := *sysVPN
		again.XID, l.names[27], l.qubes = 27, "vif27.0", []*qube.Qube{work}
		l.qubes = append(l.qubes, &again)
		l.wait(2 * time.Second)
		l.send(frame{iface: 27, proto: packet.ProtoUDP, src: "10.137.0.20:1", dst: "10.137.0.5:9", payload: []byte("x")})
	}, "VPN-1 sys-vpn unknown(no-traffic)"},
	{49, "this machine is behind V", func(l *lab) {
		x := l.vpn()
		l.env.Missing = []verify.Absent{{Name: "sys-vpn", Expect: x, Above: true}}
		l.apply()
	}, "VPN-1 sys-vpn unknown(not-in-position)"},
	{50, "the clock jumps, packets are out of order", func(l *lab) {
		l.vpn()
		l.handshake()
		l.now -= int64(time.Hour)
		l.traffic(2)
		l.now -= int64(300 * time.Millisecond)
		l.wg(4, 144, false)
		l.now += int64(8 * time.Hour)
		l.handshake()
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass; VPN-2 sys-vpn unknown(no-traffic)"},
}

// uplink has a packet of another qube leave, so that the uplink is known to be captured.
func (l *lab) uplink() {
	l.send(frame{iface: eth0, out: true, proto: packet.ProtoUDP, src: "192.168.1.5:9", dst: "198.51.100.99:9"})
}

// openVPN begins a session and sends data.
func (l *lab) openVPN() {
	for _, f := range []struct {
		first byte
		size  int
		back  bool
	}{{0x38, 14, false}, {0x40, 26, true}, {0x20, 300, false}, {0x48, 120, false}, {0x48, 120, true}} {
		session := []byte{f.first, 9, 9, 9, 9, 9, 9, 9, 9}
		one := frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: "203.0.113.9:1194", payload: session, pad: f.size}
		if f.back {
			one.src, one.dst, one.out = one.dst, one.src, true
		}
		l.send(one)
	}
}

// torLink connects W to a server and sends cells.
func (l *lab) torLink(to, name string) {
	port := 40000 + l.now/1e6%20000
	src := fmt.Sprintf("10.137.0.21:%d", port)
	l.tcp(ofWhonix, src, to, syn, nil)
	l.tcp(ofWhonix, src, to, data, tlsHello(l.tb, name))
	for range 3 {
		l.tcp(ofWhonix, src, to, data, make([]byte, 536))
	}
}

// qvmFirewall sets the rules of an address; policy=accept or policy=drop comes first.
func (l *lab) qvmFirewall(addr string, lines ...string) {
	entries := map[string]string{"policy": strings.TrimPrefix(lines[0], "policy=")}
	for i, line := range lines[1:] {
		entries[fmt.Sprintf("%04d", i)] = line
	}
	r, err := verify.ParseRules(entries)
	if err != nil {
		l.tb.Fatal(err)
	}
	if l.rules == nil {
		l.rules = map[netip.Addr]*verify.Rules{}
		l.env.Rules = func(a netip.Addr) *verify.Rules { return l.rules[a] }
	}
	l.rules[netip.MustParseAddr(addr)] = r
	l.apply()
}

// relays returns a list with one relay.
func relays(tb testing.TB, at string) *verify.Relays {
	tb.Helper()
	a := netip.MustParseAddrPort(at)
	text := fmt.Sprintf("network-status-version 3 microdesc\nvalid-after 2023-11-14 20:00:00\nr one AAAA 2038-01-01 00:00:00 %v %d 0\ns Fast Guard Running Valid\n", a.Addr(), a.Port())
	r, err := verify.ReadRelays(strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// want compares results with what is wanted: "check subject verdict; ...".
func (l *lab) want(list string) (got string, ok bool) {
	l.tb.Helper()
	ok = true
	var have []string
	for one := range strings.SplitSeq(list, "; ") {
		check, rest, _ := strings.Cut(one, " ")
		subject, verdict, _ := strings.Cut(rest, " ")
		if strings.HasPrefix(rest, "this machine ") {
			subject, verdict = "this machine", strings.TrimPrefix(rest, "this machine ")
		}
		is := l.got(subject, check)
		have = append(have, check+" "+subject+" "+is)
		if is != verdict {
			ok = false
			l.tb.Errorf("%s of %s is %s; want %s", check, subject, is, verdict)
		}
	}
	return strings.Join(have, "; "), ok
}

// TestScenes plays each scene and compares the verdicts. With -v it prints the table.
func TestScenes(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SCENE\tWHAT\tEXPECTED\tGOT")
	for _, s := range scenes {
		t.Run(fmt.Sprintf("%02d %s", s.number, s.name), func(t *testing.T) {
			l := newLab(t)
			s.play(l)
			got, ok := l.want(s.want)
			if got == s.want {
				got = "the same"
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", s.number, s.name, s.want, got)
			st := l.v.Stats()
			if sum := st.Agree + st.Against + st.Own + st.NotJudged; sum != st.Packets {
				t.Errorf("%d packets judged of %d: %+v", sum, st.Packets, st)
			}
			if !ok {
				for _, r := range l.v.Results() {
					t.Logf("%-8s %-7s %-12s %s", r.Verdict, r.Check, r.Subject, r.Text)
				}
			}
		})
	}
	w.Flush()
	t.Logf("%d scenes\n%s", len(scenes), table.String())
}
