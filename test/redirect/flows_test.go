//go:build linux

package redirect_test

import (
	"context"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// around lets work go around the resolver: to an address that no answer has named,
// and to another server of DNS.
func (h *home) around(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, stderr, err := h.work.Run(ctx, "curl", "-sS", "--max-time", "8", testbed.SmallURL); err != nil {
		t.Errorf("work: curl: %v %s", err, stderr)
	}
	for range 2 {
		want(t, "another server", dig(t, h.work, "@"+testbed.DNSAddr, "none.example.org"), "NXDOMAIN")
	}
}

// checkFlows holds that flows have the names that their qubes were told, that those
// without are marked, that the way around the resolver is told once, and that what
// the resolver tells is not told again by who overhears it.
func checkFlows(t *testing.T, events beat.Events) {
	t.Helper()
	named, unresolved, alerts, passive, twice := 0, 0, 0, 0, 0
	for _, e := range events {
		switch {
		case e["event.dataset"] == "flow" && e["destination.ip"] == testbed.WebAddr && e["qube.name"] == "personal" && e["destination.domain"] == "www.example.org":
			named++
		case e["event.dataset"] == "flow" && e["destination.ip"] == testbed.WebAddr && e["qube.name"] == "work" && e["flow.unresolved"] == true:
			unresolved++
		case e["event.kind"] == "alert" && e["qube.name"] == "work" && e["destination.ip"] == testbed.DNSAddr && e["finding.way"] == "dns":
			alerts++
		case e["type"] == "dns" && e["event.dataset"] != "qubesbeat.dns": // overheard
			if passive++; e["destination.ip"] != testbed.DNSAddr {
				twice++
				t.Logf("overheard: %v -> %v %v", e["source.ip"], e["destination.ip"], e["resource"])
			}
		}
	}
	if passive == 0 || twice > 0 {
		t.Errorf("%d queries overheard, %d of them told by the resolver, too", passive, twice)
	}
	if named == 0 || unresolved == 0 || alerts != 1 {
		t.Errorf("%d flows with their name, %d unresolved, %d findings; want some, some and 1", named, unresolved, alerts)
	}
}
