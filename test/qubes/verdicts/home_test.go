//go:build linux

package verdicts_test

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// home is a sys-log whose clients may not do everything.
type home struct {
	*testbed.Network
	beat                *beat.Beat
	work, banking, disp *testbed.Qube
}

const prohibited = " reject with icmp type admin-prohibited"

func newHome(t *testing.T, section string) *home {
	t.Helper()
	testbed.Require(t, "nft", "curl", "ping")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	h := &home{Network: nw,
		work: nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: addr("10.137.0.6"),
			IP6: addr("fd09:24ef:4179::a89:6"), Rules: []string{"tcp dport 8443" + prohibited, "udp dport 9999" + prohibited}}),
		banking: nw.AddClient(testbed.Client{Name: "banking", Label: "green", DomID: 5, IP: addr("10.137.0.7"),
			Rules: []string{"udp dport 9998" + prohibited}}),
		disp: nw.AddClient(testbed.Client{Name: "disp1234", Label: "red", Class: "DispVM", DomID: 19, IP: addr("10.138.4.218")}),
	}
	dir := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(dir, "inventory"))
	h.beat = beat.Start(t, nw, dir, section)
	return h
}

const section = `
  interfaces.device: ["vif*"]
  flows.period: -1s
  inventory.file: HOME/inventory
  firewall: {enabled: true}
`

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// qubes runs one of the commands `qubesbeat qubes` in sys-log.
func (h *home) qubes(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := h.Log.Run(t.Context(), beat.Program(t), h.beat.Args(append([]string{"qubes"}, args...)...)...)
	if err != nil {
		t.Fatalf("qubes %v: %v\n%s", args, err, out)
	}
	return out
}

// ruleset returns what nft lists in sys-log, without counters.
func (h *home) ruleset(t *testing.T) string {
	t.Helper()
	out, _, err := h.Log.Run(t.Context(), "nft", "-s", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// datagrams sends n datagrams from q, all from one port or each from its own.
func datagrams(t *testing.T, q *testbed.Qube, n int, onePort bool, to string) {
	t.Helper()
	err := q.Do(func() error {
		var conn net.PacketConn
		for i := range n {
			if conn == nil || !onePort {
				var err error
				if conn, err = net.ListenPacket("udp4", q.IP.String()+":0"); err != nil {
					return err
				}
				defer conn.Close()
			}
			// What comes back as an error is about an earlier one: send again.
			for range 3 {
				if _, err := conn.WriteTo([]byte{byte(i)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))); err == nil {
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settle waits until no attempt can pass any more: the beat calls a packet refused that
// has not been seen again within a second.
func (h *home) settle(t *testing.T) {
	t.Helper()
	poll.Settle(t, "events come no more", 1200*time.Millisecond, func() int { return len(h.beat.Events(t)) })
}

// connect tries a TCP connection from q for a while.
func connect(t *testing.T, q *testbed.Qube, to string, timeout time.Duration) {
	t.Helper()
	_ = q.Do(func() error {
		conn, err := net.DialTimeout("tcp", to, timeout)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
}
