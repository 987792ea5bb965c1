//go:build linux

package dom0_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// A watch notes the canaries that cross an interface, in one line each.
type watch struct {
	mu    sync.Mutex
	nonce probe.Nonce
	out   bool // what this machine sends, instead of what it receives
	seen  []string
}

// look is called for each frame.
func (w *watch) look(f testbed.Frame) {
	if f.Outbound != w.out || !f.IsIP() {
		return
	}
	p := f.Data[14:]
	size, ttl, proto, at := int(binary.BigEndian.Uint16(p[2:])), p[8], p[9], 20
	to, _ := netip.AddrFromSlice(p[16:20])
	if p[0]>>4 == 6 {
		size, ttl, proto, at = 40+int(binary.BigEndian.Uint16(p[4:])), p[7], p[6], 40
		to, _ = netip.AddrFromSlice(p[24:40])
	}
	if !probe.Net4().Contains(to) && !probe.Net6().Contains(to) {
		return
	}
	what := fmt.Sprintf("protocol %d", proto)
	switch port := binary.BigEndian.Uint16(p[at+2:]); proto {
	case 1, 58:
		what = fmt.Sprintf("echo of %d bytes to %v", size, to)
	case 6:
		what = fmt.Sprintf("SYN %t to %v", p[at+13] == 2, netip.AddrPortFrom(to, port))
	case 17:
		what = fmt.Sprintf("datagram to %v", netip.AddrPortFrom(to, port))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf("%s, ttl %d, nonce %t", what, ttl, bytes.Contains(p, w.nonce.Pattern())))
}

// tap starts to watch an interface of a machine, and returns a function that ends it and
// returns what was seen.
func (w *watch) tap(t *testing.T, on *testbed.Host, ifname string) func() []string {
	t.Helper()
	tap, err := on.Tap(ifname, w.look)
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		if err := tap.Close(); err != nil {
			t.Error(err)
		}
		return w.seen
	}
}

// documented are the canaries of docs/probes.md as they arrive in sys-log.
func documented(n probe.Nonce) (lines []string) {
	for _, to := range []netip.Addr{probe.Echo4(), probe.Echo6()} {
		for _, size := range probe.Sizes() {
			lines = append(lines, fmt.Sprintf("echo of %d bytes to %v, ttl 1, nonce true", size, to))
		}
	}
	for _, to := range []netip.AddrPort{n.Host4(), n.Host6()} {
		lines = append(lines, fmt.Sprintf("datagram to %v, ttl 1, nonce true", to), fmt.Sprintf("SYN true to %v, ttl 1, nonce false", to))
	}
	return lines
}

// TestCanaries runs the command, with the real ping and Python, in a client of a netvm
// whose tunnel is down and that has no kill switch: sys-log receives what is documented,
// with the last hop of its time to live, and passes nothing on.
func TestCanaries(t *testing.T) {
	testbed.Require(t, "ping", "python3")
	r := newRig(t, "r4.3", dom0.Behaviour{})
	a, command := r.planned(t, "--down", "behind.fw2_a")
	n := testbed.New(t, testbed.Config{})
	ip := func(v4, v6 string) (netip.Addr, netip.Addr) { return netip.MustParseAddr(v4), netip.MustParseAddr(v6) }
	vpn := testbed.Client{Name: "sys-fw2", DomID: 11, ProvidesNetwork: true}
	vpn.IP, vpn.IP6 = ip("10.137.0.14", "fd09:24ef:4179::a89:e")
	through := n.AddClient(vpn)
	client := testbed.Client{Name: "behind.fw2_a", DomID: 12, NetVM: through}
	client.IP, client.IP6 = ip("10.137.0.15", "fd09:24ef:4179::a89:f")
	from := n.AddClient(client)

	arrived, left := &watch{nonce: a.Nonce}, &watch{nonce: a.Nonce, out: true}
	ended, endedLeft := arrived.tap(t, n.Log.Host, through.Vif), left.tap(t, n.Log.Host, "eth0")
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	stdout, stderr, err := from.Run(ctx, "sh", "-c", command)
	if stdout != "" || stderr != "" {
		t.Errorf("the command wrote %q and %q (%v)", stdout, stderr, err)
	}
	if diff := cmp.Diff(documented(a.Nonce), ended()); diff != "" {
		t.Errorf("canaries mismatch (-want +got):\n%s", diff)
	}
	if seen := endedLeft(); len(seen) > 0 {
		t.Errorf("sys-log passes %q on", seen)
	}
}
