//go:build linux

package leaks_test

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// The other end of the tunnels, in the world behind sys-net, and addresses inside them.
const (
	endpoint      = "203.0.113.9"
	inside        = "10.64.0.2"
	insideServer  = "10.64.0.1"
	wireguardPort = 51820
)

// The qubes of a scene.
const (
	vpnAddr       = "10.137.0.20"
	vpnAddr6      = "fd09:24ef:4179::a89:14"
	bankingAddr   = "10.137.0.22"
	bankingAddr6  = "fd09:24ef:4179::a89:16"
	workAddr      = "10.137.0.6"
	workAddr6     = "fd09:24ef:4179::a89:6"
	untrustedAddr = "10.137.0.9"
	untrustedIP6  = "fd09:24ef:4179::a89:9"
)

// stage is the network in which a scene is played.
type stage struct {
	*testbed.Network
	tb                            testing.TB
	ctx                           context.Context
	vpn, banking, work, untrusted *testbed.Qube
	suffix                        string // of the names of interfaces, whose control sockets share a folder
	config                        string // of the beat
	beat                          *beat.Beat
	recorder                      *testbed.Recorder
	qubesdb                       *testbed.QubesDB
	tor                           *torNetwork
	relays                        string // file with its list of relays
	home                          string // of the beat
	probes                        []judge.Probe
	after                         func(beat.Events) // looks at all events; may be nil
	said                          string            // the verdicts that the commands have shown
}

// newStage returns a network with sys-vpn, behind which banking is, and two other qubes.
func newStage(tb testing.TB) *stage {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	tb.Cleanup(cancel)
	nw := testbed.New(tb, testbed.Config{NoOffload: true})
	nw.StartServers()
	s := &stage{Network: nw, tb: tb, ctx: ctx, suffix: fmt.Sprint(time.Now().UnixNano() % 1e6), qubesdb: testbed.StartQubesDB(tb, map[string]string{})}
	add := func(name, label, ip, ip6 string, id int, netvm *testbed.Qube) *testbed.Qube {
		return nw.AddClient(testbed.Client{Name: name, Label: label, IP: netip.MustParseAddr(ip), IP6: netip.MustParseAddr(ip6), DomID: id, NetVM: netvm,
			ProvidesNetwork: name == "sys-vpn"})
	}
	s.vpn = add("sys-vpn", "green", vpnAddr, vpnAddr6, 7, nil)
	s.work = add("work", "blue", workAddr, workAddr6, 4, nil)
	s.untrusted = add("untrusted", "red", untrustedAddr, untrustedIP6, 6, nil)
	s.banking = add("banking", "green", bankingAddr, bankingAddr6, 12, s.vpn)
	s.must(nw.Net, "ip addr add "+endpoint+"/32 dev lo")
	s.must(nw.Net, "ip addr add 198.51.100.80/32 dev lo")
	return s
}

// must runs a command in a qube, which must succeed.
func (s *stage) must(q *testbed.Qube, line string) string {
	s.tb.Helper()
	args := strings.Fields(line)
	stdout, stderr, err := q.Run(s.ctx, args[0], args[1:]...)
	if err != nil {
		s.tb.Fatalf("%s: %s: %v\n%s%s", q, line, err, stdout, stderr)
	}
	return stdout
}

// try runs a command in a qube, which may fail.
func (s *stage) try(q *testbed.Qube, line string) {
	args := strings.Fields(line)
	_, _, _ = q.Run(s.ctx, args[0], args[1:]...)
}

// start starts a program in a qube until the end of the test, or stop.
func (s *stage) start(q *testbed.Qube, env []string, line string) *exec.Cmd {
	s.tb.Helper()
	return s.startArgs(q, env, strings.Fields(line)...)
}

func (s *stage) startArgs(q *testbed.Qube, env []string, args ...string) *exec.Cmd {
	s.tb.Helper()
	cmd := exec.CommandContext(s.ctx, args[0], args[1:]...)
	cmd.Env = append(cmd.Environ(), env...)
	if err := q.Start(cmd); err != nil {
		s.tb.Fatalf("%s: %s: %v", q, args, err)
	}
	s.tb.Cleanup(func() { s.kill(cmd) })
	return cmd
}

// kill ends a program at once.
func (s *stage) kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// pass lets time pass.
func (s *stage) pass(d time.Duration) { time.Sleep(d) }

// nft adds rules to a qube.
func (s *stage) nft(q *testbed.Qube, rules string) {
	s.tb.Helper()
	if err := q.Nft(rules); err != nil {
		s.tb.Fatalf("%s: nft: %v", q, err)
	}
}

// fetch has a qube fetch a page.
func (s *stage) fetch(q *testbed.Qube, url string) {
	s.tb.Helper()
	s.must(q, "curl -sS -o /dev/null --max-time 5 "+url)
}

// ping sends one echo request of a size with its headers.
func (s *stage) ping(q *testbed.Qube, size int, more string) {
	s.try(q, fmt.Sprintf("ping -n -c1 -W1 -s %d %s", size-28, more))
}

// rules has dom0 write the rules of qvm-firewall for an address.
func (s *stage) rules(addr, policy string, lines ...string) {
	base := "/qubes-firewall/" + addr
	for i, line := range lines {
		s.qubesdb.Set(fmt.Sprintf("%s/%04d", base, i), line)
	}
	s.qubesdb.Set(base+"/policy", policy)
	s.qubesdb.Set(base, "")
}
