package netstate_test

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/netstate"
)

var errNetlink = errors.New("no netlink")

// machine has addresses that a test may change.
type machine struct {
	mu    sync.Mutex
	addrs []netip.Addr
	err   error
	reads int
}

func (m *machine) read() ([]netip.Addr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	return m.addrs, m.err
}

func (m *machine) set(err error, addrs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.addrs = err, nil
	for _, a := range addrs {
		m.addrs = append(m.addrs, netip.MustParseAddr(a))
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

// TestAddresses reads the addresses when they are asked for and more than five
// seconds old.
func TestAddresses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := new(machine)
		a := netstate.NewAddresses(netstate.AddressesConfig{Read: m.read})
		want := func(when string, reads int, addrs ...string) {
			t.Helper()
			var got []string
			for _, addr := range a.All() {
				if !a.Local(addr) {
					t.Errorf("%s: Local(%v) = false; want true", when, addr)
				}
				got = append(got, addr.String())
			}
			if diff := cmp.Diff(addrs, got); diff != "" || m.reads != reads {
				t.Errorf("%s: %d reads, want %d; All mismatch (-want +got):\n%s", when, m.reads, reads, diff)
			}
			if a.Local(netip.MustParseAddr("10.137.0.9")) || a.Local(netip.Addr{}) {
				t.Errorf("%s: Local = true for a strange address", when)
			}
		}
		m.set(nil, "127.0.0.1", "10.137.0.6")
		want("at first", 1, "127.0.0.1", "10.137.0.6")
		m.set(nil, "fe80::1")
		time.Sleep(5 * time.Second)
		want("after 5 s", 1, "127.0.0.1", "10.137.0.6")
		time.Sleep(time.Nanosecond)
		want("after more than 5 s", 2, "fe80::1")
		if a.Local(netip.MustParseAddr("10.137.0.6")) {
			t.Error("Local = true for an address that is gone")
		}
		time.Sleep(time.Hour)
		m.set(errNetlink)
		want("without netlink", 3, "fe80::1")
		time.Sleep(5 * time.Second)
		want("without netlink, 5 s later", 3, "fe80::1")
		if n := a.Changes(); n != 1 {
			t.Errorf("Changes = %d; want 1", n)
		}
	})
}

// TestAddresses_none knows no address if there never was one to read.
func TestAddresses_none(t *testing.T) {
	t.Parallel()
	m := &machine{err: errNetlink}
	a := netstate.NewAddresses(netstate.AddressesConfig{Read: m.read})
	if a.Local(netip.MustParseAddr("127.0.0.1")) || a.All() != nil {
		t.Errorf("Local = true, or All = %v; want none", a.All())
	}
}

// TestAddresses_together reads once for all who find the addresses old at the same
// time: the second read begins when each of them has looked at the clock.
func TestAddresses_together(t *testing.T) {
	t.Parallel()
	const readers = 8
	var reads, looks atomic.Int32
	var old atomic.Bool
	allLooked := make(chan struct{})
	a := netstate.NewAddresses(netstate.AddressesConfig{
		Read: func() ([]netip.Addr, error) {
			if reads.Add(1) > 1 {
				<-allLooked
			}
			return []netip.Addr{netip.IPv6Loopback()}, nil
		},
		Now: func() time.Time {
			if !old.Load() {
				return time.Unix(0, 0)
			}
			if looks.Add(1) == readers+1 { // the one that reads looks twice
				close(allLooked)
			}
			return time.Unix(100, 0)
		}})
	a.All()
	old.Store(true)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			if !a.Local(netip.IPv6Loopback()) {
				t.Error("Local(::1) = false; want true")
			}
		})
	}
	wg.Wait()
	if got := reads.Load(); got != 2 {
		t.Errorf("%d reads; want 2", got)
	}
}

// TestAddresses_kernel asks the real kernel with a clock of the test.
func TestAddresses_kernel(t *testing.T) {
	t.Parallel()
	a := netstate.NewAddresses(netstate.AddressesConfig{Now: func() time.Time { return time.Unix(1, 0) }})
	for _, addr := range a.All() {
		if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" || !a.Local(addr) {
			t.Errorf("All has %v; want plain addresses", addr)
		}
	}
}
