//go:build linux

package dropin_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// shortICMP is an echo request of ICMPv6 that ends with its checksum, before the
// identifier (RFC 4443 section 4.1).
var shortICMP = []byte{128, 0, 0, 0}

// withICMP is what packetbeat's own packetbeat.yml says of ICMP and flows.
const withICMP = "packetbeat.protocols: [{type: icmp, enabled: true}]\n"

// TestFault_shortICMPv6 sends an ICMPv6 message of four bytes. packetbeat reads the
// identifier behind its end.
func TestFault_shortICMPv6(t *testing.T) {
	require(t)
	t.Parallel()
	w := wire.New(t)
	icmp6(t, w, netip.MustParseAddr("fd09::6"), netip.MustParseAddr("2001:db8::7"), shortICMP)
	path := w.Close()
	t.Run("file/"+theirs.name, func(t *testing.T) {
		crash(t, onlyFlows+withICMP+outputFile, path).judge(t, nil)
	})
	t.Run("file/"+ours.name, func(t *testing.T) {
		b := replay(t, ours, onlyFlows+withICMP+outputFile, path, replayTime)
		b.judge(t, b.Events(t))
	})
	t.Run("live", func(t *testing.T) {
		each(t, func(t *testing.T, p program, h *home) {
			b := h.start(t, p, h.work, h.on(30*time.Second, -time.Second, h.work.Vif)+withICMP+outputFile)
			h.sendICMP(t, shortICMP)
			if p.name == theirs.name {
				select {
				case <-b.Ended():
				case <-time.After(10 * time.Second):
				}
				b.judge(t, nil)
				return
			}
			h.run(t, h.work, "ping -q -6 -c1 "+testbed.WebAddr6)
			h.Settle()
			b.judge(t, b.Stop(t))
		})
	})
}

// judge fails the test unless packetbeat has crashed, or ours has counted the
// message.
func (b *beat) judge(t *testing.T, events runner.Events) {
	t.Helper()
	if b.program.name == theirs.name {
		if !b.HasEnded() || exitCode(b.Err()) != 2 {
			t.Fatal("packetbeat goes on; the fault that this test is about is gone")
		}
		t.Logf("packetbeat: status %d, %s", exitCode(b.Err()), panicLine(b))
		return
	}
	if b.Err() != nil {
		t.Errorf("qubesbeat ended with %v", b.Err())
	}
	stats := lastStats(t, events)
	flows := events.Filter(func(e event) bool {
		bytes := e.Number("source.bytes")
		return final(e) && e.Text("network.transport") == "ipv6-icmp" && (bytes == 58 || bytes == 60) // without padding and with it
	})
	t.Logf("qubesbeat: %d flow of the message, %d malformed, %d panics", len(flows), stats["transactions.malformed"], stats["transactions.panics"])
	if len(flows) != 1 || stats["transactions.malformed"] != 1 || stats["transactions.panics"] != 0 {
		t.Error("want the message in a flow, counted as malformed, and no panic")
	}
}

// sendICMP sends a message from work; the kernel puts its checksum in.
func (h *home) sendICMP(t *testing.T, data []byte) {
	t.Helper()
	err := h.work.Do(func() error {
		conn, err := net.ListenPacket("ip6:ipv6-icmp", h.work.IP6.String())
		if err != nil {
			return fmt.Errorf("opening a raw socket: %w", err)
		}
		defer func() { _ = conn.Close() }()
		_, err = conn.WriteTo(data, &net.IPAddr{IP: net.ParseIP(testbed.WebAddr6)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
