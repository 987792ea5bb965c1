package dnsview_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
)

// tenHours is the time of the first use in the tests.
const tenHours = int64(10 * time.Hour)

// use is a use of plain DNS by the qube on interface 7.
func use() dnsview.Use {
	return dnsview.Use{Iface: 7, Client: netip.MustParseAddr("10.137.0.7"), Server: netip.MustParseAddr("8.8.8.8"), Bypass: dnsview.PlainDNS}
}

func TestOnce_First(t *testing.T) {
	t.Parallel()
	const hour, minute = int64(time.Hour), int64(time.Minute)
	dot, other := use(), use()
	dot.Bypass, other.Server = dnsview.DNSOverTLS, netip.MustParseAddr("9.9.9.9")
	var o dnsview.Once
	for _, tt := range []struct {
		name    string
		use     dnsview.Use
		at, now int64 // after tenHours
		want    uint64
	}{
		{"first", use(), 0, 0, 1},
		{"again", use(), 1, 1, 0},
		{"another method", dot, 0, 2, 1},
		{"another server", other, 0, 3, 1},
		{"began before, ended after", use(), -minute, minute, 0},
		{"began hours before, ended after", use(), -3 * hour, minute, 0},
		{"an hour later", use(), hour + 1, hour + 2, 4},
		{"a report of an old flow", use(), -3 * hour, hour + minute, 0},
		{"after the clock was set back", use(), -200 * hour, -200 * hour, 2},
		{"again, by that clock", use(), -200*hour + minute, -200*hour + minute, 0},
	} {
		n, ok := o.First(tt.use, tenHours+tt.at, tenHours+tt.now)
		if n != tt.want || ok != (tt.want > 0) {
			t.Errorf("%s: First = %d, %v; want %d", tt.name, n, ok, tt.want)
		}
	}
}

// TestAttack08_bypass_silenced lets a qube use the addresses of another, and all the
// room there is: the other's use is reported nevertheless, once.
func TestAttack08_bypass_silenced(t *testing.T) {
	t.Parallel()
	var o dnsview.Once
	forged := use()
	forged.Iface, forged.Spoofed = 6, true
	if _, ok := o.First(forged, tenHours, tenHours); !ok {
		t.Error("the forged use is not reported")
	}
	forged.Client = netip.MustParseAddr("10.137.0.8")
	if _, ok := o.First(forged, tenHours, tenHours); ok {
		t.Error("the forged use is reported again for another address")
	}
	if _, ok := o.First(use(), tenHours, tenHours+1); !ok {
		t.Error("a use is silenced by a forged one on another interface")
	}
	reports := 0
	for i := range uint32(100_000) {
		u := use()
		u.Iface, u.Client = 6, netip.MustParseAddr("10.137.0.6")
		u.Server = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x50000000+i)))
		o.First(u, tenHours, tenHours)
		if i%1000 == 0 {
			for range 2 {
				if _, ok := o.First(use(), tenHours-int64(i), tenHours+int64(i)); ok {
					reports++
				}
			}
		}
	}
	if reports != 0 {
		t.Errorf("a use is reported %d times more during a flood on another interface; want once in all", reports)
	}
}
