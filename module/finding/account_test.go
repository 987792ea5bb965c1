package finding_test

import (
	"math"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
)

// TestDocument_Account estimates the size of an event well enough to share an output.
func TestDocument_Account(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	w.run(t, func() { w.beacons(0, 12) })
	d := w.documents[0]
	var a event.Account
	d.Account(&a)
	got, want := a.Size-event.EnvelopeSize, len(strict.Document(t, "finding", d))
	if off := math.Abs(float64(got-want)) / float64(want); off > 0.1 {
		t.Errorf("Size = %d; %d are written", got, want)
	}
	if !a.Alert || a.Count != 1 || a.Outcome != "beacon" || a.Peer != netip.MustParseAddr("203.0.113.66") || a.Parties.Qube != work {
		t.Errorf("account = %+v", a)
	}
}
