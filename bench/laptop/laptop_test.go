package laptop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/bench/laptop"
)

// start is the time of the captures.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newLaptop returns one of three laptops.
func newLaptop(t *testing.T, number int) *laptop.Laptop {
	t.Helper()
	l, err := laptop.New(&laptop.Config{Start: start, Length: time.Hour, Number: number, Of: 3, Visits: 50, Disposables: 4})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestNew makes laptops that have the same qubes with other UUIDs, and clocks apart.
func TestNew(t *testing.T) {
	t.Parallel()
	a, b, c := newLaptop(t, 1), newLaptop(t, 2), newLaptop(t, 3)
	if a.Skew != -90*time.Minute || b.Skew != 0 || c.Skew != 90*time.Minute {
		t.Errorf("clocks are wrong by %v, %v and %v", a.Skew, b.Skew, c.Skew)
	}
	if a.Qubes[0].Name != "work" || b.Qubes[0].Name != "work" || a.Qubes[0].IP != b.Qubes[0].IP || a.Qubes[0].UUID == b.Qubes[0].UUID {
		t.Errorf("first qubes = %+v and %+v; want work twice", a.Qubes[0], b.Qubes[0])
	}
	if again := newLaptop(t, 1); again.Qubes[0] != a.Qubes[0] || len(again.Qubes) != 10 {
		t.Errorf("the same laptop has other qubes: %+v", again.Qubes)
	}
	if _, err := laptop.New(&laptop.Config{Length: time.Second, Number: 1, Of: 1, Visits: 21}); err == nil {
		t.Error("New with visits that overlap succeeded")
	}
}

// TestLaptop_Inventory has every qube of that laptop.
func TestLaptop_Inventory(t *testing.T) {
	t.Parallel()
	l := newLaptop(t, 2)
	text := string(l.Inventory())
	for _, q := range l.Qubes {
		if !strings.Contains(text, `"`+q.UUID+`"`) {
			t.Errorf("the inventory is without %s: %s", q.Name, text)
		}
	}
	if strings.Contains(text, newLaptop(t, 1).Qubes[0].UUID) {
		t.Errorf("the inventory has a qube of another laptop: %s", text)
	}
}

// TestLaptop_WriteCapture writes each packet on the vif of a qube that runs then.
func TestLaptop_WriteCapture(t *testing.T) {
	t.Parallel()
	sites, err := laptop.NewSites(3)
	if err != nil {
		t.Fatal(err)
	}
	l := newLaptop(t, 3)
	path := filepath.Join(t.TempDir(), "made.pcapng")
	if err := l.WriteCapture(path, sites); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	packets, disposables := 0, map[int]bool{}
	for {
		data, info, err := r.ReadPacketData()
		if err != nil {
			break
		}
		packets++
		q, at := l.Qubes[info.InterfaceIndex], info.Timestamp.Sub(start)-l.Skew
		if at < q.From || at > q.To {
			t.Errorf("%s has a packet at %v; it runs from %v to %v", q.Name, at, q.From, q.To)
		}
		if info.InterfaceIndex >= 6 {
			disposables[info.InterfaceIndex] = true
		}
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		ip, _ := p.NetworkLayer().(*layers.IPv4)
		if ip == nil || p.ErrorLayer() != nil || !ip.SrcIP.Equal(q.IP.AsSlice()) && !ip.DstIP.Equal(q.IP.AsSlice()) {
			t.Errorf("%s has the packet %v", q.Name, p)
		}
	}
	if packets != 50*20 || len(disposables) < 3 {
		t.Errorf("%d packets, %d disposables; want 1000, and 3 or more", packets, len(disposables))
	}
}
