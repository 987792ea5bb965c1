//go:build linux

package leaks_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// nonce is that of all probes.
var nonce = [8]byte{0xc7, 0x1f, 0x90, 1, 2, 3, 4, 5}

// padded sends as many echo requests as there are canaries, of one size: a tunnel that pads
// its packets makes that of them.
const padded = "for i in 1 2 3 4 5; do ping -n -c1 -W1 -t 2 -s 1300 192.0.2.200 & sleep 0.1; done; wait"

// probeFor is how long canaries are looked for.
const probeFor = 4 * time.Second

// canaries announces a probe of banking to the beat, has a qube send with a command line, and
// waits until the probe is over.
func (s *stage) canaries(kind judge.ProbeKind, from *testbed.Qube, command string) {
	s.tb.Helper()
	p := judge.Probe{Kind: kind, Via: "sys-vpn", Client: "banking", Nonce: nonce, Sizes: probe.Sizes(), From: time.Now().UnixNano()}
	p.Until = p.From + int64(probeFor)
	announced := &probe.Announcement{Kind: probe.Tunnel, Nonce: nonce, Via: p.Via, Client: p.Client, Sizes: p.Sizes, TTL: 2, For: probeFor}
	if kind == judge.ProbeDown {
		announced.Kind = probe.Down
	}
	s.announce(announced)
	_, _, _ = from.Run(s.ctx, "sh", "-c", command)
	s.announce(&probe.Announcement{Kind: probe.Sent, Nonce: nonce})
	p.Sent = true
	s.probes = append(s.probes, p)
	s.pass(time.Until(time.Unix(0, p.Until)))
	s.ping(s.untrusted, 100, "10.137.0.5") // time goes by packets in a replay
	s.pass(1100 * time.Millisecond)
	s.ping(s.untrusted, 100, "10.137.0.5")
}

// announce tells the beat what dom0 would.
func (s *stage) announce(a *probe.Announcement) {
	s.tb.Helper()
	var none struct{}
	if err := s.client().Post(s.ctx, "/verify/probe", url.Values{"announcement": {a.Text()}}, &none); err != nil {
		s.tb.Fatal(err)
	}
}

// client returns a client of the beat's socket.
func (s *stage) client() *control.Client {
	return control.NewClient(verify.SocketPath(filepath.Join(s.home, "data")))
}

// viewed asks the beat for its verdicts as the command verify does, until they are what is
// wanted.
func (s *stage) viewed(want string) {
	s.tb.Helper()
	var last map[string]verdict
	for end := time.Now().Add(30 * time.Second); ; s.pass(100 * time.Millisecond) {
		var v judge.View
		err := s.client().Get(s.ctx, "/verify", nil, &v)
		if last = verdictsOf(&v); err == nil && agree(last, want) {
			break
		}
		if time.Now().After(end) {
			break
		}
	}
	s.said += fmt.Sprintf("%s; ", compare(s.tb, last, want))
}

// agree reports whether verdicts are what is wanted.
func agree(last map[string]verdict, want string) bool {
	for one := range strings.SplitSeq(want, "; ") {
		m := wanted.FindStringSubmatch(one)
		if !strings.Contains("|"+m[3]+"|", "|"+last[m[1]+" "+m[2]].verdict+"|") {
			return false
		}
	}
	return true
}

// killSwitch has sys-vpn run the rules that `qubesbeat verify explain VPN-2` prints.
func (s *stage) killSwitch() {
	s.tb.Helper()
	n := 0
	for line := range strings.SplitSeq(judge.VPN2.Explain().Repair, "\n") {
		command := strings.TrimSpace(line)
		if !strings.HasPrefix(command, "nft ") {
			continue
		}
		n++
		if out, text, err := s.vpn.Run(s.ctx, "sh", "-c", command); err != nil {
			s.tb.Fatalf("%s: %v\n%s%s", command, err, out, text)
		}
	}
	if n < 4 {
		s.tb.Fatalf("the explanation of VPN-2 has %d commands of nft; want 4", n)
	}
}
