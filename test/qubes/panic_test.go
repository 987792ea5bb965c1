//go:build linux

package qubes_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

const panicConfig = `
  interfaces.device: ["vif*"]
  flows.period: -1s
  inventory.file: HOME/inventory
  resolver:
    socket: HOME/dns.sock
    listen: ["0.0.0.0:5353"]
    upstreams: {default: ["udp://192.0.2.53"]}
    qvm_firewall: {obey: never}
    tsv: {dir: HOME}
  firewall: {enabled: true, log_files: [HOME/kernel.log]}
`

// attack is an input that makes one part of the beat panic.
type attack struct {
	part   string
	marker string // in the input
	send   func(p *panicHome, marker string)
}

// attacks are one for each part whose input the test can choose.
var attacks = []attack{
	{"inventory/file", "crashqube", func(p *panicHome, m string) { p.inventory(m) }}, // first: it is read a moment later
	{"capture/meter", "crashmeter", func(p *panicHome, m string) { p.udp(m) }},
	{"resolver/udp", "crashudp", func(p *panicHome, m string) { p.dig(p.attacker, m+".example.org") }},
	{"resolver/tcp", "crashtcp", func(p *panicHome, m string) { p.dig(p.attacker, "+tcp", m+".example.org") }},
	{"resolver/upstream", "crashwork", func(p *panicHome, m string) { p.dig(p.attacker, m+".example.org") }},
	{"resolver/log", "crashrow", func(p *panicHome, m string) { p.dig(p.attacker, m+".example.org") }},
	{"resolver/control", "crashctl", func(p *panicHome, m string) {
		p.command("dns", "query", "--socket", filepath.Join(p.home, "dns.sock"), m+".example.org")
	}},
	{"firewall/nflog", "crashnflog", func(p *panicHome, m string) { p.udp(m) }},
	{"firewall/log_file", "crashline", func(p *panicHome, m string) { p.line(m) }},
}

// panicHome is a sys-log with an attacker and a neighbour.
type panicHome struct {
	*testing.T
	nw                  *testbed.Network
	beat                *beat.Beat
	home                string
	attacker, neighbour *testbed.Qube
}

// TestPanics makes every part that handles bytes of others panic, again and again.
// The beat goes on, the neighbour's flows and answers are complete, each panic is
// counted, and the inputs are kept.
func TestPanics(t *testing.T) {
	p := newPanicHome(t)
	const rounds = 5
	for range rounds {
		for _, a := range attacks {
			a.send(p, a.marker)
		}
		p.neighbourWorks()
	}
	p.inventory("personal") // a good one again
	poll.Until(t, "the last inventory", func() bool { return strings.Contains(p.beat.Log(), "inventory changed") })
	events := p.beat.Stop(t)
	p.checkNeighbour(events, rounds)
	p.checkCounters(events, rounds)
	p.checkCrashes()
}

func newPanicHome(t *testing.T) *panicHome {
	t.Helper()
	testbed.Require(t, "dig", "curl", "nft")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	p := &panicHome{T: t, nw: nw, home: beat.NewHome(t),
		attacker:  nw.AddClient(testbed.Client{Name: "attacker", Label: "red", DomID: 4, IP: netip.MustParseAddr("10.137.0.6")}),
		neighbour: nw.AddClient(testbed.Client{Name: "neighbour", Label: "blue", DomID: 5, IP: netip.MustParseAddr("10.137.0.7")})}
	nw.Settle()
	p.inventory("personal")
	p.write("kernel.log", "")
	var spec []string
	for _, a := range attacks {
		spec = append(spec, a.part+"="+a.marker)
	}
	t.Setenv(guard.TestPanicVariable, strings.Join(spec, ","))
	p.beat = beat.Start(t, nw, p.home, panicConfig)
	if _, _, err := nw.Log.Run(t.Context(), beat.Program(t), p.beat.Args("qubes", "apply")...); err != nil {
		t.Fatal(err)
	}
	return p
}

// udp sends a datagram of the attacker with a text in it, to a closed port.
func (p *panicHome) udp(text string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	if _, stderr, err := p.attacker.Run(ctx, "bash", "-c", "echo "+text+" > /dev/udp/198.51.100.7/9999"); err != nil {
		p.Errorf("sending a datagram: %v %s", err, stderr)
	}
}

// dig asks the resolver and returns what dig prints.
func (p *panicHome) dig(q *testbed.Qube, args ...string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	out, stderr, err := q.Run(ctx, "dig", append([]string{"+tries=1", "+time=6", "@" + testbed.MagicDNS}, args...)...)
	if err != nil {
		p.Errorf("%s: dig %v: %v %s %s", q, args, err, out, stderr)
	}
	return out
}

// command runs a command of the beat, which fails because of the panic.
func (p *panicHome) command(args ...string) {
	p.Helper()
	out, stderr, err := p.nw.Log.Run(p.Context(), beat.Program(p), p.beat.Args(args...)...)
	if err == nil || !strings.Contains(err.Error(), "panic") {
		p.Errorf("%v: %v %s%s; want an error that names the panic", args, err, out, stderr)
	}
}

func (p *panicHome) write(name, text string) {
	p.Helper()
	f, err := os.OpenFile(filepath.Join(p.home, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		p.Fatal(err)
	}
	if err := f.Close(); err != nil {
		p.Fatal(err)
	}
}

// line adds a line of the kernel to the log file.
func (p *panicHome) line(prefix string) {
	p.Helper()
	p.write("kernel.log", fmt.Sprintf("%s sys-log kernel: [   12.5] %s: IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=198.51.100.7 LEN=60 "+
		"TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=23 WINDOW=1 RES=0x00 SYN URGP=0\n", time.Now().Format("Jan _2 15:04:05"), prefix))
}

// inventory replaces the inventory by one with another qube, each time a new one.
func (p *panicHome) inventory(name string) {
	p.Helper()
	text := fmt.Sprintf("attacker|10.137.0.6\nneighbour|10.137.0.7\n%s%d|10.137.0.99\n", name, time.Now().UnixNano()%1e9)
	path := filepath.Join(p.home, "inventory")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		p.Fatal(err)
	}
}

// neighbourWorks has the neighbour ask for a name and fetch a page.
func (p *panicHome) neighbourWorks() {
	p.Helper()
	if out := p.dig(p.neighbour, "www.example.org"); !strings.Contains(out, testbed.WebAddr) {
		p.Errorf("the neighbour has no answer:\n%s", out)
	}
	if out := p.dig(p.neighbour, "+tcp", "www.example.org"); !strings.Contains(out, testbed.WebAddr) {
		p.Errorf("the neighbour has no answer over TCP:\n%s", out)
	}
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	if _, stderr, err := p.neighbour.Run(ctx, "curl", "-sS", "--max-time", "8", testbed.SmallURL); err != nil {
		p.Errorf("the neighbour: curl: %v %s", err, stderr)
	}
}

func (p *panicHome) checkNeighbour(events beat.Events, rounds int) {
	p.Helper()
	flows := len(events.Where(beat.Event{"event.dataset": "flow", "qube.name": "neighbour", "destination.ip": testbed.WebAddr, "flow.final": true}))
	queries := len(events.Where(beat.Event{"event.dataset": "qubesbeat.dns", "qube.name": "neighbour"}))
	if flows != rounds || queries != 2*rounds {
		p.Errorf("the neighbour has %d flows to the web server and %d queries; want %d and %d", flows, queries, rounds, 2*rounds)
	}
}

// checkCounters holds that each part has panicked, as the log says, and that the
// counters of the groups add them up.
func (p *panicHome) checkCounters(events beat.Events, rounds int) {
	p.Helper()
	groups := map[string]float64{}
	for _, a := range attacks {
		group, _, _ := strings.Cut(a.part, "/")
		groups[group] += float64(rounds)
		p.Logf("%-20s %d inputs", a.part, rounds)
		if !strings.Contains(p.beat.Log(), a.part) {
			p.Errorf("the log has no panic of %s", a.part)
		}
	}
	last := events.Last()
	for group, sent := range groups {
		n, _ := last["stats."+group+".panics"].(float64)
		p.Logf("stats.%s.panics = %v", group, n)
		if n < sent {
			p.Errorf("stats.%s.panics = %v; want at least %v", group, n, sent)
		}
		if s := last["stats."+group+".stopped"]; s != 0.0 {
			p.Errorf("stats.%s.stopped = %v; want 0", group, s)
		}
	}
}

// checkCrashes holds that the inputs were kept, for the user alone.
func (p *panicHome) checkCrashes() {
	p.Helper()
	files, err := filepath.Glob(filepath.Join(p.home, "data", "crashes", "*"))
	if err != nil || len(files) < len(attacks)-1 || len(files) > 32 {
		p.Errorf("%d files of inputs; want one for each part: %v %v", len(files), files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 || info.Size() > 4096 {
			p.Errorf("%s: %v, mode %v, %d bytes; want 0600 and at most 4096", f, err, info.Mode(), info.Size())
		}
	}
}
