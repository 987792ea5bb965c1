//go:build linux

package dropin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// home is a testbed with two clients on sys-log.
type home struct {
	*testbed.Network
	ctx           context.Context // of the test that has the home
	work, banking *testbed.Qube
	inventory     string // the file that dom0 pushes
}

// newHome returns a silent network with servers in the world.
func newHome(t *testing.T) *home {
	t.Helper()
	testbed.Require(t, "curl", "dig", "ping")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	h := &home{
		Network: nw, ctx: t.Context(), inventory: filepath.Join(t.TempDir(), "inventory"),
		work: nw.AddClient(testbed.Client{
			Name: "work", Label: "blue", DomID: 4,
			IP: netip.MustParseAddr("10.137.0.6"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:6"),
		}),
		banking: nw.AddClient(testbed.Client{
			Name: "banking", Label: "green", DomID: 5, IP: netip.MustParseAddr("10.137.0.7"),
		}),
	}
	nw.WriteInventory(h.inventory)
	nw.Settle()
	return h
}

// each runs a test of one fault for both programs, at the same time and in
// networks of their own. It is skipped before anything is built.
func each(t *testing.T, test func(t *testing.T, p program, h *home)) {
	t.Helper()
	testbed.Programs(t, "curl", "dig", "ping")
	for _, p := range []program{theirs, ours} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.path(t)
			test(t, p, newHome(t))
		})
	}
}

// onVifs is the beginning of a configuration: the interfaces of both clients,
// flows with a timeout and a period, and the inventory, which is a key that
// packetbeat passes over.
func (h *home) onVifs(timeout, period time.Duration) string {
	return h.on(timeout, period, h.work.Vif, h.banking.Vif)
}

// on is onVifs for some interfaces.
func (h *home) on(timeout, period time.Duration, vifs ...string) string {
	text := "packetbeat.interfaces:\n"
	for _, vif := range vifs {
		text += fmt.Sprintf("  - {device: %s, type: af_packet, metrics_interval: 200ms}\n", vif)
	}
	return text + fmt.Sprintf("packetbeat.flows: {timeout: %v, period: %v}\npacketbeat.inventory.file: %q\n",
		timeout, period, h.inventory)
}

// start starts a beat in sys-log and returns when it captures on the vif of q.
func (h *home) start(t *testing.T, p program, q *testbed.Qube, config string) *beat {
	t.Helper()
	b := start(t, h.Log.Host, p, config)
	b.capturing(t, func() { h.sendFrame(t, q) })
	return b
}

// sendFrame makes a client send a packet that no analyzer is interested in: a
// connection that is refused.
func (h *home) sendFrame(t *testing.T, q *testbed.Qube) {
	t.Helper()
	err := q.Do(func() error {
		_, err := net.DialTimeout("tcp", testbed.WebAddr+":81", time.Second)
		return err
	})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("a connection to a closed port: %v; want it refused", err)
	}
}

// spray makes a client send a datagram to each of n ports of the web server, a
// flow each.
func (h *home) spray(t *testing.T, q *testbed.Qube, first, n int) {
	t.Helper()
	err := q.Do(func() error {
		conn, err := net.ListenUDP("udp4", nil)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		for i := range n {
			to := netip.AddrPortFrom(netip.MustParseAddr(testbed.WebAddr), uint16(first+i))
			if _, err = conn.WriteToUDPAddrPort([]byte("x"), to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program, given as words, and marks the test as failed if the
// program fails.
func (h *home) run(t *testing.T, q *testbed.Qube, command string) {
	t.Helper()
	args := strings.Fields(command)
	if _, _, err := q.Run(h.ctx, args[0], args[1:]...); err != nil {
		t.Error(err)
	}
}

// dial connects from a qube.
func dial(t *testing.T, q *testbed.Qube, addr string) (conn net.Conn) {
	t.Helper()
	err := q.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", addr, 5*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// say writes to a connection.
func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// destPort keeps the flows to ports from first on.
func destPort(first, n uint64) func(event) bool {
	return func(e event) bool {
		p := e.Number("destination.port")
		return e.Text("type") == "flow" && p >= first && p < first+n
	}
}
