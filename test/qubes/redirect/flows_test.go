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

// checkFlows checks that flows have the names that their qubes resolved, that flows
// without are marked, that bypassing the resolver is reported once, and that queries
// which the resolver logs are not reported by the DNS analyzer as well.
func checkFlows(t *testing.T, events beat.Events) {
	t.Helper()
	named := count(events, beat.Event{"event.dataset": "flow", "destination.ip": testbed.WebAddr, "qube.name": "personal", "destination.domain": "www.example.org"})
	unresolved := count(events, beat.Event{"event.dataset": "flow", "destination.ip": testbed.WebAddr, "qube.name": "work", "flow.unresolved": true})
	alerts := count(events, beat.Event{"event.kind": "alert", "qube.name": "work", "destination.ip": testbed.DNSAddr, "finding.method": "dns"})
	if named == 0 || unresolved == 0 || alerts != 1 {
		t.Errorf("%d flows with their name, %d unresolved, %d findings; want some, some and 1", named, unresolved, alerts)
	}
	passive, twice := 0, 0
	for _, e := range events.Where(beat.Event{"type": "dns"}) {
		if e["event.dataset"] == "qubesbeat.dns" {
			continue
		}
		if passive++; e["destination.ip"] != testbed.DNSAddr {
			twice++
			t.Logf("analyzer: %v -> %v %v", e["source.ip"], e["destination.ip"], e["resource"])
		}
	}
	if passive == 0 || twice > 0 {
		t.Errorf("%d queries analyzed, %d of them logged by the resolver as well", passive, twice)
	}
}

// count returns the number of events that have the fields of want.
func count(events beat.Events, want beat.Event) int { return len(events.Where(want)) }
