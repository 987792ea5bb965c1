//go:build linux

package leaks_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// frame is a packet that a tap has seen.
type frame struct {
	iface int
	at    time.Time
	out   bool
	data  []byte
}

// recorder keeps what passes the interfaces of the logging qube.
type recorder struct {
	names  []string
	taps   []*testbed.Tap
	frames [][]frame // by interface
	since  time.Time // what came before is left out
}

// record follows an interface of the logging qube.
func (r *recorder) record(s *stage, name string) {
	s.tb.Helper()
	i := len(r.names)
	r.names, r.frames = append(r.names, name), append(r.frames, nil)
	tap, err := s.Log.Tap(name, func(f testbed.Frame) {
		r.frames[i] = append(r.frames[i], frame{i, f.Time, f.Outbound, slices.Clone(f.Data)})
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	r.taps = append(r.taps, tap)
}

// capture returns what was recorded as pcapng.
func (r *recorder) capture(tb testing.TB) []byte {
	tb.Helper()
	for _, t := range r.taps {
		if err := t.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	b := pcapng.AppendSection(nil, &pcapng.Section{Program: "qubesbeat testbed"})
	for _, name := range r.names {
		b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: name})
	}
	all := slices.Concat(r.frames...)
	slices.SortStableFunc(all, func(a, b frame) int { return a.at.Compare(b.at) })
	for _, f := range all {
		if f.at.Before(r.since) {
			continue
		}
		flags := uint32(1)
		if f.out {
			flags = 2
		}
		b = pcapng.AppendPacket(b, &pcapng.Packet{Interface: uint32(f.iface), At: f.at.UnixNano(), Data: f.data, Length: uint32(len(f.data)), Flags: flags})
	}
	return b
}

// forget leaves out of the recording what was up to now, as a beat that starts now.
func (s *stage) forget() {
	s.restart()
	s.recorder.since = time.Now()
}

// TestLive plays each scene with a beat in the logging qube.
func TestLive(t *testing.T) {
	testbed.Require(t, "nft", "curl", "dig", "ping")
	got := newTable(t)
	for i := range scenes {
		c := &scenes[i]
		t.Run(fmt.Sprintf("%02d-%s", c.number, c.name), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					got.add(t.Name(), c.want+c.live, "skipped; the reason is in the line of the scene")
				}
			})
			s := newStage(t)
			s.config = "  interfaces.device: [\"vif*\", eth0]\n  inventory.file: HOME/inventory\n  resolver.qvm_firewall.qubesdb: " + s.qubesdb.Path + "\n" + settings(c.expect())
			if c.before != nil {
				c.before(s)
			}
			s.config = strings.ReplaceAll(s.config, "RELAYS", s.relays)
			s.restart()
			s.recorder = &recorder{}
			if c.want != "" {
				for _, name := range []string{"eth0", s.vpn.Vif, s.work.Vif, s.untrusted.Vif} {
					s.recorder.record(s, name)
				}
			}
			c.play(s)
			for range 3 { // time goes by packets in a replay
				s.pass(800 * time.Millisecond)
				s.ping(s.untrusted, 100, "10.137.0.5")
			}
			events := s.beat.Stop(t)
			if s.after != nil {
				s.after(events)
			}
			for _, want := range []string{c.live, c.want} {
				if want != "" {
					got.add(t.Name(), want, check(t, events, want))
				}
			}
			if c.live == "" && c.want == "" {
				got.add(t.Name(), "see the scene", s.said)
			}
			if os.Getenv("QUBESBEAT_RECORD") != "" && c.want != "" && !t.Failed() {
				s.write(c)
			}
		})
	}
}

// restart starts a beat in the logging qube, instead of the one that runs.
func (s *stage) restart() {
	s.tb.Helper()
	if s.beat != nil {
		s.beat.Stop(s.tb)
	}
	s.home = beat.NewHome(s.tb)
	s.renew()
	s.beat = beat.Start(s.tb, s.Network, s.home, s.config)
}

// renew writes the inventory as it is now.
func (s *stage) renew() { s.WriteInventory(filepath.Join(s.home, "inventory")) }

// write keeps the recording of a scene, with the verdicts that a replay must have.
func (s *stage) write(c *scene) {
	s.tb.Helper()
	text, err := json.MarshalIndent(recorded{Config: settings(c.expect()), Want: c.want, Probes: s.probes}, "", "  ")
	if err != nil {
		s.tb.Fatal(err)
	}
	path := filepath.Join("testdata", fmt.Sprintf("%02d-%s", c.number, c.name))
	if err := os.WriteFile(path+".pcapng", s.recorder.capture(s.tb), 0o644); err != nil {
		s.tb.Fatal(err)
	}
	if err := os.WriteFile(path+".json", append(text, '\n'), 0o644); err != nil {
		s.tb.Fatal(err)
	}
	if s.relays != "" {
		list, err := os.ReadFile(s.relays)
		if err != nil {
			s.tb.Fatal(err)
		}
		if err := os.WriteFile(path+".consensus", list, 0o644); err != nil {
			s.tb.Fatal(err)
		}
	}
	s.WriteInventory(path + ".inventory")
	if err := os.Chmod(path+".inventory", 0o644); err != nil {
		s.tb.Fatal(err)
	}
}
