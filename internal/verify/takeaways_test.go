package verify_test

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// Sources of the lab's vifs.
const srcWork, srcVPN, srcWhonix = "10.137.0.6", "10.137.0.20", "10.137.0.21"

// takeaways has a row for each check that can pass.
var takeaways = map[string][]takeaway{
	"ISO-1": {{"work", func(l *lab) { l.rulesets(1); l.ping(ofWork, srcWork, "10.137.0.9", 64); l.wait(3 * time.Second) },
		observed(ofWork, srcWork, withoutRules,
			instead("the other vif", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { delete(l.names, ofUntrusted); l.ping(ofWork, srcWork, "10.137.0.9", 64) }),
			instead("a hop that is left", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.ping(ofWork, srcWork, "10.137.0.9", 1) }),
			instead("its own source", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.ping(ofWork, "10.137.1.128", "10.137.0.9", 64) }),
			without{"the capture of what vifs are sent", func(l *lab) {
				l.again(ofWork, srcWork)
				l.tcp(ofUntrusted, "10.137.0.9:1", server, syn, nil)
				l.ping(ofWork, srcWork, "10.137.0.9", 64)
				l.wait(3 * time.Second)
			}, "unknown(no-traffic)"},
			without{"the drop", func(l *lab) {
				l.ping(ofWork, srcWork, "10.137.0.9", 64)
				l.send(frame{iface: ofUntrusted, out: true, proto: packet.ProtoICMP, icmp: 8, src: srcWork, dst: "10.137.0.9"})
			}, "fail"})}},
	"ISO-2": {{"this machine", func(l *lab) { l.rulesets(1) }, []without{
		{"the rules", func(l *lab) { l.env.Ruleset = nil; l.apply() }, "unknown(no-rules-read)"},
		{"those of IPv6", func(l *lab) { l.env.Ruleset = &verify.Ruleset{Generation: 2, DropsBetween4: true}; l.apply() }, "fail"},
	}}},
	"ISO-3": {{"work", func(l *lab) {
		l.rulesets(1)
		l.uplink()
		l.ping(ofWork, "10.137.1.128", "198.51.100.7", 64)
		l.wait(3 * time.Second)
	},
		observed(ofWork, srcWork, withoutRules,
			instead("a hop that is left", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.ping(ofWork, "10.137.1.128", "198.51.100.7", 1) }),
			instead("a way out", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) {
				l.ping(ofWork, "10.137.1.128", "10.137.0.5", 64)
				l.udp(ofWork, "10.137.1.128:1", resolver, query("a.example"))
				l.ping(ofWork, "10.137.1.128", "10.137.0.9", 64)
			}),
			without{"the uplink's capture", func(l *lab) {
				l.again(ofWork, srcWork)
				l.names[20] = "lo"
				l.send(frame{iface: 20, out: true, proto: packet.ProtoTCP, src: "127.0.0.1:1", dst: "127.0.0.1:9200", flags: data})
				l.ping(ofWork, "10.137.1.128", "198.51.100.7", 64)
				l.wait(3 * time.Second)
			}, "unknown(no-traffic)"})}},
	"ISO-4": {{"work", func(l *lab) {
		l.rulesets(1)
		l.tcp(ofWork, srcWork+":1", "10.137.0.5:22", syn, nil)
		l.wait(3 * time.Second)
	},
		observed(ofWork, srcWork, withoutRules,
			instead("the attempt", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.tcp(ofWork, srcWork+":1", "10.137.0.5:22", data, []byte("x")) }),
			instead("its own source", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.tcp(ofWork, "10.137.1.128:1", "10.137.0.5:22", syn, nil) }),
			without{"the time for an answer", func(l *lab) { l.again(ofWork, srcWork); l.tcp(ofWork, srcWork+":1", "10.137.0.5:22", syn, nil) }, "unknown(no-traffic)"},
			instead("the silence", "fail", ofWork, srcWork, func(l *lab) {
				l.tcp(ofWork, srcWork+":1", "10.137.0.5:22", syn, nil)
				l.send(frame{iface: ofWork, out: true, proto: packet.ProtoTCP, src: "10.137.0.5:22", dst: srcWork + ":1", flags: synAck})
			}))}},
	"ISO-5": {{"work", func(l *lab) {
		l.rulesets(1)
		l.qvmFirewall(srcWork, "policy=accept")
		l.ping(ofWork, srcWork, "10.137.0.5", 64)
		l.wait(3 * time.Second)
	}, []without{
		withoutInventory,
		{"the rules", func(l *lab) { l.env.Ruleset = nil; l.apply() }, "unknown(no-rules-read)"},
		{"those of QubesDB", func(l *lab) { l.env.Rules = nil; l.apply() }, "unknown(no-rules-read)"},
		{"the chain", func(l *lab) { l.env.Ruleset = &verify.Ruleset{Generation: 2, Firewall: true}; l.apply() }, "fail"},
		{"the table", func(l *lab) { l.env.Ruleset.Firewall = false; l.apply() }, "fail"},
		{"the time to load them", func(l *lab) { l.again(ofWork, srcWork) }, "unknown(ruleset-changed)"},
	}}},
	"ISO-6": {{"work", func(l *lab) {
		l.rulesets(1)
		l.qvmFirewall(srcWork, "policy=drop")
		l.uplink()
		l.tcp(ofWork, srcWork+":1", server, syn, nil)
		l.wait(3 * time.Second)
	}, observed(ofWork, srcWork, withoutRules,
		instead("a rule that drops", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.qvmFirewall(srcWork, "policy=accept"); l.tcp(ofWork, srcWork+":1", server, syn, nil) }),
		instead("a hop that is left", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.ping(ofWork, srcWork, "198.51.100.7", 1) }),
		instead("its own source", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.ping(ofWork, "10.137.1.128", "198.51.100.7", 64) }),
		instead("a way out", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.ping(ofWork, srcWork, "10.137.0.9", 64) }),
		instead("the drop", "fail", ofWork, srcWork, func(l *lab) {
			l.tcp(ofWork, srcWork+":1", server, syn, nil)
			l.send(frame{iface: eth0, out: true, proto: packet.ProtoTCP, src: "192.168.1.5:1", dst: server, flags: syn})
		}))}},

	"VPN-1":  {{"sys-vpn", tunnelUp, ofExpected("sys-vpn", ofVPN, srcVPN)}},
	"VPN-2":  {{"sys-vpn", probed, withoutProbe("unknown(needs-probe)")}},
	"VPN-9":  {{"sys-vpn", probed, withoutProbe("not_tested(needs-probe)")}},
	"VPN-7":  {{"sys-vpn", tunnelUp, ofExpected("sys-vpn", ofVPN, srcVPN, withoutProtocol)}},
	"VPN-10": {{"sys-vpn", tunnelUp, ofExpected("sys-vpn", ofVPN, srcVPN)}},
	"VPN-4": {
		{"sys-vpn", func(l *lab) {
			l.expect("sys-vpn", verify.ProtocolWireGuard, "[2001:db8:9::9]:51820/udp")
			l.send(frame{iface: ofVPN, proto: packet.ProtoUDP, src: "[fd09:24ef:4179::a89:14]:40000", dst: "[2001:db8:9::9]:51820", payload: []byte{1, 0, 0, 0}, pad: 148})
		}, ofExpected("sys-vpn", ofVPN, srcVPN)},
		{"sys-whonix", func(l *lab) { // has no address of IPv6, so that Qubes drops what it sends
			l.expect("sys-whonix", verify.ProtocolWireGuard, endpoint+"/udp")
			l.ping(ofWhonix, srcWhonix, "10.137.0.5", 64)
		}, []without{withoutInventory, {"the column of IPv6 addresses", func(l *lab) { l.env.NoIP6 = true; l.apply() }, "unknown(no-traffic)"}}},
	},
	"VPN-5": {{"sys-vpn", func(l *lab) {
		l.vpn().Names = []string{"se1.relays.example"}
		l.apply()
		l.udp(ofVPN, srcVPN+":1", resolver, query("se1.relays.example"))
	}, ofExpected("sys-vpn", ofVPN, srcVPN,
		instead("the name", "fail", ofVPN, srcVPN, func(l *lab) { l.udp(ofVPN, srcVPN+":1", resolver, query("se2.relays.example")) }))}},
	"VPN-8": {{"sys-vpn", func(l *lab) {
		l.vpn()
		l.qvmFirewall(srcVPN, "policy=drop", "action=accept dst4=203.0.113.9/32 proto=udp dstports=51820-51820")
		l.ping(ofVPN, srcVPN, "10.137.0.5", 64)
	}, []without{
		withoutInventory,
		{"the rules", func(l *lab) { l.env.Rules = nil; l.apply(); l.wait(2 * time.Second) }, "unknown(no-rules-read)"},
		{"those of the qube", func(l *lab) { delete(l.rules, sysVPN.IP); l.wait(2 * time.Second) }, "unknown(no-expectation)"},
		{"the drop", func(l *lab) { l.qvmFirewall(srcVPN, "policy=accept"); l.wait(2 * time.Second) }, "fail"},
	}}},

	"TOR-1": {{"sys-whonix", torUp, ofExpected("sys-whonix", ofWhonix, srcWhonix)}},
	"TOR-3": {{"sys-whonix", torUp, ofExpected("sys-whonix", ofWhonix, srcWhonix,
		without{"the list of relays", func(l *lab) {
			changed := *l.expects["sys-whonix"]
			changed.Relays = nil
			l.expects["sys-whonix"] = &changed
			l.wait(2 * time.Second)
		}, "unknown(no-expectation)"},
		instead("the relay", "unknown(no-expectation)", ofWhonix, srcWhonix, func(l *lab) { l.torLink("203.0.113.21:9001", "www.5k7qa2pm3x.com") }))}},
	"TOR-4": {{"sys-whonix", torUp, ofExpected("sys-whonix", ofWhonix, srcWhonix,
		instead("the ClientHello", "unknown(no-traffic)", ofWhonix, srcWhonix, func(l *lab) {
			for range 3 {
				l.tcp(ofWhonix, srcWhonix+":40000", "203.0.113.20:9001", data, make([]byte, 536))
			}
		}),
		instead("the cells", "unknown(no-traffic)", ofWhonix, srcWhonix, func(l *lab) {
			l.tcp(ofWhonix, srcWhonix+":40000", "203.0.113.20:9001", syn, nil)
			l.tcp(ofWhonix, srcWhonix+":40000", "203.0.113.20:9001", data, tlsHello(l.tb, "www.5k7qa2pm3x.com"))
			l.tcp(ofWhonix, srcWhonix+":40000", "203.0.113.20:9001", data, make([]byte, 100))
		}))}},
	"TOR-5": {{"sys-whonix", torUp, ofExpected("sys-whonix", ofWhonix, srcWhonix,
		without{"the few", func(l *lab) {
			for i := range 13 {
				l.tcp(ofWhonix, srcWhonix+":1", netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(100 + i)}), 9001).String(), syn, nil)
			}
		}, "unknown(no-expectation)"})}},

	"DNS-1": {{"work", func(l *lab) { l.udp(ofWork, srcWork+":1", resolver, query("www.example.com")) },
		observed(ofWork, srcWork,
			instead("the query", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) {
				l.udp(ofWork, srcWork+":1", resolver, []byte("x"))
				l.tcp(ofWork, srcWork+":1", resolver, syn, nil)
			}),
			instead("its own source", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.udp(ofWork, "10.137.1.128:1", resolver, query("www.example.com")) }),
			without{"the resolver", func(l *lab) { l.udp(ofWork, srcWork+":1", "9.9.9.9:53", query("www.example.com")) }, "fail"})}},
	"DNS-2": {{"this machine", func(l *lab) {
		l.env.Upstreams = []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}
		l.apply()
		l.ask("9.9.9.9:53")
	}, []without{
		withoutCapture, withoutInventory,
		{"the time", func(l *lab) { l.wait(16 * time.Minute) }, "pass stale"},
		{"the packets", func(l *lab) { l.again(ofWork, srcWork) }, "unknown(no-traffic)"},
		{"the configuration", func(l *lab) { l.env.Upstreams = nil; l.apply() }, "unknown(no-expectation)"},
		{"the server that is configured", func(l *lab) { l.env.Upstreams = []netip.AddrPort{netip.MustParseAddrPort("9.9.9.10:53")}; l.apply() }, "unknown(no-traffic)"},
		instead("its own query", "unknown(no-traffic)", ofWork, srcWork, func(l *lab) { l.udp(ofWork, srcWork+":1", "9.9.9.9:53", query("www.example.com")); l.ask("9.9.9.9:53") }),
	}}},
	"DNS-4": {{"this machine", func(l *lab) { l.rulesets(1) }, []without{
		{"the rules", func(l *lab) { l.env.Ruleset = nil; l.apply() }, "unknown(no-rules-read)"},
		{"the one that redirects", func(l *lab) { l.env.Ruleset = &verify.Ruleset{Generation: 2}; l.apply() }, "fail"},
	}}},
	"SYS-1": {{"this machine", func(l *lab) { l.ping(ofWork, srcWork, "10.137.0.5", 64) }, []without{
		withoutCapture, withoutInventory,
		{"the packets", func(l *lab) { l.v = verify.New(verify.Config{World: l}); l.apply() }, "unknown(no-traffic)"},
		{"the time", func(l *lab) { l.wait(16 * time.Minute) }, "pass stale"},
		{"a vif's qube", func(l *lab) {
			l.env.Domains = true
			l.apply()
			l.qubes = nil
			l.wait(70 * time.Second)
			l.ping(ofUntrusted, "10.137.0.9", "10.137.0.5", 64)
			l.wait(70 * time.Second)
		}, "unknown(inventory-stale)"},
	}}},
}

// tunnelUp brings the tunnel of sys-vpn up.
func tunnelUp(l *lab) { l.vpn(); l.handshake(); l.traffic(3) }

// torUp connects sys-whonix to a relay.
func torUp(l *lab) {
	l.torExit().Relays = relays(l.tb, "203.0.113.20:9001")
	l.apply()
	l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com")
}

// probed has canaries of banking go through the tunnel, and stay away while it is down.
func probed(l *lab) {
	l.vpn()
	l.rulesets(1)
	l.handshake()
	l.probe(verify.ProbeTunnel)
	l.canaries()
	l.wait(20 * time.Second)
	l.probe(verify.ProbeDown)
	l.wait(20 * time.Second)
}

// withoutProbe are the pieces of a pass that rests on a probe, and what is left without one.
func withoutProbe(untested string) []without {
	return []without{
		withoutCapture, withoutInventory, withoutRules,
		{"the time", func(l *lab) { l.wait(25 * time.Hour) }, "pass stale"},
		{"the expectation", func(l *lab) { delete(l.expects, "sys-vpn"); l.wait(2 * time.Second) }, "absent"},
		{"the path of the client", func(l *lab) { l.move("banking", "sys-whonix") }, untested},
		{"its own path", func(l *lab) { l.move("sys-vpn", "sys-other") }, untested},
	}
}

// withoutProtocol takes the protocol of the tunnel away.
var withoutProtocol = without{"the protocol", func(l *lab) {
	l.expect("sys-vpn", verify.ProtocolAny, endpoint+"/udp")
	l.wait(2 * time.Second)
}, "unknown(no-expectation)"}
