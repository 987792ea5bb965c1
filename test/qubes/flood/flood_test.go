//go:build linux

package flood_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// rate is how many packets the attacker sends in a second.
const rate = 40_000

const config = `
qubesbeat:
  interfaces.device: ["vif*"]
  flows.period: -1s
  inventory.file: HOME/inventory
  firewall: {enabled: true}
  protocols: [{type: dns, ports: [53]}, {type: http, ports: [80]}, {type: tls, ports: [443]}]
  resolver:
    listen: ["0.0.0.0:5353"]
    socket: HOME/dns.sock
    qvm_firewall: {obey: never}
    upstreams: {default: ["udp://192.0.2.53:53"]}
output.file: {path: HOME/out, filename: events, rotate_every_kb: 4194304, number_of_files: 2}
`

// TestFlood has one qube send all that it can, all kinds at once, while its neighbour
// does ordinary things: every one of them is reported.
func TestFlood(t *testing.T) {
	testbed.Require(t, "nft")
	span := 15 * time.Second
	if text := os.Getenv("QUBESBEAT_FLOOD"); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			t.Fatalf("QUBESBEAT_FLOOD: %v", err)
		}
	}
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	rules := []string{fmt.Sprintf("tcp dport %d reject with icmp type admin-prohibited", refusedPort)}
	bad := nw.AddClient(testbed.Client{Name: "untrusted", Label: "red", DomID: 6, IP: netip.MustParseAddr("10.137.0.6"), Rules: rules})
	good := nw.AddClient(testbed.Client{Name: "banking", Label: "green", DomID: 7, IP: netip.MustParseAddr("10.137.0.7"), Rules: rules})
	b := start(t, nw)

	a := newAttack(bad.IP, good.IP)
	done := make(chan int)
	go func() {
		sent, err := bad.Blast(rate, span, a.packet)
		if err != nil {
			t.Error(err)
		}
		done <- sent
	}()
	(&quiet{good, t}).act(span * 3 / 4)
	sent := <-done
	t.Logf("the attacker has sent %d packets in %v", sent, span)
	if b.HasEnded() {
		t.Fatalf("the beat has ended: %v\n%s", b.Err(), b.Tail())
	}
	b.End(t)
	t.Logf("the beat took up to %d MiB", b.Peak()>>20)
	events, last := read(t, filepath.Join(b.Home, "out"))
	check(t, events)
	checkBalance(t, last)
	if n := last.Number("stats.capture.frames") + last.Number("stats.capture.kernel_drops"); n < uint64(sent) {
		t.Errorf("%d frames are counted; want the %d that were sent", n, sent)
	}
}

// start starts the beat and directs the clients' DNS to it.
func start(t *testing.T, nw *testbed.Network) *beat.Beat {
	t.Helper()
	home := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(home, "inventory"))
	args := beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", config), "-e")
	b := beat.Command{Program: beat.Program(t), Home: home, Args: args, Start: limited(t, nw.Log.Start)}.LaunchReady(t)
	if out, _, err := nw.Log.Run(t.Context(), beat.Program(t), b.Args("qubes", "apply")...); err != nil {
		t.Fatalf("qubes apply: %v\n%s", err, out)
	}
	return b
}

// read returns the events about the neighbour, and the last stats event.
func read(t *testing.T, dir string) (events beat.Events, last beat.Event) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			isStats := bytes.Contains(lines.Bytes(), []byte(`"qubesbeat.stats"`))
			if !isStats && !bytes.Contains(lines.Bytes(), []byte(`"vif7.0"`)) {
				continue
			}
			e, err := beat.ParseEvent(lines.Bytes())
			switch {
			case err != nil:
				t.Errorf("%s: %v", path, err)
			case isStats && e.Flag("stats.last"):
				last = e
			case !isStats:
				events = append(events, e)
			}
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	return events, last
}

// check counts what is known of the neighbour.
func check(t *testing.T, events beat.Events) {
	t.Helper()
	flows, names, asked, refused, findings, transactions := map[uint64]bool{}, map[string]bool{}, map[string]bool{}, map[uint64]bool{}, 0, 0
	for _, e := range events {
		if e.Text("qube.name") != "banking" {
			t.Errorf("an event on the neighbour's interface is about %q", e.Text("qube.name"))
		}
		port := e.Number("source.port")
		switch {
		case e.Text("event.dataset") == "qubesbeat.finding":
			findings++
		case e.Text("type") == "tls":
			transactions++
		case e.Text("event.dataset") == "qubesbeat.firewall" && e.Number("destination.port") == refusedPort:
			refused[port] = true
		case e.Text("event.dataset") == "qubesbeat.dns":
			asked[e.Text("dns.question.name")] = true
		case e.Text("type") == "flow" && e.Number("destination.port") == 7000:
			flows[port] = true
		case e.Text("type") == "flow" && e.Text("tls.client.server_name") != "":
			names[e.Text("tls.client.server_name")] = true
		}
	}
	for _, one := range []struct {
		what      string
		got, want int
	}{{"flows", len(flows), conversations}, {"server names", len(names), serverNames}, {"queries", len(asked), queries},
		{"refused connections", len(refused), refusals}, {"findings", findings, 1}, {"transactions", transactions, serverNames}} {
		t.Logf("%d of %d %s of the neighbour are reported", one.got, one.want, one.what)
		if one.got < one.want {
			t.Errorf("%d of %d %s of the neighbour are reported", one.got, one.want, one.what)
		}
	}
}

// checkBalance holds that the counters account for what was lost.
func checkBalance(t *testing.T, last beat.Event) {
	t.Helper()
	if last == nil {
		t.Fatal("no last stats event")
	}
	sum := func(names ...string) (n uint64) {
		for _, name := range names {
			n += last.Number("stats." + name)
		}
		return n
	}
	for what, eq := range map[string][2]uint64{
		"frames": {sum("capture.frames"), sum("flows.packets", "capture.non_ip_frames", "capture.truncated_frames",
			"capture.malformed_frames", "capture.unsupported_frames", "capture.lost_packets")},
		"records": {sum("events.queued"), sum("events.published", "events.queue_dropped_interim", "events.queue_dropped_final",
			"events.held", "events.waiting", "events.lost")},
		"packets for the analyzers": {sum("transactions.queued"), sum("transactions.packets", "transactions.spoofed_packets",
			"transactions.duplicates", "transactions.refused", "transactions.queue_dropped", "transactions.lost", "transactions.uncounted", "transactions.quarantined")},
		"output": {sum("events.published"), sum("events.acked", "events.filtered", "events.pending", "events.dropped_at_stop",
			"events.summarized")},
	} {
		t.Logf("%s: %d in, %d out or counted", what, eq[0], eq[1])
		if eq[0] != eq[1] {
			t.Errorf("%s do not balance: %d in, %d out", what, eq[0], eq[1])
		}
	}
	t.Logf("kernel drops %d, queue drops %d, other drops %d, log drops %d", sum("capture.kernel_drops"),
		sum("events.queue_dropped_final"), sum("events.other_dropped"), sum("resolver.log_dropped"))
	for _, name := range []string{"queue_dropped_most_interface", "other_dropped_most_interface"} {
		if most := last.Text("stats.events." + name); most != "" && most != "vif6.0" {
			t.Errorf("%s = %q; want vif6.0", name, most)
		}
	}
}
