package detect_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

const start = int64(1_700_000_000e9)

var (
	client = netip.MustParseAddr("10.137.0.6")
	same   = netip.MustParseAddr("fd09:24ef:4179::a89:6") // of the client
	web6   = netip.MustParseAddr("2001:db8:77::7")
	server = netip.MustParseAddr("10.139.1.1")
	web    = netip.MustParseAddr("93.184.215.14")
	work   = &qube.Qube{Name: "work", IP: client, IP6: same, XID: 7}
)

// frame returns an Ethernet frame with a datagram, and the packet that it is.
func frame(tb testing.TB, src, dst netip.AddrPort, at int64, data []byte) (packet.Packet, []byte) {
	tb.Helper()
	b := make([]byte, 14+20+8, 14+20+8+len(data))
	b[12], b[14], b[22], b[23] = 8, 0x45, 64, packet.ProtoUDP // IPv4, header of 20 bytes, UDP
	binary.BigEndian.PutUint16(b[16:], uint16(28+len(data)))
	copy(b[26:], src.Addr().AsSlice())
	copy(b[30:], dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[34:], src.Port())
	binary.BigEndian.PutUint16(b[36:], dst.Port())
	binary.BigEndian.PutUint16(b[38:], uint16(8+len(data)))
	b = append(b, data...)
	p := packet.Packet{Time: at, Length: uint32(len(b)), Iface: 7, Direction: packet.Inbound}
	if src.Port() == 53 {
		p.Direction = packet.Outbound
	}
	if s := p.Decode(packet.LinkEthernet, b); s != packet.OK {
		tb.Fatalf("Decode = %v", s)
	}
	return p, b
}

// message returns a query for the addresses of a name, or the response to it.
func message(tb testing.TB, name string, answers ...netip.Addr) []byte {
	tb.Helper()
	wire, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		tb.Fatal(err)
	}
	flags := uint16(0x0100)
	if len(answers) > 0 {
		flags |= dnsmsg.FlagQR
	}
	b := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 1, flags), wire, dnsmsg.TypeA, dnsmsg.ClassIN)
	binary.BigEndian.PutUint16(b[4:], 1)
	binary.BigEndian.PutUint16(b[6:], uint16(len(answers)))
	for _, a := range answers {
		kind := dnsmsg.TypeA
		if a.Is6() {
			kind = dnsmsg.TypeAAAA
		}
		b = append(b, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(a.BitLen()/8)) // pointer to the name, type, IN, 60 s, size
		b = append(b, a.AsSlice()...)
	}
	return b
}

// world is a feed whose items are translated at once.
type world struct {
	*detect.Feed
	t    *detect.Translator
	seen []string
}

// inventory has work.
type inventory struct{}

func (inventory) ByDomain(id int32, _ time.Time) *qube.Qube {
	return map[int32]*qube.Qube{7: work}[id]
}

func (inventory) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	return map[netip.Addr]*qube.Qube{client: work, same: work}[a]
}

// nothing is an inventory without qubes.
type nothing struct{}

func (nothing) ByDomain(int32, time.Time) *qube.Qube    { return nil }
func (nothing) ByAddr(netip.Addr, time.Time) *qube.Qube { return nil }

func newWorld() *world { return worldOf(true, newEnricher()) }

// newEnricher returns an enricher whose interfaces are vifs.
func newEnricher() *enrich.Enricher {
	return &enrich.Enricher{Qubes: inventory{}, Name: func(i uint32) string { return fmt.Sprintf("vif%d.0", i) }}
}

func worldOf(qubes bool, e *enrich.Enricher) *world {
	w := &world{t: detect.NewTranslator(detect.Config{Qubes: qubes, Enricher: e})}
	w.Feed = detect.NewFeed(each(func(i *detect.Item) {
		o, _ := w.t.Translate(i)
		if o == nil {
			return
		}
		text := fmt.Sprintf("%v %d %s %s", time.Duration(o.At-start), o.Kind, o.Subject, o.Name)
		if o.Unresolved {
			text += " unresolved"
		}
		if o.Foreign {
			text += " foreign"
		}
		w.seen = append(w.seen, text)
	}), nil)
	return w
}

// each returns a function that calls f with each of some items.
func each(f func(*detect.Item)) func(...detect.Item) {
	return func(items ...detect.Item) {
		for i := range items {
			f(&items[i])
		}
	}
}

// ask feeds a query and its response.
func (w *world) ask(tb testing.TB, name string, at int64, answers ...netip.Addr) {
	tb.Helper()
	p, b := frame(tb, netip.AddrPortFrom(client, 5000), netip.AddrPortFrom(server, 53), start+at, message(tb, name))
	w.Packet(&p, b)
	p, b = frame(tb, netip.AddrPortFrom(server, 53), netip.AddrPortFrom(client, 5000), start+at+1e6, message(tb, name, answers...))
	w.Packet(&p, b)
}

// connect feeds the beginning of a connection.
func (w *world) connect(to netip.Addr, at int64) { w.connectFrom(client, to, at) }

// connectFrom feeds the beginning of a connection from an address.
func (w *world) connectFrom(from, to netip.Addr, at int64) {
	n := flow.Notice{Kind: flow.Opened, At: start + at, Born: start + at, Iface: 7, Proto: packet.ProtoTCP, SourcePort: 40000, DestinationPort: 443, FromSource: packet.Inbound}
	n.Source, n.Family = packet.AddrFrom(from)
	n.Destination, _ = packet.AddrFrom(to)
	w.Notice(&n)
}

// TestFeed_order has messages and flows in the order of their packets, although the meter
// shows packets before it meters them, and flows with the names that were resolved before.
func TestFeed_order(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.ask(t, "www.EXAMPLE.org", 1e9, web)
	w.ask(t, "later.example.org", 3e9, web)
	w.connect(web, 2e9) // in the same batch
	w.connect(netip.MustParseAddr("93.184.215.15"), 4e9)
	w.Close()
	want := []string{"1s 5 work www.example.org", "1.001s 5 work www.example.org", "2s 1 work www.example.org", "3s 5 work later.example.org",
		"3.001s 5 work later.example.org", "4s 1 work  unresolved"}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		t.Errorf("observations mismatch (-want +got):\n%s", diff)
	}
}

// TestFeed_unread takes no address for unresolved as long as no answer could be read, as where
// captures are cut.
func TestFeed_unread(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.ask(t, "www.example.org", 1e9)
	w.connect(web, 2e9)
	w.ask(t, "www.example.org", 3e9, web)
	w.connect(netip.MustParseAddr("93.184.215.15"), 4e9)
	w.connect(netip.MustParseAddr("192.168.1.9"), 5e9) // no name is wanted of a neighbour
	w.Close()
	want := []string{"1s 5 work www.example.org", "2s 1 work ", "3s 5 work www.example.org", "3.001s 5 work www.example.org",
		"4s 1 work  unresolved", "5s 1 work "}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		t.Errorf("observations mismatch (-want +got):\n%s", diff)
	}
}

// TestNames_Fill names the flows of a replay by what was resolved before they began, also if
// a record is lost on the way.
func TestNames_Fill(t *testing.T) {
	t.Parallel()
	w, n := newWorld(), detect.NewNames(newEnricher())
	w.Name(n)
	record := func(to netip.Addr, at int64) *event.Flow {
		f := &event.Flow{Parties: event.Parties{Qube: work, SourceQube: work, Client: client, Direction: event.Outbound}}
		f.Born, f.Start, f.End, f.Iface, f.Reason = start+at, start+at, start+at+1e9, 7, flow.ReasonEnd
		f.Source.Addr, f.Family = packet.AddrFrom(client)
		f.Destination.Addr, _ = packet.AddrFrom(to)
		w.Record(&f.Record)
		return f
	}
	before := record(web, 0)
	w.ask(t, "www.example.org", 1e9, web)
	named, lost, unresolved := record(web, 2e9), record(web, 3e9), record(netip.MustParseAddr("93.184.215.15"), 4e9)
	w.ask(t, "other.example.org", 5e9, web)
	earlier := record(netip.MustParseAddr("93.184.215.15"), 6e9)
	earlier.Proto = packet.ProtoTCP // without a SYN: it has begun before the capture
	for _, f := range []*event.Flow{before, named, unresolved, earlier} {
		n.Fill(f)
	}
	if earlier.Unresolved {
		t.Error("a connection from before the capture is unresolved; want nothing known of it")
	}
	_ = lost
	if before.Domain != "" || before.Unresolved || named.Domain != "www.example.org" || named.Unresolved || unresolved.Domain != "" || !unresolved.Unresolved {
		t.Errorf("names: %q %v, %q %v, %q %v; want none, www.example.org, and one that is not resolved", before.Domain, before.Unresolved, named.Domain,
			named.Unresolved, unresolved.Domain, unresolved.Unresolved)
	}
}

// TestTranslator_families gives a connection the name that its client has asked for over the other
// family; without an inventory, the name by which any client knows the address, and that it was not
// resolved is said of none that has asked for nothing.
func TestTranslator_families(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		w    *world
		want []string
	}{
		"inventory": {newWorld(), []string{"0s 5 work www.example.org", "1ms 5 work www.example.org", "1s 1 work www.example.org", "2s 1 work  unresolved"}},
		"none": {worldOf(false, &enrich.Enricher{Qubes: nothing{}, Name: func(uint32) string { return "" }}),
			[]string{"0s 5 10.137.0.6 www.example.org", "1ms 5 10.137.0.6 www.example.org", "1s 1 fd09:24ef:4179::a89:6 www.example.org", "2s 1 fd09:24ef:4179::a89:6 "}},
	} {
		tt.w.ask(t, "www.example.org", 0, web6)
		tt.w.connectFrom(same, web6, 1e9)
		tt.w.connectFrom(same, netip.MustParseAddr("2001:db8:77::8"), 2e9)
		tt.w.Close()
		if diff := cmp.Diff(tt.want, tt.w.seen); diff != "" {
			t.Errorf("%s: observations mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzMessage reads anything from and to port 53.
func FuzzMessage(f *testing.F) {
	f.Add(message(f, "www.example.org"), true)
	f.Add(message(f, "www.example.org", web, web), false)
	f.Fuzz(func(t *testing.T, data []byte, query bool) {
		if len(data) > 60000 {
			return
		}
		src, dst := netip.AddrPortFrom(client, 5000), netip.AddrPortFrom(server, 53)
		if !query {
			src, dst = dst, src
		}
		p, b := frame(t, src, dst, start, data)
		feed := detect.NewFeed(each(func(i *detect.Item) {
			if m, ok := i.Other.(*detect.Message); !ok || len(m.Addresses) > 64 || m.Response == query || m.Bytes != len(data) {
				t.Errorf("message = %+v", m)
			}
		}), nil)
		feed.Packet(&p, b)
		feed.Close()
	})
}

// TestFeed_Verified passes a verdict on before what came later, although the packets of a batch are
// judged when all of them are metered.
func TestFeed_Verified(t *testing.T) {
	t.Parallel()
	var got []string
	f := detect.NewFeed(each(func(i *detect.Item) {
		what := "flow"
		if c, ok := i.Other.(*detect.Check); ok {
			what = c.ID
		}
		got = append(got, fmt.Sprintf("%d %s", i.At, what))
	}), nil)
	for _, at := range []int64{10, 20, 30} {
		f.Notice(&flow.Notice{Kind: flow.Opened, At: at})
	}
	f.Record(&flow.Record{End: 1, Reason: flow.ReasonIdle})
	for i, at := range []int64{5, 20, 25, 40} {
		f.Verified(detect.Check{ID: fmt.Sprintf("VPN-%d", i+1)}, at)
	}
	if len(got) > 0 {
		t.Errorf("%v was passed on before the end of the batch", got)
	}
	f.Flush(true)
	f.Notice(&flow.Notice{Kind: flow.Opened, At: 50})
	f.Flush(true)
	if diff := cmp.Diff([]string{"5 VPN-1", "10 flow", "20 flow", "20 VPN-2", "25 VPN-3", "30 flow", "1 flow", "40 VPN-4", "50 flow"}, got); diff != "" {
		t.Errorf("items mismatch (-want +got):\n%s", diff)
	}
}

// TestFeed_Flush passes on a little with the next items only, unless the meter looks up.
func TestFeed_Flush(t *testing.T) {
	t.Parallel()
	passed := 0
	f := detect.NewFeed(func(list ...detect.Item) { passed += len(list) }, nil)
	add := func(n int, idle bool) {
		for range n {
			f.Notice(&flow.Notice{Kind: flow.Opened})
		}
		f.Flush(idle)
	}
	var got []int
	add(10, false)
	got = append(got, passed)
	add(10, true)
	got = append(got, passed)
	add(100, false)
	got = append(got, passed)
	add(0, true)
	got = append(got, passed)
	if diff := cmp.Diff([]int{0, 20, 120, 120}, got); diff != "" {
		t.Errorf("items passed on after each flush mismatch (-want +got):\n%s", diff)
	}
}

// TestFeed_bound passes on what is held when there is a lot of it.
func TestFeed_bound(t *testing.T) {
	t.Parallel()
	const most = 1000
	for name, add := range map[string]func(f *detect.Feed, at int64){
		"verdicts": func(f *detect.Feed, at int64) { f.Verified(detect.Check{ID: "ISO-1"}, at) },
		"notices":  func(f *detect.Feed, at int64) { f.Notice(&flow.Notice{Kind: flow.Opened, At: at}) },
		"records":  func(f *detect.Feed, at int64) { f.Record(&flow.Record{End: at, Reason: flow.ReasonIdle}) },
	} {
		var got []int64
		f := detect.NewFeed(each(func(i *detect.Item) { got = append(got, i.At) }), nil)
		for at := range int64(5000) {
			if add(f, at); int(at)-len(got) > most {
				t.Fatalf("%s: %d of %d are passed on; want all but %d", name, len(got), at, most)
			}
		}
		f.Flush(true)
		if len(got) != 5000 || !slices.IsSorted(got) {
			t.Errorf("%s: %d of 5000 are passed on, or not in order", name, len(got))
		}
	}
}

// TestTranslate_loopback takes the programs of a machine for hosts of a network if there is no
// inventory, and for nothing that a qube could reach if there is one.
func TestTranslate_loopback(t *testing.T) {
	t.Parallel()
	n := flow.Notice{Kind: flow.Opened, At: start, Born: start, Proto: packet.ProtoTCP, SourcePort: 40000, DestinationPort: 8443, FromSource: packet.Inbound, Iface: 7}
	n.Source, n.Family = packet.AddrFrom(netip.MustParseAddr("127.0.0.1"))
	n.Destination = n.Source
	for qubes, want := range map[bool]behaviour.Place{false: behaviour.World, true: behaviour.Nowhere} {
		if qubes {
			n.Source, _ = packet.AddrFrom(client)
		}
		tr := detect.NewTranslator(detect.Config{Qubes: qubes, Enricher: &enrich.Enricher{Qubes: inventory{}, Name: func(i uint32) string { return fmt.Sprintf("vif%d.0", i) }}})
		if o, _ := tr.Translate(&detect.Item{At: start, Iface: 7, Notice: n}); o == nil || o.Place != want || o.SourcePort != n.SourcePort {
			t.Errorf("inventory %v: observation %+v; want one at place %d from port %d", qubes, o, want, n.SourcePort)
		}
	}
}

// TestTranslate_world does not take who comes from the world to a server for a neighbour of it, without
// an inventory.
func TestTranslate_world(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]behaviour.Place{"10.0.0.5": behaviour.LAN, "198.51.100.7": behaviour.World} {
		n := flow.Notice{Kind: flow.Opened, At: start, Born: start, Proto: packet.ProtoTCP, SourcePort: 40000, DestinationPort: 22}
		n.Source, n.Family = packet.AddrFrom(netip.MustParseAddr(source))
		n.Destination, _ = packet.AddrFrom(netip.MustParseAddr("10.0.0.80"))
		tr := detect.NewTranslator(detect.Config{Enricher: &enrich.Enricher{Qubes: inventory{}, Name: func(uint32) string { return "eth0" }}})
		if o, _ := tr.Translate(&detect.Item{At: start, Notice: n}); o == nil || o.Place != want || o.SourcePort != n.SourcePort {
			t.Errorf("from %s: %+v; want place %d", source, o, want)
		}
	}
}

// TestTranslate_connection does not take what another vif forges for a part of a connection.
func TestTranslate_connection(t *testing.T) {
	t.Parallel()
	tr := detect.NewTranslator(detect.Config{Enricher: &enrich.Enricher{Qubes: inventory{}, Name: func(i uint32) string { return fmt.Sprintf("eth%d", i) }}})
	var hashes []uint64
	for _, iface := range []uint32{7, 8, 7} {
		n := flow.Notice{Kind: flow.Opened, At: start, Born: start, Proto: packet.ProtoTCP, SourcePort: 40000, DestinationPort: 443, Iface: iface}
		n.Source, n.Family = packet.AddrFrom(client)
		n.Destination, _ = packet.AddrFrom(web)
		o, _ := tr.Translate(&detect.Item{At: start, Iface: iface, Notice: n})
		if o == nil {
			t.Fatal("no observation")
		}
		hashes = append(hashes, o.Connection)
	}
	if hashes[0] == hashes[1] || hashes[0] != hashes[2] {
		t.Errorf("hashes = %x; want one of each interface", hashes)
	}
}
