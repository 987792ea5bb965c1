package report_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/mmdbfile"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// What is metered: flows of as many packets as those of real captures have on average
// (bench/mixture), from one qube.
const (
	meteredFlows   = 40_000
	packetsOfAFlow = 14
)

// variant is how a file is metered.
type variant int

const (
	without variant = iota // countries and networks
	looked                 // with them, but events do not say them
	written                // with them in events
	variants
)

// TestCost_geoip meters the same packets with and without countries and networks in turn, in
// this process, and compares the CPU time up to the line of an event. Where most flows go to
// few servers, as those of people do, to look them up must take less than a hundredth of what
// the beat takes for a flow with its file output; the longer lines are shown beside it.
func TestCost_geoip(t *testing.T) {
	if os.Getenv("QUBESBEAT_REPORT_COST") == "" {
		t.Skip("QUBESBEAT_REPORT_COST is not set: it takes some minutes; go tool mage benchReport")
	}
	whole := ofBeat(t)
	t.Logf("the beat takes %v of CPU for a flow of %d packets with its file output", whole, packetsOfAFlow)
	for kind, paths := range map[string][]string{"text": textFiles(t), "mmdb": mmdbFiles(t)} {
		began := cpuTime()
		places := geoip.NewService(paths, filewatch.Watch, ecs.Prepare, slog.New(slog.DiscardHandler))
		places.Open()
		t.Logf("%s: %v of CPU to read %d files", kind, (cpuTime() - began).Round(time.Millisecond), len(paths))
		for who, servers := range map[string]int{"to 2,000 servers": 2000, "each to another server": 0} {
			share, plain := overhead(t, capture(t, servers), places)
			ofWhole := func(v variant) float64 { return share[v] * float64(plain) / float64(whole) }
			t.Logf("%s, flows %s: looking up takes %+.2f %% of the %v that metering takes, with longer lines %+.2f %%; of the beat %+.2f %% and %+.2f %%", kind, who,
				share[looked]*100, plain, share[written]*100, ofWhole(looked)*100, ofWhole(written)*100)
			if servers > 0 && ofWhole(looked) >= 0.01 {
				t.Errorf("%s, flows %s: to look them up takes 1 %% of the beat or more", kind, who)
			}
		}
	}
}

// ofBeat returns the CPU time that the beat takes for a flow, its start left out, without
// countries and networks: the median of some runs.
func ofBeat(t *testing.T) time.Duration {
	t.Helper()
	program, path, few := beat.Program(t), capture(t, 2000), filepath.Join(t.TempDir(), "few.pcap")
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(few, data[:24+16+len(datagram(0, 0))], 0o600) // the first packet
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(path string) time.Duration {
		home := t.TempDir()
		c := exec.Command(program, "--path.home", home, "--strict.perms=false", "-c", fixture.Repository(t, "qubesbeat.yml"), "-t", "-I", path,
			"-E", "output.file.path="+filepath.Join(home, "events"), "-E", "qubesbeat.inventory.file="+fixture.Repository(t, "demo", "inventory"))
		if text, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	var took []time.Duration
	for range 9 {
		took = append(took, run(path)-run(few))
	}
	slices.Sort(took)
	return took[len(took)/2] / (meteredFlows - 1)
}

// overhead returns how much longer a file is metered with places, as a share, and the time
// for a flow without. They are the medians of rounds that begin with each variant in turn.
func overhead(t *testing.T, path string, places *geoip.Service) (share [variants]float64, plain time.Duration) {
	t.Helper()
	const rounds = 61
	var ratios [variants][]float64
	var times []time.Duration
	for i := range rounds {
		var cost [variants]time.Duration
		for j := range variants {
			v := (variant(i) + j) % variants
			cost[v] = metered(t, path, v, places)
		}
		for v := range variants {
			ratios[v] = append(ratios[v], float64(cost[v])/float64(cost[without])-1)
		}
		times = append(times, cost[without])
	}
	for v := range variants {
		slices.Sort(ratios[v])
		share[v] = ratios[v][rounds/2]
	}
	slices.Sort(times)
	return share, times[rounds/2] / meteredFlows
}

// metered returns the CPU time that a file takes.
func metered(t *testing.T, path string, v variant, places *geoip.Service) time.Duration {
	t.Helper()
	out := &lines{variant: v, json: event.JSON{AppendTime: func(b []byte, at time.Time) []byte { return at.AppendFormat(b, "2006-01-02T15:04:05.000Z") }}}
	s := flow.New(flow.Config{Flows: config.Default().Flows, Interfaces: []config.Interface{config.DefaultInterface()}, Replay: flow.Replay{Files: []string{path}, Loop: 1, TopSpeed: true}},
		flow.Deps{Outlet: out, Logger: slog.New(slog.DiscardHandler), Enricher: &enrich.Enricher{Qubes: oneQube{}, Name: func(uint32) string { return "" }}})
	if v != without {
		s.ObserveFlows(places.Fill)
	}
	runtime.GC() // of the run before
	began := cpuTime()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := cpuTime() - began
	if want := meteredFlows * min(1, int(v)); out.n != meteredFlows || out.located != want {
		t.Fatalf("%d flows, %d of them with a country; want %d, %d", out.n, out.located, meteredFlows, want)
	}
	return took
}

// cpuTime returns the CPU time of this process.
func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// lines is an outlet that writes each event as a line, and forgets it.
type lines struct {
	variant    variant
	json       event.JSON
	n, located int
}

var _ event.Outlet = (*lines)(nil) // type check

// Publish implements [event.Sink].
func (l *lines) Publish(d event.Document) {
	f := d.(*flow.Document)
	if l.n++; f.DestinationPlace != nil {
		l.located++
	}
	if l.variant == looked {
		f.DestinationPlace = nil
	}
	l.json.Buf = append(l.json.Buf[:0], '{')
	l.json.AppendFields(f)
}

// Delivery implements [event.Outlet].
func (l *lines) Delivery() event.Delivery { return event.Delivery{Acked: uint64(l.n)} }

// oneQube is an inventory that has one qube.
type oneQube struct{}

var theQube = &qube.Qube{Name: "work", XID: -1, IP: netip.MustParseAddr("10.137.0.6")}

// ByDomain implements [enrich.QubeLookup].
func (oneQube) ByDomain(int32, time.Time) *qube.Qube { return nil }

// ByAddr implements [enrich.QubeLookup].
func (oneQube) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	if a == theQube.IP {
		return theQube
	}
	return nil
}

// capture returns the path of a capture file whose flows go to so many servers, a few of
// them getting most, or each to another one if servers is 0.
func capture(t *testing.T, servers int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(servers)))
	out := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d) // pcap with times in nanoseconds
	out = append(out, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	out = binary.LittleEndian.AppendUint32(out, 65535)
	out = binary.LittleEndian.AppendUint32(out, uint32(packet.LinkEthernet))
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	for i := range meteredFlows {
		n := uint32(random.Uint32())
		if servers > 0 {
			x := random.Float64()
			n = uint32(x*x*x*float64(servers)) * 2654435761
		}
		for range packetsOfAFlow {
			at += 1000
			frame := datagram(uint16(10_000+i), inRange(n))
			for _, v := range []int64{at / 1e9, at % 1e9, int64(len(frame)), int64(len(frame))} {
				out = binary.LittleEndian.AppendUint32(out, uint32(v))
			}
			out = append(out, frame...)
		}
	}
	path := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inRange returns an address that the files have: from 11.0.0.0 to 99.255.255.255.
func inRange(n uint32) uint32 { return 11<<24 + n%(89<<24) }

// datagram is an Ethernet frame with one from the qube.
func datagram(port uint16, to uint32) []byte {
	f := append(make([]byte, 12), 0x08, 0)
	f = append(f, 0x45, 0, 0, 28+32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 137, 0, 6)
	f = binary.BigEndian.AppendUint32(f, to)
	f = binary.BigEndian.AppendUint16(f, port)
	f = append(f, 1, 187, 0, 40, 0, 0)
	return append(f, make([]byte, 32)...)
}

// Ranges have as many addresses as those of Tor's file on average.
const addressesOfARange = 1 << 12

// textFiles returns the paths of files of ranges: of countries, and of networks.
func textFiles(t *testing.T) []string {
	t.Helper()
	var countries, networks strings.Builder
	for n := uint32(11 << 24); n < 100<<24; n += addressesOfARange {
		fmt.Fprintf(&countries, "%d,%d,%s\n", n, n+addressesOfARange-1, countryOf(n))
		fmt.Fprintf(&networks, "%d,%d,%d,%s\n", n, n+addressesOfARange-1, networkOf(n), organization(n))
	}
	return []string{kept(t, "countries.csv", countries.String()), kept(t, "networks.csv", networks.String())}
}

// mmdbFiles returns the same as files of the MaxMind DB format.
func mmdbFiles(t *testing.T) []string {
	t.Helper()
	var countries, networks mmdbfile.Map
	for n := uint32(11 << 24); n < 100<<24; n += addressesOfARange {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), 20).String()
		countries = append(countries, prefix, mmdbfile.Map{"continent", mmdbfile.Map{"code", "EU"}, "country", mmdbfile.Map{"geoname_id", n % 250, "iso_code", countryOf(n)}})
		networks = append(networks, prefix, mmdbfile.Map{"autonomous_system_number", networkOf(n), "autonomous_system_organization", organization(n)})
	}
	return []string{kept(t, "countries.mmdb", string(mmdbfile.Make(countries))), kept(t, "networks.mmdb", string(mmdbfile.Make(networks)))}
}

func countryOf(n uint32) string    { return [...]string{"US", "CH", "IE", "DE"}[n/addressesOfARange%4] }
func networkOf(n uint32) uint32    { return 64496 + n/addressesOfARange%1000 }
func organization(n uint32) string { return fmt.Sprintf("Example %d, Inc.", networkOf(n)) }

// kept returns the path of a file.
func kept(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
