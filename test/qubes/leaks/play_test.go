//go:build linux

package leaks_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// forget leaves out of the recording what was up to now, as a beat that starts now.
func (s *stage) forget() {
	s.restart()
	s.recorder.Forget()
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
			s.recorder = &testbed.Recorder{}
			if c.want != "" {
				for _, name := range []string{"eth0", s.vpn.Vif, s.work.Vif, s.untrusted.Vif} {
					s.recorder.Record(s.tb, s.Log.Host, name)
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
	if err := os.WriteFile(path+".pcapng", s.recorder.Capture(s.tb), 0o644); err != nil {
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
