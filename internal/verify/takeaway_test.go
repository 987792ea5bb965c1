package verify_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// takeaway is what a check of a subject passes for, and the pieces of that.
type takeaway struct {
	subject string
	play    func(*lab)
	pieces  []without
}

// neverPass are the checks that no packet and no rule lets pass, and why.
var neverPass = map[string]string{
	"VPN-3": "who has tried to send before the tunnel was up is not known",
	"VPN-6": "who has tried to reach the local network is not known",
	"TOR-2": "no packet is evidence of DNS that was not sent",
	"TOR-6": "a qube behind a gateway has no vif here",
	"TOR-7": "who has tried to send without Tor is not known",
	"DNS-3": "what is inside the tunnel is not seen",
	"DNS-5": "only the qube can ask",
	"EGR-1": "no expected address is configured; what was seen is shown and not judged",
	"EGR-2": "there is no list of exits",
	"EGR-3": "what was seen is shown and not judged",
	"SYS-2": "the capture begins after the boot",
}

// mayPass reports whether there is a test that takes a pass of the check away.
func mayPass(check string) bool { return takeaways[check] != nil }

// onlyKnownPasses fails a test at whose end a check passes that is not in takeaways: what it
// rests on was not written down.
func (l *lab) onlyKnownPasses() {
	for _, r := range l.v.Results() {
		if r.Verdict == verify.Pass && !mayPass(r.Check.String()) {
			l.tb.Errorf("%v of %s passes, and no test takes its evidence away: add it to takeaways", r.Check, r.Subject)
		}
	}
}

// TestCheck_takeaway has each check be written down: with its evidence, or with why it never passes.
func TestCheck_takeaway(t *testing.T) {
	t.Parallel()
	for c := range verify.Check(verify.Checks) {
		if _, never := neverPass[c.String()]; never == mayPass(c.String()) {
			t.Errorf("%v must be in one of takeaways and neverPass", c)
		}
	}
}

// TestResults_takeaway takes the evidence for each pass away, piece by piece.
func TestResults_takeaway(t *testing.T) {
	t.Parallel()
	for check, list := range takeaways {
		for _, one := range list {
			t.Run(check, func(t *testing.T) {
				t.Parallel()
				wantWithout(t, one.subject, check, one.play, append([]without{{"nothing", func(*lab) {}, "pass"}}, one.pieces...))
			})
		}
	}
}

// observed are the pieces of each pass that rests on packets from a vif, and more of them.
func observed(iface uint32, src string, more ...without) []without {
	return append(more, without{"the packets", func(l *lab) { l.again(iface, src) }, "unknown(no-traffic)"},
		withoutCapture, withoutInventory,
		without{"the time", func(l *lab) { l.wait(16 * time.Minute) }, "pass stale"},
		without{"the vif", func(l *lab) { l.qubes = []*qube.Qube{banking}; l.wait(2 * time.Second) }, "absent"})
}

var (
	withoutCapture   = without{"the capture", func(l *lab) { l.v.Lost(1) }, "unknown(capture-lost)"}
	withoutInventory = without{"the inventory", func(l *lab) { l.env.Stale = true; l.apply() }, "unknown(inventory-stale)"}
	withoutRules     = without{"the rules that were loaded", func(l *lab) { l.rulesets(2) }, "unknown(ruleset-changed)"}
)

// rulesets has nft's rules be read, of a generation.
func (l *lab) rulesets(generation uint64) {
	l.env.Ruleset = &verify.Ruleset{Generation: generation, DropsBetween4: true, DropsBetween6: true, Firewall: true, MapsDNS: true,
		Chains: []netip.Addr{work.IP}}
	l.apply()
}

// instead has a verifier that has seen nothing see something else than what a check passes for.
func instead(name, want string, iface uint32, src string, play func(*lab)) without {
	return without{name, func(l *lab) { l.again(iface, src); l.uplink(); play(l); l.wait(3 * time.Second) }, want}
}

// ofExpected are the pieces of each pass that rests on what is expected of a qube.
func ofExpected(name string, iface uint32, src string, more ...without) []without {
	return observed(iface, src, append(more,
		without{"the expectation", func(l *lab) { delete(l.expects, name); l.wait(2 * time.Second) }, "absent"},
		without{"the agreement of sources", func(l *lab) {
			changed := *l.expects[name]
			changed.Conflict = "two hosts"
			l.expects[name] = &changed
			l.wait(2 * time.Second)
		}, "unknown(no-expectation)"},
		without{"its own path", func(l *lab) { l.move(name, "sys-other") }, "unknown(no-traffic)"})...)
}

// move gives a qube another netvm.
func (l *lab) move(name, netvm string) {
	for i, q := range l.qubes {
		if q.Name == name {
			moved := *q
			moved.NetVM = netvm
			l.qubes = append([]*qube.Qube(nil), l.qubes...)
			l.qubes[i] = &moved
		}
	}
	l.wait(2 * time.Second)
}

// ask has this machine send to port 53 of a server, on the uplink.
func (l *lab) ask(server string) {
	l.send(frame{iface: eth0, out: true, proto: packet.ProtoUDP, src: "192.168.1.5:5353", dst: server, payload: query("www.example.com")})
}
