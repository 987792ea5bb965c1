package top

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// find returns the row of an interface.
func find(t *testing.T, s *topview.Snapshot, iface string) *topview.Qube {
	t.Helper()
	for i := range s.Qubes {
		if s.Qubes[i].Interface == iface {
			return &s.Qubes[i]
		}
	}
	t.Fatalf("no row of %s in %+v", iface, s.Qubes)
	return nil
}

// snapshot returns a snapshot.
func (s *Service) snapshot(t *testing.T, open string) *topview.Snapshot {
	t.Helper()
	snap, err := s.Top(t.Context(), open)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// TestService_Top brings together what the parts have counted of a qube.
func TestService_Top(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.watch(t)
	s.gauge.Flow(1, 1)
	s.gauge.Packets([]packet.Packet{
		datagram(1, sent, "10.137.0.6:40000", "198.51.100.7:443"), datagram(1, received, "10.137.0.6:40000", "198.51.100.7:443"),
		datagram(1, sent, "10.137.0.6:40001", "192.0.2.9:443"), datagram(1, sent, "10.137.0.6:40002", "10.137.0.9:80"),
		datagram(2, sent, "10.137.0.6:40000", "198.51.100.7:443"), // another's address
		datagram(3, sent, "10.137.0.99:40000", "198.51.100.7:443"),
	})
	s.Query("vif4.0", true, 2)
	s.Query("10.137.0.6", false, 3) // over TCP, where the interface is not known
	s.Query("10.137.0.77", false, 1)
	s.Query("", false, 1) // of the beat itself
	s.watch(t)            // vif4.0 gets its number
	snap := s.snapshot(t, "vif4.0")
	if snap.KernelDrops != 42 || snap.Uptime <= 0 || len(snap.Qubes) != 4 {
		t.Errorf("snapshot = %+v", snap)
	}
	refused := uint64(0)
	want := &topview.Qube{Interface: "vif4.0", Verify: "of vif4.0", Name: "work", Label: "blue", Class: "AppVM", NetVM: "sys-log", Address: "10.137.0.6",
		Out: topview.Traffic{Packets: 3, Bytes: 300}, In: topview.Traffic{Packets: 1, Bytes: 100}, Flows: 1, Begun: 1,
		DNS: &topview.DNS{Queries: 5, Blocked: 2}, Refused: &refused}
	hundred := topview.Traffic{Packets: 1, Bytes: 100}
	want.Peers = []topview.Peer{
		{Name: "www.example.org", Address: "198.51.100.7", Port: 443, Transport: "udp", Out: hundred, In: hundred},
		{Name: "sni.example", Address: "192.0.2.9", Port: 443, Transport: "udp", Out: hundred},
		{Name: "untrusted", Address: "10.137.0.9", Port: 80, Transport: "udp", Out: hundred},
	}
	want.Top = &want.Peers[0]
	if diff := cmp.Diff(want, find(t, snap, "vif4.0")); diff != "" {
		t.Errorf("work mismatch (-want +got):\n%s", diff)
	}
	if q := find(t, snap, "vif7.0"); q.Name != "untrusted" || !q.Spoofed || q.Top == nil || q.Peers != nil {
		t.Errorf("untrusted = %+v; want it spoofed, with a top destination and no list", q)
	}
	if q := find(t, snap, "vif9.0"); q.Name != "" || q.Label != "" || q.Address != "10.137.0.99" {
		t.Errorf("unknown qube = %+v", q)
	}
	if q := find(t, snap, "10.137.0.77"); q.DNS.Queries != 1 || q.Out.Packets != 0 {
		t.Errorf("client without an interface = %+v", q)
	}
}

// TestService_Top_gone shows the counters of a qube that has ended for a minute.
func TestService_Top_gone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, flows := newService(t)
		p := datagram(2, sent, "10.137.0.9:40000", "198.51.100.7:443")
		p.Time = time.Now().UnixNano()
		s.gauge.Packets([]packet.Packet{p})
		s.Query("vif7.0", false, 1)
		flows.gone.Store(true)
		if q := find(t, s.snapshot(t, ""), "vif7.0"); !q.Gone || q.Name != "untrusted" {
			t.Errorf("row = %+v; want it gone", q)
		}
		time.Sleep(goneFor + time.Second)
		for range 2 { // the second one forgets
			if snap := s.snapshot(t, ""); len(snap.Qubes) != 0 {
				t.Errorf("rows after a minute: %+v", snap.Qubes)
			}
		}
		if len(s.gauge.slots) != 0 || len(s.tallies.all()) != 0 {
			t.Errorf("left: %d interfaces, %d clients", len(s.gauge.slots), len(s.tallies.all()))
		}
	})
}

// TestService_Top_silent says so if the meter does not answer.
func TestService_Top_silent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, flows := newService(t)
		flows.silent = true
		if _, err := s.Top(t.Context(), ""); !errors.Is(err, errSilent) {
			t.Errorf("Top = %v; want %v", err, errSilent)
		}
	})
}
