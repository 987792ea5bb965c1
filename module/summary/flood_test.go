package summary_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/dns"
	"github.com/qubesbeat/qubesbeat/module/finding"
	firewallmodule "github.com/qubesbeat/qubesbeat/module/firewall"
	"github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/summary"
)

// ofQube returns the parties of an outbound event of a qube.
func ofQube(n int) event.Parties {
	q := &qube.Qube{Name: fmt.Sprintf("qube-%d", n), Label: "red", Class: qube.ClassApp, NetVM: "sys-log", Template: "debian-13", XID: int32(n)}
	addr := netip.AddrFrom4([4]byte{10, 137, 0, byte(n)})
	return event.Parties{Interface: fmt.Sprintf("vif%d.0", n), Qube: q, SourceQube: q, Client: addr, Attribution: event.Inventory, Direction: event.Outbound}
}

// generator makes the events of one kind; i numbers them.
type generator func(p event.Parties, at time.Time, i uint64) event.Countable

// address returns a different address for each number.
func address(i uint64) (a packet.Addr) {
	binary.BigEndian.PutUint32(a[:], 0x20000000+uint32(i))
	return a
}

func newFlow(p event.Parties, at time.Time, i uint64) event.Countable {
	d := &flow.Document{Flow: event.Flow{Parties: p}}
	d.Start, d.End, d.Born, d.Family, d.Proto, d.Reason = at.UnixNano()-1, at.UnixNano(), at.UnixNano()-1, 4, packet.ProtoUDP, meter.ReasonIdle
	d.Source = meter.Endpoint{Port: 40000, Packets: 1, Bytes: 43, Sent: true}
	d.Source.Addr, _ = packet.AddrFrom(p.Client)
	d.Destination = meter.Endpoint{Addr: address(i), Port: uint16(1 + i%60000), Packets: 2, Bytes: 90, Sent: true}
	return d
}

func newQuery(p event.Parties, at time.Time, i uint64) event.Countable {
	name, _ := dnsmsg.ParseName(nil, fmt.Sprintf("%s.%s.%d.example", strings.Repeat("x", 60), strings.Repeat("y", 60), i))
	e := dnsevent.Entry{At: at.UnixNano(), From: netip.AddrPortFrom(p.Client, 4000), Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN, Name: name, Count: 1,
		Qube: p.Qube, Outcome: dnsevent.Outcome{Action: dnsevent.Failed, From: dnsevent.FromError, EDE: dnsmsg.NoEDE}}
	return dns.NewDocument(&e, p)
}

func newVerdict(p event.Parties, at time.Time, i uint64) event.Countable {
	dst := address(i)
	return &firewallmodule.Document{Parties: p, Verdict: firewall.Verdict{Tuple: firewall.Tuple{Proto: 6, Src: p.Client, Dst: dst.Netip(4), DstPort: 22},
		Point: firewall.QVMFirewall, In: p.Interface, First: at.UnixNano(), Last: at.UnixNano(), Count: 1, Bytes: 60}}
}

func newFinding(p event.Parties, at time.Time, i uint64) event.Countable {
	dst := address(i)
	return &finding.Document{Parties: p, Source: netip.AddrPortFrom(p.Client, 40000), Destination: netip.AddrPortFrom(dst.Netip(4), 53),
		FlowID: strings.Repeat("x", 60), Finding: behaviour.Finding{Rule: behaviour.DNSBypass, Way: "dns", Level: behaviour.Medium, Subject: "work",
			At: at.UnixNano(), First: at.UnixNano(), Count: 1, Proto: 17, Reason: "DNS to a server that is not the resolver"}}
}

// transaction is an event of an analyzer, as far as its share is concerned.
type transaction struct{ flow.Document }

// Account implements [event.Countable].
func (d *transaction) Account(a *event.Account) {
	d.Document.Account(a)
	a.Dataset = "http"
}

func newTransaction(p event.Parties, at time.Time, i uint64) event.Countable {
	return &transaction{*newFlow(p, at, i).(*flow.Document)}
}

// totals are what events and summaries together say of each dataset.
type totals map[string]uint64

func (t totals) add(a *event.Account) {
	t[a.Dataset+" count"] += a.Count
	t[a.Dataset+" sent"] += a.Sent.Bytes
	t[a.Dataset+" received"] += a.Received.Packets
}

// output writes documents as JSON and counts their bytes for each client.
type output struct {
	mu      sync.Mutex // guards all
	json    event.JSON
	bytes   map[string]int
	written map[string]int // events that are no summaries
	totals  totals
}

// Publish implements [event.Sink].
func (o *output) Publish(d event.Document) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.json.Buf = append(o.json.Buf[:0], '{')
	o.json.AppendFields(d)
	size := len(o.json.Buf) + event.EnvelopeSize
	if s, ok := d.(summary.Document); ok {
		o.bytes[s.Parties.Qube.Name] += size
		o.totals.add(&event.Account{Dataset: s.Dataset, Count: s.Count, Sent: s.Sent, Received: s.Received})
		return
	}
	var a event.Account
	d.(event.Countable).Account(&a)
	o.bytes[a.Parties.Qube.Name] += size
	o.written[a.Parties.Qube.Name]++
	o.totals.add(&a)
}

// Delivery implements [event.Outlet].
func (o *output) Delivery() event.Delivery { return event.Delivery{} }

// simulation is a day of nine quiet qubes and a tenth one that floods.
type simulation struct {
	out  *output
	sink event.Sink
	sent totals // by all qubes
	want int    // bytes that the flood would have taken
}

// quietPerDay is how many flows, and how many queries, each of the quiet qubes causes: one
// of each every thirty seconds, day and night.
const quietPerDay = 2880

// begin starts the service and returns the function that ends it.
func (s *simulation) begin(t *testing.T, capacity int64) (end func()) {
	t.Helper()
	quota := config.Default().Quota
	burst, perDay := quota.Share(capacity)
	service := summary.New(summary.Config{Burst: burst, PerDay: perDay}, summary.Deps{Outlet: s.out})
	s.sink = service.Wrap(s.out)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// publish publishes an event of a qube.
func (s *simulation) publish(make generator, n int, i uint64) {
	d := make(ofQube(n), time.Now(), i)
	var a event.Account
	d.Account(&a)
	s.sent.add(&a)
	if n == 10 {
		s.want += a.Size
	}
	s.sink.Publish(d)
}

// minutes is how long a day is.
const minutes = 24 * 60

// minute publishes the events of a minute, of which perMinute are the flood's.
func (s *simulation) minute(minute, perMinute uint64, flood []generator) {
	for i := range perMinute {
		s.publish(flood[i%uint64(len(flood))], 10, minute*perMinute+i)
	}
	for n := 1; n < 10; n++ {
		for i := range uint64(quietPerDay / minutes) {
			s.publish(newFlow, n, minute+i)
			s.publish(newQuery, n, minute+i)
		}
	}
}

// TestAttack04_quotaKeepsADay holds 24 hours of nine quiet qubes, all events as they are,
// in the files of the packaged configuration, under a day of flood by a tenth qube. What
// it caused is still there in numbers.
func TestAttack04_quotaKeepsADay(t *testing.T) {
	t.Parallel()
	const capacity = 50 * 10240 << 10 // packaging/qube/qubesbeat.yml
	for name, flood := range map[string][]generator{"flows": {newFlow}, "queries with long names": {newQuery}, "refused connections": {newVerdict},
		"transactions": {newTransaction}, "DNS servers": {newFinding}, "all": {newFlow, newQuery, newVerdict, newTransaction, newFinding}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := simulation{sent: totals{}, out: &output{bytes: map[string]int{}, written: map[string]int{}, totals: totals{},
					json: event.JSON{AppendTime: func(b []byte, t time.Time) []byte { return t.AppendFormat(b, "2006-01-02T15:04:05.000Z") }}}}
				end := s.begin(t, capacity)
				for minute := range uint64(minutes) {
					s.minute(minute, 600, flood)
					time.Sleep(time.Minute)
				}
				end()
				s.check(t, capacity)
			})
		})
	}
}

// check holds what is true at the end of the day.
func (s *simulation) check(t *testing.T, capacity int) {
	t.Helper()
	all := 0
	for _, n := range s.out.bytes {
		all += n
	}
	t.Logf("the flood would take %d MB; the day took %d MB of %d MB, of which the flood %d MB", s.want>>20, all>>20, capacity>>20, s.out.bytes["qube-10"]>>20)
	if s.want < 3*capacity/2 {
		t.Errorf("the flood of %d MB would not have replaced all history", s.want>>20)
	}
	if all > capacity {
		t.Errorf("a day takes %d MB; the files hold %d MB", all>>20, capacity>>20)
	}
	for n := 1; n < 10; n++ {
		if got := s.out.written[fmt.Sprintf("qube-%d", n)]; got != 2*quietPerDay {
			t.Errorf("%d events of qube-%d were written as they are; want all %d", got, n, 2*quietPerDay)
		}
	}
	for what, want := range s.sent {
		if got := s.out.totals[what]; got != want {
			t.Errorf("%s: %d in events and summaries; want %d", what, got, want)
		}
	}
}

// discard is an outlet that takes everything.
type discard struct{ event.Outlet }

// Publish implements [event.Sink].
func (discard) Publish(event.Document) {}

// BenchmarkService_Wrap takes what the shares add to a flow event.
func BenchmarkService_Wrap(b *testing.B) {
	d := newFlow(ofQube(1), time.Unix(1_700_000_000, 0), 1)
	for name, burst := range map[string]int64{"admitted": 1 << 50, "summarized": 0} {
		b.Run(name, func(b *testing.B) {
			out := summary.New(summary.Config{Burst: burst}, summary.Deps{}).Wrap(discard{})
			b.ReportAllocs()
			for b.Loop() {
				out.Publish(d)
			}
		})
	}
}
