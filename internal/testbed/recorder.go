package testbed

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// Recorder keeps what passes interfaces.
type Recorder struct {
	names []string
	taps  []*Tap
	lists []*[]recorded // by interface; each belongs to its tap until that is closed
	since time.Time     // what came before is left out
}

// recorded is a frame that a tap has seen, on the interface of a number.
type recorded struct {
	iface    int
	at       time.Time
	outbound bool
	data     []byte
}

// Record follows an interface of a host.
func (r *Recorder) Record(tb testing.TB, host *Host, name string) {
	tb.Helper()
	i := len(r.names)
	r.names = append(r.names, name)
	list := new([]recorded)
	tap, err := host.Tap(name, func(f Frame) { *list = append(*list, recorded{i, f.Time, f.Outbound, slices.Clone(f.Data)}) })
	if err != nil {
		tb.Fatal(err)
	}
	r.taps, r.lists = append(r.taps, tap), append(r.lists, list)
}

// Forget leaves out what was up to now.
func (r *Recorder) Forget() { r.since = time.Now() }

// Capture ends the recording and returns it as pcapng, in the order of time.
func (r *Recorder) Capture(tb testing.TB) []byte {
	tb.Helper()
	for _, t := range r.taps {
		if err := t.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	b := pcapng.AppendSection(nil, &pcapng.Section{Program: "qubesbeat testbed"})
	for _, name := range r.names {
		b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: name})
	}
	for _, f := range r.sorted() {
		flags := uint32(1) // inbound
		if f.outbound {
			flags = 2
		}
		b = pcapng.AppendPacket(b, &pcapng.Packet{Interface: uint32(f.iface), At: f.at.UnixNano(), Data: f.data, Length: uint32(len(f.data)), Flags: flags})
	}
	return b
}

// sorted returns the frames in the order of time, and of interfaces at the same time.
func (r *Recorder) sorted() (all []recorded) {
	for _, list := range r.lists {
		for _, f := range *list {
			if !f.at.Before(r.since) {
				all = append(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b recorded) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.iface, b.iface)) })
	return all
}
