//go:build linux

package odd_test

import (
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// stage is a sys-log whose beat looks for what is odd, and what passes its vifs.
type stage struct {
	*testbed.Network
	work, banking, untrusted *testbed.Qube
	beat                     *beat.Beat
	recorder                 testbed.Recorder
}

func newStage(t *testing.T) *stage {
	t.Helper()
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	client := func(name, label string, id int, ip string) *testbed.Qube {
		return nw.AddClient(testbed.Client{Name: name, Label: label, DomID: id, IP: netip.MustParseAddr(ip)})
	}
	s := &stage{Network: nw, work: client("work", "blue", 4, "10.137.0.6"), banking: client("banking", "green", 5, "10.137.0.7"),
		untrusted: client("untrusted", "red", 7, "10.137.0.9")}
	nw.Settle()
	for _, q := range []*testbed.Qube{s.work, s.banking, s.untrusted} {
		s.recorder.Record(t, nw.Log.Host, q.Vif)
	}
	home := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(home, "inventory"))
	s.beat = beat.Start(t, nw, home, "  interfaces.device: [\"vif*\"]\n"+section)
	return s
}
