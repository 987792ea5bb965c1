package supervisor

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire/wiretest"
)

// TestMain lets a supervisor start this program as the process of its analyzers.
func TestMain(m *testing.M) {
	if wiretest.IsChild() {
		os.Exit(wiretest.Main())
	}
	os.Exit(m.Run())
}

// supervised is a supervisor that runs, and the texts of its events.
type supervised struct {
	*Supervisor
	done chan struct{}

	mu    sync.Mutex
	texts []string
}

// supervise starts a supervisor for a protocol "fake" on port 80. An address
// belongs to the interface of the same number.
func supervise(t *testing.T, sections ...map[string]any) *supervised {
	t.Helper()
	return superviseWith(t, func(*Config) {}, sections...)
}

// superviseWith is supervise with other settings.
func superviseWith(t *testing.T, change func(*Config), sections ...map[string]any) *supervised {
	t.Helper()
	r := &supervised{done: make(chan struct{})}
	cfg := Config{Analyzers: &wire.Config{List: sections}, InterfaceName: nameOf, Blocking: true, Logger: logp.NewNopLogger(),
		Genuine: func(iface uint32, a netip.Addr, _ time.Time) bool { return uint32(a.As4()[3]) == iface },
		Handle: func(e *wire.Event, size int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			text, _ := e.Fields["message"].(string)
			name, _ := e.Fields["interface"].(string)
			if r.texts = append(r.texts, name+" "+text); size == 0 {
				t.Errorf("event %q has no size", text)
			}
		}}
	change(&cfg)
	var err error
	if r.Supervisor, err = New(cfg); err != nil || r.Supervisor == nil {
		t.Fatalf("New = %v, %v", r.Supervisor, err)
	}
	go func() {
		defer close(r.done)
		r.Run()
	}()
	return r
}

var fake = map[string]any{"type": "fake", "port": 80}

// finish closes the queue and waits.
func (r *supervised) finish() {
	r.queue.Close()
	<-r.done
}

func nameOf(iface uint32) string {
	if iface == 1 {
		return "eth0"
	}
	return "vif" + string(rune('0'+iface)) + ".0"
}

// newPacket returns a segment that comes in over an interface, from the address of
// the interface's qube.
func newPacket(iface uint32, port uint16, text string) *feed.Packet {
	p := &feed.Packet{Time: 1, Iface: iface, Direction: packet.Inbound, Proto: packet.ProtoTCP, SrcPort: port, DstPort: 80, Payload: []byte(text)}
	p.Src, p.Family = packet.AddrFrom(netip.AddrFrom4([4]byte{10, 137, 0, byte(iface)}))
	p.Dst, _ = packet.AddrFrom(netip.MustParseAddr("1.1.1.1"))
	return p
}

// reversed returns a packet in the opposite direction.
func reversed(p *feed.Packet) *feed.Packet {
	p.Src, p.Dst, p.SrcPort, p.DstPort, p.Direction = p.Dst, p.Src, p.DstPort, p.SrcPort, packet.Outbound
	return p
}

// TestSupervisor_Run passes packets to the process and its events back.
func TestSupervisor_Run(t *testing.T) {
	t.Parallel()
	r := supervise(t, fake)
	if tcp, udp, icmp := r.Wanted(); len(tcp) != 1 || tcp[0] != 80 || len(udp) != 0 || icmp {
		t.Errorf("Wanted = %v, %v, %v", tcp, udp, icmp)
	}
	spoofed := newPacket(6, 5000, "spoofed")
	spoofed.Iface = 9
	for _, p := range []*feed.Packet{newPacket(6, 5000, "one"), newPacket(9, 5000, "two"), spoofed, newPacket(6, 5000, wiretest.Damaged),
		newPacket(6, 5000, "three")} {
		r.queue.Push(p)
	}
	r.finish()
	if diff := cmp.Diff([]string{"vif6.0 one", "vif9.0 two", "vif6.0 three"}, r.texts); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
	own, process := r.Stats()
	if diff := cmp.Diff(Stats{Crashes: map[string]uint64{}, Damaged: 1}, own); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
	if a := process.Analyzers; a.Packets != 3 || a.Spoofed != 1 || process.Reporter.Reported != 3 {
		t.Errorf("the process counts %+v; want 3 packets, 1 spoofed, 3 reported", process)
	}
}

// TestSupervisor_crash restarts the process without the connection that crashed it:
// others lose nothing, though their packets are on their way.
func TestSupervisor_crash(t *testing.T) {
	t.Parallel()
	r := supervise(t, fake)
	for _, p := range []*feed.Packet{newPacket(9, 1, "before"), newPacket(6, 5000, wiretest.Crash), newPacket(9, 1, "after"),
		newPacket(6, 5000, "same connection"), reversed(newPacket(6, 5000, "its response")), newPacket(6, 5001, "other connection")} {
		r.queue.Push(p)
	}
	r.finish()
	if diff := cmp.Diff([]string{"vif9.0 before", "vif9.0 after", "vif6.0 other connection"}, r.texts); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
	own, process := r.Stats()
	if own.Crashes["fake"] != 1 || own.Quarantined != 3 {
		t.Errorf("Stats = %+v; want 1 crash and 3 packets in quarantine", own)
	}
	if n := own.Quarantined + own.Lost + own.Uncounted + process.Analyzers.Received(); n != 6 {
		t.Errorf("%d packets are accounted for in %+v, %+v; want 6", n, own, process)
	}
}

// TestSupervisor_offender skips a qube that crashes the process three times.
func TestSupervisor_offender(t *testing.T) {
	t.Parallel()
	r := supervise(t, fake)
	for port := range uint16(5) {
		r.queue.Push(newPacket(6, port, wiretest.Crash))
	}
	later := newPacket(6, 100, "later")
	later.Time += quarantineTime
	r.queue.Push(newPacket(6, 99, "skipped"))
	r.queue.Push(newPacket(9, 99, "other qube"))
	r.queue.Push(later)
	r.finish()
	if diff := cmp.Diff([]string{"vif9.0 other qube", "vif6.0 later"}, r.texts); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
	// 3 packets that crashed, 2 that would, and 1 that is skipped.
	own, _ := r.Stats()
	if diff := cmp.Diff(Stats{Crashes: map[string]uint64{"fake": 3}, Quarantined: 6}, own); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}

// TestNew_refused returns what the process says of its configuration.
func TestNew_refused(t *testing.T) {
	t.Parallel()
	cfg := Config{Analyzers: &wire.Config{List: []map[string]any{{"type": wiretest.Fault}}}, InterfaceName: nameOf, Logger: logp.NewNopLogger()}
	if s, err := New(cfg); s != nil || err == nil || !strings.Contains(err.Error(), "fault: refused") {
		t.Errorf("New = %v, %v; want an error", s, err)
	}
	cfg.Analyzers = &wire.Config{}
	if s, err := New(cfg); s != nil || err != nil {
		t.Errorf("New = %v, %v; want neither, since nothing is to be analyzed", s, err)
	}
}

// TestSupervisor_Kill ends the process of a supervisor that does not run.
func TestSupervisor_Kill(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Analyzers: &wire.Config{List: []map[string]any{fake}}, InterfaceName: nameOf, Logger: logp.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	p := s.process
	s.Kill()
	if p.wait() == nil || s.process != nil {
		t.Errorf("after Kill, the process has ended with %v", p.exitErr)
	}
	s.Kill() // again
}

// TestQuarantine distinguishes sources by address where an interface is not a
// qube's.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	from := func(iface uint32, host byte, port uint16) *feed.Packet {
		p := newPacket(iface, port, "")
		p.Src, _ = packet.AddrFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}))
		return p
	}
	for iface, want := range map[uint32]bool{1: false, 6: true} {
		q := newQuarantine(nameOf)
		for port := range uint16(maxCrashes) {
			if got := q.add(from(iface, 1, port)); got != (port == maxCrashes-1) {
				t.Errorf("crash %d on %s: add = %v", port, nameOf(iface), got)
			}
		}
		if !q.has(from(iface, 1, 99)) {
			t.Errorf("%s: the source is not quarantined", nameOf(iface))
		}
		if got := q.has(from(iface, 2, 99)); got != want {
			t.Errorf("%s: another address is quarantined: %v; want %v", nameOf(iface), got, want)
		}
	}
}

// TestLaunch_nested is not parallel, because it sets the environment.
func TestLaunch_nested(t *testing.T) {
	t.Setenv(wire.ChildVariable, "1")
	if p, _, err := launch(nil); !errors.Is(err, errNested) {
		t.Errorf("launch = %v, %v in the process of the analyzers; want %v", p, err, errNested)
	}
}
