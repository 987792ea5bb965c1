package firewall_test

import (
	"math"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// written returns how many bytes a document takes without the envelope.
func written(d event.Document) int {
	j := event.JSON{Buf: []byte{'{'}, AppendTime: func(b []byte, t time.Time) []byte { return t.AppendFormat(b, "2006-01-02T15:04:05.000Z") }}
	j.AppendFields(d)
	return len(j.Buf)
}

// TestDocument_Account estimates the size of an event well enough to share an output, and
// counts refused packets by rule.
func TestDocument_Account(t *testing.T) {
	t.Parallel()
	outcomes := map[string]string{"user": "QUBES DROP:", "rejected": "qvm-firewall", "coalesced": "qvm-firewall"}
	for name, d := range verdicts() {
		var a event.Account
		d.Account(&a)
		got, want := a.Size-event.EnvelopeSize, written(&d)
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.15 {
			t.Errorf("%s: Size = %d; %d are written", name, got, want)
		}
		if a.Count != d.Count || a.Outcome != outcomes[name] {
			t.Errorf("%s: %d of %q; want %d of %q", name, a.Count, a.Outcome, d.Count, outcomes[name])
		}
	}
}
