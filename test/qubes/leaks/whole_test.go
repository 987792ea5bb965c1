//go:build linux

package leaks_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestProbe runs a probe from one end to the other: the script in dom0, the service in sys-log, a
// tunnel of WireGuard, the canaries of a client, the sink, and the verdict.
func TestProbe(t *testing.T) {
	testbed.Require(t, "nft", "ping", "python3")
	for name, tt := range map[string]struct {
		guarded bool
		want    string
	}{
		"kill-switch":    {true, "VPN-9 sys-vpn pass; VPN-2 sys-vpn pass"},
		"no-kill-switch": {false, "VPN-9 sys-vpn fail contained; VPN-2 sys-vpn fail contained"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.config = "  interfaces.device: [\"vif*\", eth0]\n  inventory.file: HOME/inventory\n" +
				settings("probes: {enabled: true, socket: HOME/probe.sock}, "+vpnExpected)
			tunnel := s.wireguard()
			s.restart()
			s.apply()
			d := newAdmin(s)
			if tt.guarded {
				s.killSwitch()
			}
			d.probe("--yes")
			if tt.guarded {
				s.viewed("VPN-9 sys-vpn pass")
			}
			s.end(tunnel)
			d.probe("--yes", "--down")
			s.pass(25 * time.Second) // sys-log looks for 30
			s.viewed(tt.want)
			t.Log(s.said)
			if got := s.sunk(); got != 0 {
				t.Errorf("the sink has counted %d packets; want none, for the time to live ends each canary before", got)
			}
			if !tt.guarded {
				s.ping(s.banking, 300, "-t 5 192.0.2.200")
				s.ping(s.banking, 300, "-6 -t 5 2001:db8::200")
				if got := s.sunk(); got != 2 {
					t.Errorf("the sink has counted %d canaries with hops left; want one of each family", got)
				}
			}
		})
	}
}

// apply installs the rules of sys-log, with the sink.
func (s *stage) apply() {
	s.tb.Helper()
	if stdout, stderr, err := s.Log.Run(s.ctx, beat.Program(s.tb), s.beat.Args("qubes", "apply")...); err != nil {
		s.tb.Fatalf("qubes apply: %v\n%s%s", err, stdout, stderr)
	}
}

// counter is that of a rule, as nft prints it.
var counter = regexp.MustCompile(`counter packets (\d+)`)

// sunk returns how many packets the sink has counted.
func (s *stage) sunk() (sum int) {
	s.tb.Helper()
	found := counter.FindAllStringSubmatch(s.must(s.Log, "nft list table inet qubesbeat-sink"), -1)
	if len(found) != 2 {
		s.tb.Fatalf("the sink has %d counters; want one of each family", len(found))
	}
	for _, m := range found {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			s.tb.Fatal(err)
		}
		sum += n
	}
	return sum
}
