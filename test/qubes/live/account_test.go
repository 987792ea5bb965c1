//go:build linux

package live_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// totals are frames and their bytes, Ethernet header included, with the
// directions of the vif: rx is what the client sent.
type totals struct {
	RxBytes, RxPackets, TxBytes, TxPackets uint64
}

// add returns the sum of both.
func (a totals) add(b totals) totals {
	return totals{a.RxBytes + b.RxBytes, a.RxPackets + b.RxPackets, a.TxBytes + b.TxBytes, a.TxPackets + b.TxPackets}
}

// account compares what the kernel counts on a vif with what the beat reports.
// It counts by itself the frames that are no IP, which no flow has.
type account struct {
	q      *testbed.Qube
	before testbed.Counters
	tap    *testbed.Tap
	other  totals // frames that are not IP; owned by the tap until close
	kernel totals
}

// openAccount starts to count. The vif must be silent.
func openAccount(t *testing.T, nw *testbed.Network, q *testbed.Qube) *account {
	t.Helper()
	a := &account{q: q, before: nw.VifCounters(q)}
	tap, err := nw.Log.Tap(q.Vif, func(f testbed.Frame) {
		switch size := uint64(len(f.Data)); {
		case f.IsIP():
		case f.Outbound:
			a.other = a.other.add(totals{TxBytes: size, TxPackets: 1})
		default:
			a.other = a.other.add(totals{RxBytes: size, RxPackets: 1})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	a.tap = tap
	return a
}

// close reads the kernel's counters. The vif must be silent and still there.
func (a *account) close(t *testing.T, nw *testbed.Network) {
	t.Helper()
	c := nw.VifCounters(a.q).Sub(a.before)
	a.kernel = totals{c.RxBytes, c.RxPackets, c.TxBytes, c.TxPackets}
	if err := a.tap.Close(); err != nil {
		t.Error(err)
	}
}

// check fails the test unless the final flows of the vif and the frames that
// are no IP add up to the kernel's counters, to the byte.
func (a *account) check(t *testing.T, events beat.Events) {
	t.Helper()
	got := a.other
	for _, e := range flows(events, onVif(a.q.Vif)) {
		src := totals{
			RxBytes: e.Number("source.bytes"), RxPackets: e.Number("source.packets"),
			TxBytes: e.Number("destination.bytes"), TxPackets: e.Number("destination.packets"),
		}
		if !a.fromClient(e) {
			src = totals{src.TxBytes, src.TxPackets, src.RxBytes, src.RxPackets}
		}
		got = got.add(src)
		sum := src.RxBytes + src.TxBytes
		if n := e.Number("network.bytes"); n != sum {
			t.Errorf("network.bytes = %d; want %d, source and destination: %v", n, sum, e)
		}
	}
	if diff := cmp.Diff(a.kernel, got); diff != "" {
		t.Errorf("%s on %s mismatch (-kernel +flows and other frames):\n%s", a.q, a.q.Vif, diff)
	}
}

// fromClient reports whether the source of a flow is the client: it has its
// address, or the direction says so where the address is another's.
func (a *account) fromClient(e beat.Event) bool {
	switch src := e.Text("source.ip"); src {
	case a.q.IP.String(), a.q.IP6.String():
		return true
	default:
		dst := e.Text("destination.ip")
		return dst != a.q.IP.String() && dst != a.q.IP6.String()
	}
}
