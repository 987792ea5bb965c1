package firewall

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/nflog"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// recorder is the sink and the inventory of a service. It knows no qube.
type recorder struct {
	documents []*Document
	asked     []enrich.Observation
	on        []string // interfaces
}

// Publish implements [event.Sink].
func (r *recorder) Publish(d event.Document) { r.documents = append(r.documents, d.(*Document)) }

// PartiesOn implements [Enrich].
func (r *recorder) PartiesOn(iface string, o enrich.Observation) event.Parties {
	r.on, r.asked = append(r.on, iface), append(r.asked, o)
	return event.Parties{Interface: iface, Attribution: event.Inventory}
}

var (
	client = netip.MustParseAddr("10.137.0.15")
	netvm  = netip.MustParseAddr("10.137.0.5")
)

// Interfaces of the tests: a vif, an uplink, and one that the capture does not know.
const (
	vif      = 12
	uplink   = 2
	nameless = 1 << 30
)

func newTestService() (*Service, *recorder) {
	r := &recorder{}
	s := New(Config{config.Firewall{Enabled: true, ICMPErrors: true}}, Deps{Sink: r, Enrich: r, Logger: slog.New(slog.DiscardHandler),
		Local:    func(a netip.Addr) bool { return a == netvm },
		Captured: func(iface uint32) string { return map[uint32]string{vif: "vif12.0", uplink: "eth0"}[iface] }})
	return s, r
}

// syn is a TCP segment (RFC 791, RFC 9293) of the client to 198.51.100.7:443.
func syn(port byte) []byte {
	return []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, packet.ProtoTCP, 0, 0, 10, 137, 0, 15, 198, 51, 100, 7,
		0, port, 443 >> 8, 443 & 255, 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, packet.SYN, 0, 0, 0, 0, 0, 0}
}

// TestService_messages judges what our own rules log.
func TestService_messages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		log  []nflog.Message
		want []string // where refused attempts went
		is   event.Attribution
	}{
		{"refused", []nflog.Message{{Prefix: []byte("QB-NEW"), In: vif, Out: uplink, Payload: syn(1)}}, []string{"vif12.0>eth0"}, event.Inventory},
		{"accepted", []nflog.Message{{Prefix: []byte("QB-NEW"), In: vif, Out: uplink, Payload: syn(1)},
			{Prefix: []byte("QB-PASS"), In: vif, Out: uplink, Payload: syn(1)}}, nil, 0},
		{"to the netvm", []nflog.Message{{Prefix: []byte("QB-INPUT"), In: vif, Payload: syn(1)}}, []string{"vif12.0>"}, event.Inventory},
		{"a nameless interface is not this machine", []nflog.Message{{Prefix: []byte("QB-NEW"), In: vif, Out: nameless, Payload: syn(1)}},
			[]string{"vif12.0>if1073741824"}, event.Inventory},
		{"spoofed", []nflog.Message{{Prefix: []byte("QB-SPOOF"), In: vif, Payload: syn(1)}}, []string{"vif12.0>"}, event.Spoofed},
		{"more were accepted than are logged", []nflog.Message{{Prefix: []byte("QB-NEW"), In: vif, Out: uplink, Payload: syn(1)},
			{Prefix: []byte("QB-OVER"), In: vif, Payload: syn(2)}}, nil, 0},
		{"unreadable", []nflog.Message{{Prefix: []byte("QB-NEW"), In: vif, Out: uplink, Payload: []byte{0x45}}}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, r := newTestService()
				take := s.messages()
				for i := range tt.log {
					take(&tt.log[i])
				}
				time.Sleep(time.Minute)
				s.with(func(tracker *firewall.Tracker) { tracker.Flush(s.elapsed()) })
				var got []string
				for _, d := range r.documents {
					got = append(got, d.In+">"+d.Out)
					if d.Attribution != tt.is {
						t.Errorf("attribution %v; want %v", d.Attribution, tt.is)
					}
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("verdicts = %q; want %q", got, tt.want)
				}
				if n := s.sources.unparsed.Load(); (n == 1) != (tt.name == "unreadable") {
					t.Errorf("%d messages could not be parsed", n)
				}
			})
		})
	}
}

// TestService_publish asks for the qubes of the attempt at its own time.
func TestService_publish(t *testing.T) {
	t.Parallel()
	s, r := newTestService()
	s.publish(&firewall.Verdict{In: "vif12.0", First: 7e9, Last: 9e9, Tuple: firewall.Tuple{Src: client, Dst: netvm}})
	s.publish(&firewall.Verdict{In: "vif12.0", Point: firewall.Antispoof}) // of many addresses
	if len(r.asked) != 2 || r.on[0] != "vif12.0" || r.on[1] != "vif12.0" {
		t.Fatalf("asked for %+v on %q", r.asked, r.on)
	}
	want := enrich.Observation{FromSource: packet.Inbound, Source: client, Destination: netvm, SourceSent: true, At: time.Unix(7, 0)}
	if r.asked[0] != want || r.asked[1].SourceSent {
		t.Errorf("asked for %+v; want %+v and one without an address", r.asked, want)
	}
	if a := r.documents[1].Attribution; a != event.Spoofed {
		t.Errorf("attribution = %v; want spoofed", a)
	}
}

// reject is an ICMP error (RFC 792) of the netvm, or of another machine, to the client.
func reject(t *testing.T, iface uint32, from netip.Addr, kind byte, direction packet.Direction) (*packet.Packet, []byte) {
	t.Helper()
	src := from.As4()
	frame := []byte{0x45, 0, 0, 68, 0, 0, 0, 0, 64, packet.ProtoICMP, 0, 0, src[0], src[1], src[2], src[3], 10, 137, 0, 15,
		kind, 13, 0, 0, 0, 0, 0, 0}
	frame = append(frame, syn(1)...)
	p := &packet.Packet{Time: time.Now().UnixNano(), Iface: iface, Direction: direction}
	if status := p.Decode(packet.LinkRaw, frame); status != packet.OK {
		t.Fatal(status)
	}
	return p, frame
}

// TestService_ICMPErrors counts the ICMP errors of this machine to its clients, and only
// while our own rules are silent.
func TestService_ICMPErrors(t *testing.T) {
	t.Parallel()
	other := netip.MustParseAddr("198.51.100.7")
	tests := []struct {
		name      string
		iface     uint32
		from      netip.Addr
		kind      byte
		direction packet.Direction
		silence   time.Duration // since our rules have logged, negative: they never have
		want      uint64        // verdicts
	}{
		{"without our rules", vif, netvm, 3, packet.Outbound, -1, 1},
		{"our rules have just logged", vif, netvm, 3, packet.Outbound, 0, 0},
		{"our rules are not silent yet", vif, netvm, 3, packet.Outbound, silentAfter - 1, 0},
		{"our rules are silent", vif, netvm, 3, packet.Outbound, silentAfter, 1},
		{"of another machine", vif, other, 3, packet.Outbound, -1, 0},
		{"from the client", vif, netvm, 3, packet.Inbound, -1, 0},
		{"on the uplink", uplink, netvm, 3, packet.Outbound, -1, 0},
		{"an echo reply", vif, netvm, 0, packet.Outbound, -1, 0},
		{"time exceeded", vif, netvm, 11, packet.Outbound, -1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, r := newTestService()
				time.Sleep(time.Hour)
				if tt.silence >= 0 {
					s.messages()(&nflog.Message{Prefix: []byte("QB-PASS"), In: vif, Out: uplink, Payload: syn(9)})
					time.Sleep(tt.silence)
				}
				o, wanted := s.ICMPErrors()
				if !wanted {
					t.Fatal("ICMP errors are not wanted")
				}
				o.Packet(reject(t, tt.iface, tt.from, tt.kind, tt.direction))
				o.Close()
				s.with(func(tracker *firewall.Tracker) { tracker.Flush(s.elapsed()) })
				if uint64(len(r.documents)) != tt.want {
					t.Fatalf("%d verdicts; want %d", len(r.documents), tt.want)
				}
				for _, d := range r.documents {
					if d.In != "vif12.0" || d.Src != client || d.Source != firewall.ICMPError || d.Reply != firewall.ReplyAdmin {
						t.Errorf("verdict = %+v", d.Verdict)
					}
				}
			})
		})
	}
	if _, wanted := New(Config{}, Deps{}).ICMPErrors(); wanted {
		t.Error("ICMP errors are wanted though firewall.icmp_errors is off")
	}
}

// TestService_Run_due wakes nothing while nothing is tracked, and for what is tracked at
// the moment that the tracker names.
func TestService_Run_due(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTestService()
		go s.advance(t.Context(), nil)
		s.messages()(&nflog.Message{Prefix: []byte("QB-NEW"), In: vif, Out: uplink, Payload: syn(1)})
		due := func() time.Duration {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.alarm.due - s.elapsed()
		}
		if d := due(); d != firewall.SettleDelay {
			t.Errorf("the tracker is called after %v; want %v", d, firewall.SettleDelay)
		}
		time.Sleep(firewall.SettleDelay)
		if d := due(); d != firewall.IdleDelay-firewall.SettleDelay {
			t.Errorf("after the settle delay, the tracker is called after %v; want %v", d, firewall.IdleDelay-firewall.SettleDelay)
		}
		time.Sleep(time.Minute)
		if d := due(); d != never-s.elapsed() {
			t.Errorf("with nothing tracked, the tracker is called after %v; want never", d)
		}
	})
}

// TestService_Run_standstill does not take an attempt for refused whose acceptance is read
// only after the process has stood still.
func TestService_Run_standstill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := newTestService()
		take := s.messages()
		take(&nflog.Message{Prefix: []byte("QB-NEW"), In: vif, Out: uplink, Payload: syn(1)})
		time.Sleep(firewall.IdleDelay + time.Second) // no goroutine runs
		go s.advance(t.Context(), nil)
		synctest.Wait()
		if n := len(r.documents); n != 0 {
			t.Fatalf("%d verdicts at once; want none until the readers have caught up", n)
		}
		take(&nflog.Message{Prefix: []byte("QB-PASS"), In: vif, Out: uplink, Payload: syn(1)})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(r.documents); n != 0 {
			t.Errorf("%d verdicts of an accepted attempt; want none", n)
		}
	})
}

// badSink panics at the verdicts of one interface.
type badSink struct {
	recorder
	bad string
}

// Publish implements [event.Sink].
func (b *badSink) Publish(d event.Document) {
	if d.(*Document).In == b.bad {
		panic(b.bad)
	}
	b.recorder.Publish(d)
}

// TestService_Run_panic loses the attempts of the interface at which the tracker panics,
// and none of others, be it while it runs or at the end.
func TestService_Run_panic(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{2 * firewall.SettleDelay, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newTestService()
			sink := &badSink{bad: "vif12.0"}
			keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
			s.deps.Sink, s.deps.Enrich, s.deps.Guard = sink, sink, keeper
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			<-s.Ready()
			const others = 20
			for i := range byte(others) {
				take := s.messages()
				take(&nflog.Message{Prefix: []byte("QB-INPUT"), In: vif, Payload: syn(i)})
				take(&nflog.Message{Prefix: []byte("QB-INPUT"), In: nameless + uint32(i), Payload: syn(i)})
			}
			time.Sleep(after)
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run = %v", err)
			}
			if n := len(sink.documents); n != others || keeper.Part("firewall/tracker").Panics() == 0 {
				t.Errorf("after %v: %d verdicts of other interfaces, %d panics; want %d verdicts", after, n, keeper.Part("firewall/tracker").Panics(), others)
			}
		})
	}
}

// TestService_Run_stopped ends with an error once the tracker is stopped.
func TestService_Run_stopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTestService()
		s.deps.Guard = guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		<-s.Ready()
		for p := s.deps.Guard.Part("firewall/tracker"); !p.Stopped(); {
			_ = p.Do(nil, func() { panic("x") })
		}
		if err := <-done; !errors.Is(err, guard.ErrStopped) {
			t.Errorf("Run = %v; want %v", err, guard.ErrStopped)
		}
	})
}
