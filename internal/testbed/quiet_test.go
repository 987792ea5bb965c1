//go:build linux

package testbed_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// TestNetwork_silent checks what exact accounting in other tests needs: nothing
// moves on a vif unless a test makes it move.
func TestNetwork_silent(t *testing.T) {
	testbed.Require(t)
	nw := testbed.New(t, testbed.Config{})
	work, banking := nw.AddClient(workSpec), nw.AddClient(bankingSpec)
	nw.Settle() // reports of multicast groups

	clients := []*testbed.Qube{work, banking}
	was := []testbed.Counters{nw.VifCounters(work), nw.VifCounters(banking)}
	poll.Remains(2*time.Second, func() bool { return nw.VifCounters(work) == was[0] && nw.VifCounters(banking) == was[1] })
	for i, q := range clients {
		if diff := cmp.Diff(was[i], nw.VifCounters(q)); diff != "" {
			t.Errorf("%s moved (-before +after):\n%s", q, diff)
		}
	}
	if was[1] != (testbed.Counters{}) {
		t.Errorf("counters of a client without IPv6 = %+v; want zero", was[1])
	}
}
