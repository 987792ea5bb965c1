//go:build linux

package odd_test

import (
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// stage is a sys-log whose beat looks for what is odd, and what passes its vifs.
type stage struct {
	*testbed.Network
	work, banking, untrusted *testbed.Qube
	beat                     *beat.Beat
	recorder                 recorder
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
		s.recorder.record(t, nw.Log.Host, q.Vif)
	}
	home := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(home, "inventory"))
	s.beat = beat.Start(t, nw, home, "  interfaces.device: [\"vif*\"]\n"+section)
	return s
}

// frame is a packet that a tap has seen.
type frame struct {
	iface uint32
	at    time.Time
	out   bool
	data  []byte
}

// recorder keeps what passes interfaces.
type recorder struct {
	names []string
	taps  []*testbed.Tap

	mu     sync.Mutex
	frames []frame // guarded by mu
}

// record follows an interface.
func (r *recorder) record(t *testing.T, host *testbed.Host, name string) {
	t.Helper()
	i := uint32(len(r.names))
	r.names = append(r.names, name)
	tap, err := host.Tap(name, func(f testbed.Frame) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.frames = append(r.frames, frame{i, f.Time, f.Outbound, slices.Clone(f.Data)})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.taps = append(r.taps, tap)
}

// capture ends the recording and returns it as pcapng, in the order of time.
func (r *recorder) capture(t *testing.T) []byte {
	t.Helper()
	for _, tap := range r.taps {
		if err := tap.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b := pcapng.AppendSection(nil, &pcapng.Section{Program: "qubesbeat testbed"})
	for _, name := range r.names {
		b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: name})
	}
	slices.SortStableFunc(r.frames, func(a, b frame) int { return a.at.Compare(b.at) })
	for _, f := range r.frames {
		flags := uint32(1)
		if f.out {
			flags = 2
		}
		b = pcapng.AppendPacket(b, &pcapng.Packet{Interface: f.iface, At: f.at.UnixNano(), Data: f.data, Length: uint32(len(f.data)), Flags: flags})
	}
	return b
}
