package geoip_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// place returns where a service says that the destination of a flow is registered.
func place(s *geoip.Service, addr string, q *qube.Qube) event.Place {
	f := &event.Flow{}
	f.Source.Addr, _ = packet.AddrFrom(netip.MustParseAddr("10.137.0.6"))
	if f.Destination.Addr, f.Family = packet.AddrFrom(netip.MustParseAddr(addr)); f.Family == 6 {
		f.Source.Addr, _ = packet.AddrFrom(netip.MustParseAddr("fd09::6"))
	}
	f.DestinationQube = q
	s.Fill(f)
	if f.DestinationPlace == nil {
		return event.Place{}
	}
	return *f.DestinationPlace
}

// counter returns a counter of a service.
func counter(s *geoip.Service, name string) uint64 {
	var set metrics.Set
	s.Metrics(&set)
	for _, c := range set.Counters() {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// A file that changes is read again, and a broken one keeps the last good one.
func TestService(t *testing.T) {
	path := filepath.Join(t.TempDir(), "countries.csv")
	write := func(text string, age time.Duration) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if at := time.Unix(1_700_000_000, 0).Add(age); os.Chtimes(path, at, at) != nil {
			t.Fatal("the time of the file cannot be set")
		}
	}
	synctest.Test(t, func(t *testing.T) {
		notify := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		watch := func(context.Context, string) <-chan struct{} { return notify }
		s := geoip.NewService([]string{path}, watch, nil, slog.New(slog.DiscardHandler))
		if p := place(s, "8.8.8.8", nil); p != (event.Place{}) {
			t.Errorf("before the file was read: %v", p)
		}
		write("8.8.8.0,8.8.8.255,US\n", 0)
		done := make(chan error)
		s.Open()
		go func() { done <- s.Run(ctx) }()
		for i, step := range []struct{ text, want string }{{"", "US"}, {"8.8.8.0,8.8.8.255,CH\n", "CH"}, {"broken\n", "CH"}, {"8.8.8.0,8.8.8.255,IE\n", "IE"}} {
			if step.text != "" {
				write(step.text, time.Duration(i)*time.Second)
				notify <- struct{}{}
			}
			synctest.Wait()
			if p := place(s, "8.8.8.8", nil); p.Country != step.want {
				t.Errorf("step %d: %v; want %s", i, p, step.want)
			}
		}
		if p := place(s, "8.8.8.8", &qube.Qube{}); p != (event.Place{}) {
			t.Errorf("a qube is in %v", p)
		}
		_, _ = place(s, "9.9.9.9", nil), place(s, "198.51.100.7", nil)
		if l, m, r, f := counter(s, "lookups"), counter(s, "misses"), counter(s, "reloads"), counter(s, "failures"); l != 5 || m != 1 || r != 3 || f != 1 {
			t.Errorf("lookups, misses, reloads, failures = %d, %d, %d, %d; want 5, 1, 3, 1", l, m, r, f)
		}
		cancel()
		close(notify)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Places of addresses are those of the files, however many addresses there are; looking one up
// again takes no memory.
func TestService_Fill_many(t *testing.T) {
	path := filepath.Join(t.TempDir(), "countries.csv")
	if err := os.WriteFile(path, []byte("8.0.0.0,8.255.255.255,US\n9.0.0.0,9.255.255.255,CH\n2a00::,2a00:ffff:ffff::,IE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := geoip.NewService([]string{path}, nil, nil, slog.New(slog.DiscardHandler))
	s.Open()
	const addresses = 20_000 // more than are kept
	for i := range 2 * addresses {
		n := i % addresses
		for network, want := range map[string]string{"8.": "US", "9.": "CH", "11.": "", "2a00:": "IE", "2a01:": ""} {
			addr := fmt.Sprintf("%s%d.%d.%d", network, n>>16, n>>8&255, n&255)
			if strings.HasSuffix(network, ":") {
				addr = fmt.Sprintf("%s%x::", network, n)
			}
			if p := place(s, addr, nil); p.Country != want {
				t.Fatalf("%s is in %q; want %q", addr, p.Country, want)
			}
		}
	}
	if l, m := counter(s, "lookups"), counter(s, "misses"); l != 10*addresses || m != 4*addresses {
		t.Errorf("lookups, misses = %d, %d; want %d, %d", l, m, 10*addresses, 4*addresses)
	}
	f := &event.Flow{}
	if s.Fill(f); f.DestinationPlace != nil {
		t.Errorf("a flow without addresses goes to %v", f.DestinationPlace)
	}
	f.Destination.Addr, f.Family = packet.AddrFrom(netip.MustParseAddr("8.8.8.8"))
	if n := testing.AllocsPerRun(100, func() { s.Fill(f) }); n != 0 || f.DestinationPlace == nil {
		t.Errorf("Fill allocates %v times, %v; want 0", n, f.DestinationPlace)
	}
}

// TestService_shared: addresses that are registered alike share a place, which is prepared once, also
// when there are more places than are remembered.
func TestService_shared(t *testing.T) {
	var text strings.Builder
	for n := range 6000 {
		fmt.Fprintf(&text, "11.%d.%d.0,11.%d.%d.255,%d,Network %d\n", n/256, n%256, n/256, n%256, n+1, n+1)
	}
	path := filepath.Join(t.TempDir(), "networks.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	prepared := 0
	s := geoip.NewService([]string{path}, nil, func(p *event.Place) { prepared++; p.JSON = p.ASName }, slog.New(slog.DiscardHandler))
	s.Open()
	for n := range 6000 {
		for host := range 2 {
			p := place(s, fmt.Sprintf("11.%d.%d.%d", n/256, n%256, 1+host), nil)
			if want := fmt.Sprintf("Network %d", n+1); p.ASName != want || p.JSON != want {
				t.Fatalf("%+v, want %s", p, want)
			}
		}
	}
	if prepared != 6000 {
		t.Errorf("prepared %d places, want 6000", prepared)
	}
}
