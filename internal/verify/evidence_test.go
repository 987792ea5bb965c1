package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// without is a piece of evidence, and what a check is when it is taken away.
type without struct {
	name string
	take func(*lab)
	want string
}

// wantWithout plays what a check passes for, and takes the pieces away one by one.
func wantWithout(t *testing.T, subject, check string, play func(*lab), pieces []without) {
	t.Helper()
	for _, p := range pieces {
		t.Run(p.name, func(t *testing.T) {
			l := newLab(t)
			play(l)
			p.take(l)
			if got := l.got(subject, check); got != p.want {
				t.Errorf("%s without %s is %s; want %s", check, p.name, got, p.want)
			}
		})
	}
}

// again begins with a verifier that has seen nothing, and one packet that says nothing.
func (l *lab) again(iface uint32, src string) {
	l.v = verify.New(verify.Config{World: l})
	l.apply()
	l.ping(iface, src, "10.137.0.5", 64)
}

// TestResults_evidence_tor takes the evidence away that a qube uses Tor and nothing else.
func TestResults_evidence_tor(t *testing.T) {
	t.Parallel()
	play := func(l *lab) {
		l.torExit().Relays = relays(t, "203.0.113.20:9001")
		l.apply()
		l.torLink("203.0.113.20:9001", "www.5k7qa2pm3x.com")
	}
	wantWithout(t, "sys-whonix", "TOR-1", play, []without{
		{"nothing", func(*lab) {}, "pass"},
		{"the packets", func(l *lab) { l.again(ofWhonix, "10.137.0.21") }, "unknown(no-traffic)"},
		{"the expectation", func(l *lab) { delete(l.expects, "sys-whonix"); l.wait(2 * time.Second) }, "absent"},
		{"the capture", func(l *lab) { l.v.Lost(1) }, "unknown(capture-lost)"},
		{"the inventory", func(l *lab) { l.env.Stale = true; l.apply() }, "unknown(inventory-stale)"},
		{"the time", func(l *lab) { l.wait(16 * time.Minute) }, "pass stale"},
		{"the vif", func(l *lab) { l.qubes = []*qube.Qube{work}; l.wait(2 * time.Second) }, "absent"},
	})
	wantWithout(t, "sys-whonix", "TOR-3", play, []without{
		{"nothing", func(*lab) {}, "pass"},
		{"the list of relays", func(l *lab) { l.expects["sys-whonix"].Relays = nil; l.wait(2 * time.Second) }, "unknown(no-expectation)"},
		{"the capture", func(l *lab) { l.v.Lost(1) }, "unknown(capture-lost)"},
	})
}

// TestResults_evidence_isolation takes the evidence away that a qube reaches no other.
func TestResults_evidence_isolation(t *testing.T) {
	t.Parallel()
	play := func(l *lab) {
		l.env.Ruleset = &verify.Ruleset{Generation: 1, DropsBetween4: true, DropsBetween6: true}
		l.apply()
		l.ping(ofWork, "10.137.0.6", "10.137.0.9", 64)
		l.wait(3 * time.Second)
	}
	wantWithout(t, "work", "ISO-1", play, []without{
		{"nothing", func(*lab) {}, "pass"},
		{"the attempt", func(l *lab) { l.again(ofWork, "10.137.0.6") }, "unknown(no-traffic)"},
		{"the other vif", func(l *lab) {
			delete(l.names, ofUntrusted)
			l.again(ofWork, "10.137.0.6")
			l.ping(ofWork, "10.137.0.6", "10.137.0.9", 64)
			l.wait(3 * time.Second)
		}, "unknown(no-traffic)"},
		{"the rules that were loaded", func(l *lab) {
			l.env.Ruleset = &verify.Ruleset{Generation: 2, DropsBetween4: true, DropsBetween6: true}
			l.apply()
		}, "unknown(ruleset-changed)"},
		{"the capture", func(l *lab) { l.v.Lost(1) }, "unknown(capture-lost)"},
		{"the inventory", func(l *lab) { l.env.Stale = true; l.apply() }, "unknown(inventory-stale)"},
		{"the time", func(l *lab) { l.wait(16 * time.Minute) }, "pass stale"},
		{"the drop", func(l *lab) {
			l.ping(ofWork, "10.137.0.6", "10.137.0.9", 64)
			l.send(frame{iface: ofUntrusted, out: true, proto: packet.ProtoICMP, icmp: 8, src: "10.137.0.6", dst: "10.137.0.9"})
		}, "fail"},
	})
	wantWithout(t, "this machine", "ISO-2", play, []without{
		{"nothing", func(*lab) {}, "pass"},
		{"the rules", func(l *lab) { l.env.Ruleset = nil; l.apply() }, "unknown(no-rules-read)"},
		{"those of IPv6", func(l *lab) {
			l.env.Ruleset = &verify.Ruleset{Generation: 2, DropsBetween4: true}
			l.apply()
		}, "fail"},
	})
}

// TestResults_evidence_moved takes a probed pass away when the qube that sent the canaries has got
// another netvm, and evidence when the qube itself has.
func TestResults_evidence_moved(t *testing.T) {
	t.Parallel()
	probed := func(l *lab) {
		l.vpn()
		l.handshake()
		l.probe(verify.ProbeTunnel)
		l.canaries()
		l.wait(20 * time.Second)
		l.probe(verify.ProbeDown)
		l.wait(20 * time.Second)
	}
	move := func(name, netvm string) func(*lab) {
		return func(l *lab) {
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
	}
	for check, want := range map[string]string{"VPN-2": "unknown(needs-probe)", "VPN-9": "not_tested(needs-probe)"} {
		wantWithout(t, "sys-vpn", check, probed, []without{
			{"nothing", func(*lab) {}, "pass"},
			{"the path of the client", move("banking", "sys-whonix"), want},
		})
	}
	wantWithout(t, "sys-vpn", "VPN-1", func(l *lab) { l.vpn(); l.handshake() }, []without{
		{"nothing", func(l *lab) { l.wait(2 * time.Second) }, "pass"},
		{"its own path", move("sys-vpn", "sys-other"), "unknown(no-traffic)"},
	})
}
