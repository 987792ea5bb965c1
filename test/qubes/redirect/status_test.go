//go:build linux

package redirect_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestCase18_status_tells_the_truth loads rules of others, sends real queries, and
// compares what happens with what `qubes status` says.
func TestCase18_status_tells_the_truth(t *testing.T) {
	s := newStatusHome(t)
	for _, tt := range all() {
		t.Run(tt.name, func(t *testing.T) {
			s.reset(t)
			if err := s.Log.Nft(tt.rules); err != nil {
				t.Skipf("this kernel does not have it: %v", err)
			}
			udp, tcp := s.ask(t, "udp"), s.ask(t, "tcp")
			got, out, failed := s.status(t)
			t.Logf("answered over UDP: %v, over TCP: %v", udp, tcp)
			arrives, want := udp && tcp, tt.want
			switch {
			case want == "" && arrives:
				want = "ok"
			case want == "":
				want = "!!"
			}
			switch {
			case got != want:
				t.Errorf("status: %s; want %s", got, want)
			case got == "ok" && !arrives, got == "!!" && arrives:
				t.Errorf("status: %s, but answered over UDP: %v, over TCP: %v", got, udp, tcp)
			case got != "ok" && !failed:
				t.Error("status ended with 0")
			}
			if tt.names != "" && !strings.Contains(out, tt.names) {
				t.Errorf("status does not name %s", tt.names)
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// TestCase20_apply_moves_its_jump_to_the_front lets a rule against mDNS stand before our
// jump, which apply then moves.
func TestCase20_apply_moves_its_jump_to_the_front(t *testing.T) {
	s := newStatusHome(t)
	s.reset(t)
	if err := s.Log.Nft(`insert rule ip qubes custom-input iifname "vif*" udp dport 5353 drop`); err != nil {
		t.Fatal(err)
	}
	if s.ask(t, "udp") {
		t.Fatal("the query arrives in spite of the rule")
	}
	got, out, failed := s.status(t)
	if got != "!!" || !failed || !strings.Contains(out, "!!  custom-input: another rule stands before the jump") {
		t.Errorf("status %s:\n%s", got, out)
	}
	if out, diag := s.beat(t, "apply"); !strings.Contains(out, "move    custom-input") || strings.Contains(diag, "warning") {
		t.Errorf("apply:\n%s%s", out, diag)
	}
	if got, out, _ := s.status(t); got != "ok" || !s.ask(t, "udp") {
		t.Errorf("after apply, status %s:\n%s", got, out)
	}
	if out, _ := s.beat(t, "apply"); !strings.Contains(out, "nothing to do") {
		t.Errorf("a second apply:\n%s", out)
	}
}

// TestCase18_apply_says_what_it_cannot_mend leaves the rules of others as they are.
func TestCase18_apply_says_what_it_cannot_mend(t *testing.T) {
	s := newStatusHome(t)
	s.reset(t)
	if err := s.Log.Nft(natChain("ip qubes", "custom-dnat-vpn", -110, `iifname "vif*" udp dport 53 dnat to 10.64.0.1`)); err != nil {
		t.Fatal(err)
	}
	out, diag := s.beat(t, "apply")
	if !strings.Contains(out, "nothing to do") || !strings.Contains(diag, "warning: DNS of vif4.0 over UDP does not reach the resolver: chain custom-dnat-vpn") {
		t.Errorf("apply:\n%s%s", out, diag)
	}
}

// statusHome is a sys-log whose resolver echoes, with a client and the rules of the beat.
type statusHome struct {
	*testbed.Network
	work  *testbed.Qube
	rules string // of Qubes and of the beat
	args  []string
}

const statusConfig = `qubesbeat:
  flows.enabled: false
  resolver: {listen: ["0.0.0.0:5353"], upstreams: {default: ["udp://127.0.0.53"]}, qvm_firewall: {obey: never}}
output.file: {path: events}
`

func newStatusHome(t *testing.T) *statusHome {
	t.Helper()
	testbed.Require(t, "nft")
	nw := testbed.New(t, testbed.Config{})
	s := &statusHome{Network: nw, work: nw.AddClient(testbed.Client{Name: "work", DomID: 4, IP: netip.MustParseAddr("10.137.0.6")})}
	home := beat.NewHome(t)
	s.args = beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", statusConfig))
	if err := s.Log.Do(func() error { return serve(t) }); err != nil {
		t.Fatal(err)
	}
	if err := nw.Log.Nft(dnat); err != nil {
		t.Fatal(err)
	}
	s.beat(t, "apply")
	var err error
	if s.rules, _, err = s.Log.Run(t.Context(), "nft", "list", "ruleset"); err != nil {
		t.Fatal(err)
	}
	return s
}

// serve echoes what comes to port 5353.
func serve(t *testing.T) error {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 5353})
	if err != nil {
		return err
	}
	tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: 5353})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = udp.Close(); _ = tcp.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := udp.ReadFromUDP(b)
			if err != nil {
				return
			}
			_, _ = udp.WriteToUDP(b[:n], from)
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return nil
}

// reset removes the rules of others.
func (s *statusHome) reset(t *testing.T) {
	t.Helper()
	if err := s.Log.Nft("flush ruleset\n" + s.rules); err != nil {
		t.Fatal(err)
	}
}

// answerTimeout is how long a query waits for its answer, which takes less than a millisecond.
const answerTimeout = 400 * time.Millisecond

// ask sends a query from the client and reports whether it is answered. Every query has
// a connection of its own.
func (s *statusHome) ask(t *testing.T, transport string) (answered bool) {
	t.Helper()
	err := s.work.Do(func() error {
		c, err := (&net.Dialer{Timeout: answerTimeout}).Dial(transport+"4", testbed.MagicDNS+":53")
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(answerTimeout))
		if _, err := c.Write(query); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, len(query)))
		return err
	})
	return err == nil
}

// query asks for the address of example.org.
var query = []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01")

// status returns the mark of the lines about the way of the DNS.
func (s *statusHome) status(t *testing.T) (mark, out string, failed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, _, err := s.Log.Run(ctx, beat.Program(t), append([]string{"qubes", "status"}, s.args...)...)
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for _, mark := range []string{"!!", "??"} {
		if strings.Contains(out, "  "+mark+"  DNS of ") {
			return mark, out, err != nil
		}
	}
	if strings.Contains(out, "  ok  the DNS of 1 clients reaches the resolver") {
		return "ok", out, err != nil
	}
	return "nothing", out, err != nil
}

// beat runs `qubesbeat qubes`.
func (s *statusHome) beat(t *testing.T, command string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, err := s.Log.Run(t.Context(), beat.Program(t), append([]string{"qubes", command}, s.args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return stdout, stderr
}
