package flood_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/auxqueue"
	"github.com/qubesbeat/qubesbeat/internal/defrag"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// The interfaces of the two qubes.
const (
	attacker  = 6
	neighbour = 7
)

// place is something that a qube can fill.
type place struct {
	put  func(iface uint32, n int) // the n-th thing of a qube
	kept func() int                // how many things of the neighbour are there at the end
}

// places lists them; docs/share.md says more about each.
var places = map[string]func() place{
	"flow table":        newFlowTable,
	"queue of flows":    newFlowQueue,
	"hold":              newHold,
	"queue of events":   newEventQueue,
	"log of queries":    newQueryLog,
	"queue of packets":  newPacketQueue,
	"names of clients":  newNames,
	"cache of answers":  newCache,
	"fragments":         newFragments,
	"refused attempts":  newVerdicts,
	"attempts, invalid": newSpoofed,
}

// TestAttack03_everyPlace floods each place before, between and after what the
// neighbour does, which must all be there.
func TestAttack03_everyPlace(t *testing.T) {
	t.Parallel()
	const things, flood = 200, 500
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, n := open(), 0
			more := func(count int) {
				for range count {
					p.put(attacker, n)
					n++
				}
			}
			more(40_000)
			for i := range things {
				p.put(neighbour, i)
				more(flood)
			}
			if got := p.kept(); got != things {
				t.Errorf("%d of %d things of the neighbour are there after a flood of %d", got, things, n)
			}
		})
	}
}

// address returns the n-th address on the Internet.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{20, byte(n >> 16), byte(n >> 8), byte(n)})
}

// client returns the address of a qube.
func client(iface uint32) netip.Addr { return netip.AddrFrom4([4]byte{10, 137, 0, byte(iface)}) }

// datagram returns a packet of the n-th flow of a qube.
func datagram(iface uint32, n int) packet.Packet {
	p := packet.Packet{Time: 1_700_000_000e9 + int64(n), Family: 4, Proto: packet.ProtoUDP, HasL4: true, SrcPort: 5000, DstPort: 9999,
		Length: 43, Iface: iface, Direction: packet.Inbound}
	src, dst := client(iface).As4(), address(n).As4()
	copy(p.Src[:], src[:])
	copy(p.Dst[:], dst[:])
	return p
}

func newFlowTable() place {
	flows := 0
	t, err := flow.New(flow.Config{IdleTimeout: time.Minute, MaxFlows: 10_000, Report: func(r *flow.Record) {
		if r.Iface == neighbour && r.Reason == flow.ReasonForced {
			flows++
		}
	}})
	if err != nil {
		panic(err)
	}
	return place{func(iface uint32, n int) { p := datagram(iface, n); t.Update(&p) },
		func() int { t.FlushFewest(flow.ReasonForced); return flows }}
}

func newFlowQueue() place {
	q := pipeline.NewQueue(16384, false)
	return place{func(iface uint32, n int) { q.Push(&flow.Record{Iface: iface, Reason: flow.ReasonIdle}) }, func() (n int) {
		q.Close()
		for batch := make([]flow.Record, 64); !q.Done(); {
			for _, r := range batch[:q.Pop(batch)] {
				if r.Iface == neighbour {
					n++
				}
			}
		}
		return n
	}}
}

func newHold() place {
	named := 0
	h := hold.New(hold.Config[uint32]{For: time.Hour, Max: 4096, Class: func(iface *uint32) share.Class { return share.Class(*iface) },
		Retry: func(iface *uint32, _ bool) bool {
			if *iface == neighbour {
				named++
			}
			return true
		}})
	return place{func(iface uint32, _ int) { h.Add(iface) }, func() int { h.Retry(); return named }}
}

// seen is a verdict or a finding about a qube.
type seen struct {
	event.Document
	event.Parties
}

// outlet counts events of the neighbour.
type outlet struct{ n int }

func (o *outlet) Publish(d event.Document) {
	if d.(*seen).Interface == vif(neighbour) {
		o.n++
	}
}

func (o *outlet) Delivery() event.Delivery { return event.Delivery{} }

func vif(iface uint32) string { return fmt.Sprintf("vif%d.0", iface) }

func newEventQueue() place {
	o := new(outlet)
	q := auxqueue.New(o, nil)
	return place{func(iface uint32, _ int) { q.Publish(&seen{Parties: event.Parties{Interface: vif(iface)}}) }, func() int {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = q.Run(ctx)
		return o.n
	}}
}

func newQueryLog() place {
	q := dnsevent.NewQueue(16384)
	e := dnsevent.Entry{Count: 1, Name: []byte("\x03www\x07example\x00")}
	return place{func(iface uint32, _ int) { e.Iface = iface; q.Push(&e) }, func() (n int) {
		q.Close()
		for batch := make([]dnsevent.Entry, 64); !q.Done(); {
			for _, e := range batch[:q.Pop(batch, time.Time{})] {
				if e.Iface == neighbour {
					n++
				}
			}
		}
		return n
	}}
}

func newPacketQueue() place {
	q := feed.NewQueue(false)
	payload := make([]byte, 1400)
	return place{func(iface uint32, _ int) { q.Push(&feed.Packet{Iface: iface, Payload: payload}) }, func() (n int) {
		q.Close()
		batch := make([]feed.Packet, 64)
		for got := q.Pop(batch); got > 0; got = q.Pop(batch) {
			for _, p := range batch[:got] {
				if p.Iface == neighbour {
					n++
				}
			}
		}
		return n
	}}
}

func newNames() place {
	names := dnsview.NewNames(nil)
	return place{func(iface uint32, n int) { names.Add(client(iface), address(n), "www.example", 0, 60) }, func() (found int) {
		for n := range 200 {
			if name, _ := names.Find(client(neighbour), address(n), 0); name != "" {
				found++
			}
		}
		return found
	}}
}

func newCache() place {
	c := dnscache.New(4 << 20)
	key := func(iface uint32, n int) []byte { return fmt.Appendf(nil, "%d %d", iface, n) }
	var e dnscache.Entry
	return place{func(iface uint32, n int) {
		c.Put(key(iface, n), &dnscache.Entry{Msg: make([]byte, 150), TTL: 300, Owner: share.Class(iface)}, 0)
		if iface == attacker { // who makes sure that its answers look useful
			c.Get(nil, key(iface, n), 0, 0, &e)
		}
	}, func() (found int) {
		for n := range 200 {
			if _, ok := c.Get(nil, key(neighbour, n), 0, 0, &e); ok {
				found++
			}
		}
		return found
	}}
}

// newFragments has the neighbour complete each datagram in the end, of which 50 wait at
// a time.
func newFragments() place {
	var table defrag.Table
	whole := 0
	add := func(iface uint32, n int, offset uint16, more bool) {
		p := datagram(iface, 0)
		p.FragID, p.FragOffset, p.FragMore = uint32(n), offset, more
		if table.Add(&p, make([]byte, 8)) != nil && iface == neighbour {
			whole++
		}
	}
	return place{func(iface uint32, n int) {
		add(iface, n, 0, true)
		if iface == neighbour && n >= 50 {
			add(iface, n-50, 8, false)
		}
	}, func() int {
		for n := 150; n < 200; n++ {
			add(neighbour, n, 8, false)
		}
		return whole
	}}
}

// newAttempts returns a tracker of attempts that a rule has logged.
func newAttempts(prefix string) place {
	refused := map[netip.Addr]bool{}
	now := time.Duration(0)
	t := firewall.NewTracker(func(v *firewall.Verdict) {
		if v.In == vif(neighbour) && !v.Coalesced {
			refused[v.Dst] = true
		}
	})
	return place{func(iface uint32, n int) {
		o := firewall.Observation{Prefix: prefix, In: vif(iface), At: int64(now), Length: 60,
			Tuple: firewall.Tuple{Proto: 6, Src: client(iface), Dst: address(n), SrcPort: 5000, DstPort: 443}}
		t.Observe(&o, now)
		if iface == neighbour {
			now += 100 * time.Millisecond
			t.Advance(now)
		}
	}, func() int {
		for range 100 {
			now += 250 * time.Millisecond
			t.Advance(now)
		}
		t.Flush(now)
		return len(refused)
	}}
}

func newVerdicts() place { return newAttempts(firewall.PrefixNew + " ") }
func newSpoofed() place  { return newAttempts(firewall.PrefixSpoof + " ") }
