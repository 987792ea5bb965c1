//go:build linux

package packets_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// soon is how long after it was sent a packet can be fetched, with a flush of a second.
const soon = 1500 * time.Millisecond

// TestSoon fetches a packet a moment after it was sent, also if it is the only one.
func TestSoon(t *testing.T) {
	h := newHome(t, "\n  packets: {enabled: true, min_free: 1MiB}\n")
	h.run(t, h.work, "ping -c1 "+testbed.WebAddr)
	sent := time.Now()
	out := filepath.Join(t.TempDir(), "out.pcapng")
	poll.Until(t, "the packet", func() bool {
		_, _, status := h.pcap(t, "get", "--qube", "work", "--filter", "icmp", "-w", out)
		return status == 0
	})
	took := time.Since(sent)
	t.Logf("fetched after %v", took)
	if n := len(frames(t, out)); n != 2 || took > soon {
		t.Errorf("%d packets after %v; want request and reply, after %v at most", n, took, soon)
	}
}
