//go:build linux

package top_test

import (
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// TestTop_verify shows that a qube which should use a VPN does not.
func TestTop_verify(t *testing.T) {
	h := newHomeWith(t, `  verify: {enabled: true, expect: [{qubes: [work], exit: vpn, endpoints: ["203.0.113.9:51820/udp"]}]}`+"\n")
	p := newPane(t, h.top, 120, 30, "TERM=screen-256color")
	p.await("qubesbeat top")
	h.run(t, h.work, "ping -q -c 3 -i 0.3 "+testbed.WebAddr)
	h.run(t, h.banking, "ping -q -c 3 -i 0.3 "+testbed.WebAddr)
	poll.Until(t, "the fail of work", func() bool { return slices.Contains(p.row("work"), "fail") })
	if row := p.row("banking"); slices.Contains(row, "fail") {
		t.Errorf("the row of banking is %v", row)
	}
	p.press("q")
	p.await("ended 0")
}
