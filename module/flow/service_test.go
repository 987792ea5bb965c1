package flow_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// conversation is a query and its answer, and a datagram of another client.
func conversation(t testing.TB) []frame {
	return []frame{
		udp(t, 0, "10.137.0.6:5000", "198.51.100.1:53"),
		udp(t, time.Millisecond, "198.51.100.1:53", "10.137.0.6:5000"),
		udp(t, time.Second, "10.137.0.9:5000", "198.51.100.2:123"),
	}
}

// TestService_Run publishes the flows of a file with the names of their qubes.
func TestService_Run(t *testing.T) {
	t.Parallel()
	arp := frame{2 * time.Second, append(make([]byte, 12), 0x08, 0x06, 0, 1)}
	file := pcap(append(conversation(t), arp)...)
	w := newWorld(t, file, nil)
	if n := len(w.counters()); n != 0 {
		t.Errorf("%d counters before Open; want none", n)
	}
	w.run()
	if diff := cmp.Diff([]string{"work 198.51.100.1", "? 198.51.100.2"}, w.published()); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
	d := w.documents[0]
	if d.Source.Packets != 1 || d.Destination.Packets != 1 || d.Start != t0 || d.End != t0+1e6 || d.Reason != meter.ReasonForced || d.Attribution != event.Inventory {
		t.Errorf("document = %+v; want one packet each way", d.Flow)
	}
	w.balanced()
	w.want(map[string]uint64{"capture.frames": 4, "capture.non_ip_frames": 1, "flows.packets": 3, "flows.created": 2, "flows.live": 0,
		"flows.ended_forced": 2, "events.published": 2, "events.unknown_qube": 0, "events.spoofed": 0})
	r := w.Replay(time.Now())
	if r.Packets != 4 || r.Flows != 2 || r.Events != 2 || r.NonIP != 1 || r.Incomplete || r.Read != r.Size || r.Size != int64(len(file)) {
		t.Errorf("Replay = %+v; want the whole file of %d bytes", r, len(file))
	}
	if n := w.Undelivered(); n != 0 || w.String() != "flow metering" {
		t.Errorf("%d events of %s are undelivered; want none", n, w)
	}
}

// TestService_observers calls the observers of packets, and then those of flows, in the
// order in which they were added; the latter may fill in fields.
func TestService_observers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pcap(conversation(t)[:1]...), nil)
	var log []string
	w.ObservePackets(recorder{"one", &log})
	w.ObservePackets(recorder{"two", &log})
	w.ObserveFlows(func(f *event.Flow) {
		log = append(log, "flow of "+f.Qube.Name)
		f.Domain = "dns.example"
	})
	w.ObserveFlows(func(f *event.Flow) { log = append(log, "flow to "+f.Domain) })
	w.onPublish = func() { log = append(log, "published") }
	w.run()
	want := []string{"one packet to 198.51.100.1", "two packet to 198.51.100.1", "one close", "two close", "flow of work", "flow to dns.example", "published"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("calls mismatch (-want +got):\n%s", diff)
	}
	if got := w.documents[0].Domain; got != "dns.example" {
		t.Errorf("the document has the name %q; want dns.example", got)
	}
}

// TestService_hellos reads the server's name, if the configuration asks for it.
func TestService_hellos(t *testing.T) {
	t.Parallel()
	const from, to = "10.137.0.6:40000", "198.51.100.1:443"
	hello := clientHello(t, "www.example")
	file := pcap(tcp(t, 0, from, to, layers.TCP{SYN: true, Seq: 1}, nil),
		tcp(t, 1e6, to, from, layers.TCP{SYN: true, ACK: true, Seq: 9, Ack: 2}, nil),
		tcp(t, 2e6, from, to, layers.TCP{ACK: true, Seq: 2, Ack: 10}, hello))
	for _, on := range []bool{true, false} {
		w := newWorld(t, file, func(c *flow.Config) { c.ClientHellos = on })
		w.run()
		if len(w.documents) != 1 {
			t.Fatalf("%d events; want one", len(w.documents))
		}
		h := w.documents[0].Hello
		if on && (h == nil || h.ServerName != "www.example") || !on && h != nil {
			t.Errorf("with client hellos %v, the hello is %+v", on, h)
		}
		if n, ok := w.counters()["client_hellos.read"]; ok != on || on && n != 1 {
			t.Errorf("with client hellos %v, %d were read, %v", on, n, ok)
		}
	}
}

// TestService_hold holds the flow of an unknown client until it is named, or for the time
// that is configured.
func TestService_hold(t *testing.T) {
	t.Parallel()
	const hold = 5 * time.Second
	timeout := config.Default().Flows.Timeout.D()
	for _, named := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			file := pcap(udp(t, 0, "10.137.0.9:5000", "198.51.100.2:123"), udp(t, time.Hour, "10.137.0.6:5000", "198.51.100.1:53"))
			w := newWorld(t, file, func(c *flow.Config) { c.Hold, c.Replay.TopSpeed, c.Flows.Period = hold, false, 0 })
			// A client is uncertain only on a vif: without one, an unknown address is foreign.
			w.enricher.Name = func(uint32) string { return "vif9.0" }
			stop, _ := w.start()
			time.Sleep(timeout + 2*time.Second)
			synctest.Wait()
			if got := w.published(); len(got) != 0 {
				t.Errorf("published %q; want the flow to be held", got)
			}
			w.want(map[string]uint64{"events.held": 1, "events.queued": 1, "events.unknown_qube": 0})
			w.balanced()
			want, unknown := "? 198.51.100.2", uint64(1)
			if named {
				w.inventory.learn("disp9", "10.137.0.9")
				want, unknown = "disp9 198.51.100.2", 0
			}
			time.Sleep(hold)
			synctest.Wait()
			if diff := cmp.Diff([]string{want}, w.published()); diff != "" {
				t.Errorf("named %v: events mismatch (-want +got):\n%s", named, diff)
			}
			w.want(map[string]uint64{"events.held": 0, "events.unknown_qube": unknown})
			if err := stop(); err != nil {
				t.Errorf("Run = %v", err)
			}
			w.balanced()
		})
	}
}

// TestService_Run_stop publishes the flows that are live at a stop in the middle of a
// file, and reports that the rest was not read.
func TestService_Run_stop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := pcap(udp(t, 0, "10.137.0.6:5000", "198.51.100.1:53"), udp(t, time.Hour, "10.137.0.6:5000", "198.51.100.1:53"))
		w := newWorld(t, file, func(c *flow.Config) { c.Replay.TopSpeed = false })
		stop, _ := w.start()
		time.Sleep(time.Second)
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) != 0 {
			t.Errorf("Run = %v after %v; want nil at once", err, time.Since(began))
		}
		if got := w.published(); len(got) != 1 || w.documents[0].Reason != meter.ReasonForced {
			t.Errorf("published %q; want the live flow", got)
		}
		if r := w.Replay(began); !r.Incomplete || r.Packets != 1 {
			t.Errorf("Replay = %+v; want an incomplete one of one packet", r)
		}
		w.balanced()
	})
}

// TestService_Run_silence captures nothing if no part of the program looks at packets, and
// stops at once.
func TestService_Run_silence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, func(c *flow.Config) { c.Replay, c.Flows.Enabled = flow.Replay{}, false })
		stop, done := w.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(done) != 0 {
			t.Fatalf("Run has returned %v before it was stopped", <-done)
		}
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) != 0 {
			t.Errorf("Run = %v after %v; want nil at once", err, time.Since(began))
		}
		w.balanced()
		if w.HasVif(7) || w.InterfaceName(1) != "" {
			t.Error("a silent capture knows interfaces")
		}
	})
}

// TestService_dump writes every frame to a file of the same kind, also those that are no
// packets of a flow.
func TestService_dump(t *testing.T) {
	t.Parallel()
	arp := frame{2 * time.Second, append(make([]byte, 12), 0x08, 0x06, 0, 1)}
	frames := append(conversation(t), arp)
	prefix := filepath.Join(t.TempDir(), "trace")
	w := newWorld(t, pcap(frames...), func(c *flow.Config) { c.Dump = prefix })
	w.run()
	w.want(map[string]uint64{"capture.dump_written": uint64(len(frames)), "capture.dump_cut": 0, "capture.dump_dropped": 0})
	files, _ := filepath.Glob(prefix + "-*.pcap")
	if len(files) != 1 {
		t.Fatalf("files %q; want one", files)
	}
	again := newWorld(t, nil, func(c *flow.Config) { c.Replay.Files = files })
	again.run()
	again.want(map[string]uint64{"capture.frames": uint64(len(frames)), "flows.created": 2})
}

// TestService_Open_faults returns what cannot be opened.
func TestService_Open_faults(t *testing.T) {
	t.Parallel()
	file := pcap(conversation(t)...)
	for _, tt := range []struct {
		name   string
		file   []byte
		change func(c *flow.Config)
		want   string
	}{
		{"no such file", nil, func(c *flow.Config) { c.Replay.Files = []string{"/nonexistent.pcap"} }, "/nonexistent.pcap: no such file"},
		{"link type", bytes.Replace(file, []byte{255, 255, 0, 0, 1, 0}, []byte{255, 255, 0, 0, 147, 0}, 1), nil, "link type 147 is not supported"},
		{"no capture file", []byte(strings.Repeat("text ", 10)), nil, "capture.pcap"},
		{"dump", file, func(c *flow.Config) { c.Dump = "/nonexistent/trace" }, "dumping packets: open /nonexistent/trace-"},
		{"table", file, func(c *flow.Config) { c.Flows.MaxFlows = -1 }, "building the meter: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := newWorld(t, tt.file, tt.change).Open()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v; want %q", err, tt.want)
			}
		})
	}
}

// TestService_Open_dump leaves no dump open if the meter cannot be built.
func TestService_Open_dump(t *testing.T) {
	t.Parallel()
	prefix := filepath.Join(t.TempDir(), "trace")
	w := newWorld(t, pcap(conversation(t)...), func(c *flow.Config) { c.Dump, c.Flows.MaxFlows = prefix, -1 })
	if err := w.Open(); err == nil {
		t.Fatal("Open = nil; want an error")
	}
	open, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no /proc here")
	}
	for _, f := range open {
		if name, _ := os.Readlink("/proc/self/fd/" + f.Name()); strings.HasPrefix(name, prefix) {
			t.Errorf("%s is still open", name)
		}
	}
}

// TestService_Run_fault publishes what was read before a source failed, and returns its
// error.
func TestService_Run_fault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append(pcap(conversation(t)...), bytes.Repeat([]byte{0xff}, 16)...), nil) // a record of 4 GB
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "reading packets: ") || !strings.Contains(err.Error(), "a record claims 4294967295 bytes") {
		t.Errorf("Run = %v; want that the file is damaged", err)
	}
	if n := len(w.published()); n != 2 {
		t.Errorf("%d events; want 2", n)
	}
	w.balanced()
	if w.Replay(time.Now()).Incomplete {
		t.Error("the replay counts as stopped; want a fault")
	}
}

// TestService_Undelivered counts the flows that the outlet has not taken at the end.
func TestService_Undelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, pcap(conversation(t)...), nil)
		gate := make(chan struct{})
		w.onPublish = func() { <-gate }
		_, done := w.start()
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("Run has returned although the outlet is blocked")
		}
		w.balanced()
		w.want(map[string]uint64{"events.waiting": 2})
		if n := w.Undelivered(); n != 2 {
			t.Errorf("%d flows are undelivered while the outlet is blocked; want 2", n)
		}
		close(gate)
		if err := <-done; err != nil || w.Undelivered() != 0 {
			t.Errorf("Run = %v, %d undelivered; want none", err, w.Undelivered())
		}
		w.balanced()
	})
}
