//go:build linux

package qubes_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
  procs: {enabled: true}
  flows: {period: -1s, timeout: 1s}
  inventory: {file: HOME/inventory, qrexec: {enabled: true, socket: HOME/push.sock}}
  protocols: [{type: http, ports: [80]}]
  resolver:
    socket: HOME/dns.sock
    listen: ["0.0.0.0:5353"]
    upstreams: {default: ["udp://192.0.2.53"]}
    lists: {ads: {deny: [HOME/ads.list, HOME/other.list]}}
    qvm_firewall: {obey: always, qubesdb: QUBESDB}
    tsv: {dir: HOME}
  firewall: {enabled: true, kernel_log: true, log_files: [HOME/kernel.log]}
http: {enabled: true, host: "unix://HOME/s"}
`

// attack is an input that makes one part of the beat panic.
type attack struct {
	part   string
	marker string // in the input
	send   func(p *panicHome, marker string)
}

// Addresses that stand for inputs without text of their own: flows and verdicts. Nothing
// answers there.
const (
	crashFlow    = "198.51.100.91"
	crashVerdict = "198.51.100.92"
	crashEvent   = "198.51.100.93"
)

// crashPort stands for an input of the search for processes, which has addresses only.
const crashPort = "9191"

// kernelLog is the device that the attack on the part firewall/kmsg writes to.
const kernelLog = "/dev/kmsg"

// attacks are one for each part that handles bytes of others.
var attacks = []attack{
	{"capture/meter", "crashmeter", func(p *panicHome, m string) { p.udp(m, testbed.WebAddr) }},
	{"capture/interfaces", "crashlink", (*panicHome).link},
	{"capture/processes", ":" + crashPort + " udp", func(p *panicHome, _ string) { p.fromSysLog(crashPort) }},
	{"events/publisher", crashFlow, func(p *panicHome, m string) { p.flowTo(m) }},
	{"events/analyzers", "crashevent", func(p *panicHome, m string) { p.get(m) }},
	{"events/transactions", "crashreport", func(p *panicHome, m string) { p.get(m) }},
	{"events/other", crashEvent, func(p *panicHome, m string) { p.line("drop", m) }},
	{"transactions/http", "crashrequest", func(p *panicHome, m string) { p.get(m) }},
	{"resolver/udp", "crashudp", func(p *panicHome, m string) { p.fails(m) }},
	{"resolver/tcp", "crashtcp", func(p *panicHome, m string) { p.fails(m, "+tcp") }},
	{"resolver/job", "crashjob", func(p *panicHome, m string) { p.fails(m) }},
	{"resolver/upstream", "crashanswer", func(p *panicHome, m string) { p.fails(m) }},
	{"resolver/log", "crashrow", func(p *panicHome, m string) { p.dig(p.attacker, p.name(m)) }},
	{"resolver/lists", "crashlist", (*panicHome).list},
	{"resolver/qubesdb", "crashrule", (*panicHome).rule},
	{"resolver/control", "crashctl", func(p *panicHome, m string) {
		p.command("dns", "query", "--socket", filepath.Join(p.home, "dns.sock"), p.name(m))
	}},
	{"firewall/nflog", "crashnflog", func(p *panicHome, m string) { p.udp(m, testbed.WebAddr) }},
	{"firewall/kmsg", "crashkmsg", (*panicHome).kernel},
	{"firewall/rules", "crashrules", (*panicHome).counter},
	{"firewall/log_file", "crashline", func(p *panicHome, m string) { p.line(m, testbed.WebAddr) }},
	{"firewall/tracker", crashVerdict, func(p *panicHome, m string) { p.line("drop", m) }},
	{"inventory/file", "crashqube", (*panicHome).inventory},
	{"inventory/push", "crashpush", (*panicHome).push},
}

// undone are the attacks at which a part panics until they are undone, by part.
var undone = map[string]func(p *panicHome, marker string){
	"capture/interfaces": (*panicHome).unlink,
	"firewall/rules":     (*panicHome).apply,
}

// possible returns the attacks, without that on the kernel's log in a user namespace: the
// log is the whole machine's, and only its root may read and write it.
func possible(t *testing.T) []attack {
	t.Helper()
	f, err := os.OpenFile(kernelLog, os.O_RDWR, 0)
	if err == nil {
		_ = f.Close()
		return attacks
	}
	t.Logf("no attack on firewall/kmsg: %v; run the test as root of the machine", err)
	return slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool { return a.part == "firewall/kmsg" })
}

// panicHome is a sys-log with an attacker and a neighbour.
type panicHome struct {
	*testing.T
	nw                  *testbed.Network
	rules               *testbed.QubesDB
	beat                *beat.Beat
	home                string
	attacker, neighbour *testbed.Qube

	attacks []attack // those that are possible here
	round   int
	panics  map[string]uint64 // by part
}

// TestPanics makes every part that handles bytes of others panic, again and again.
// The beat goes on, the neighbour's flows and answers are complete, each panic is
// counted, and the inputs are kept.
func TestPanics(t *testing.T) {
	p := newPanicHome(t)
	const rounds = 3
	for p.round = range rounds {
		for _, a := range p.attacks {
			p.attack(a)
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
	p := &panicHome{T: t, nw: nw, home: beat.NewHome(t), panics: map[string]uint64{},
		rules: testbed.StartQubesDB(t, map[string]string{"/qubes-firewall/10.137.0.6/policy": "accept",
			"/qubes-firewall/10.137.0.7/policy": "accept", "/qubes-firewall/10.137.0.99/policy": "accept"}),
		attacker:  nw.AddClient(testbed.Client{Name: "attacker", Label: "red", DomID: 4, IP: netip.MustParseAddr("10.137.0.6")}),
		neighbour: nw.AddClient(testbed.Client{Name: "neighbour", Label: "blue", DomID: 5, IP: netip.MustParseAddr("10.137.0.7")})}
	nw.Settle()
	p.inventory("personal")
	for name, text := range map[string]string{"kernel.log": "", "ads.list": "ads.example.net\n", "other.list": "ads.example.com\n"} {
		p.write(name, text)
	}
	var spec []string
	p.attacks = possible(t)
	for _, a := range p.attacks {
		spec = append(spec, a.part+"="+a.marker)
	}
	p.beat = beat.Start(t, nw, p.home, strings.ReplaceAll(panicConfig, "QUBESDB", p.rules.Path), guard.TestPanicVariable+"="+strings.Join(spec, ","))
	p.apply("")
	return p
}

// attack sends the input of an attack and waits until the beat counts the panic.
func (p *panicHome) attack(a attack) {
	p.Helper()
	group, _, _ := strings.Cut(a.part, "/")
	count := func() uint64 { return p.beat.Counters()["qubesbeat."+group+".panics"] }
	before := count()
	a.send(p, a.marker)
	poll.Until(p, a.part+" panics", func() bool { return count() > before })
	if undo := undone[a.part]; undo != nil {
		undo(p, a.marker)
		poll.Settle(p, a.part+" panics no more", 500*time.Millisecond, count)
	}
	p.panics[a.part] += count() - before
}

// name returns a name that was not asked for in another round, so that no cache has it.
func (p *panicHome) name(marker string) string {
	return fmt.Sprintf("%s%d.example.org", marker, p.round)
}

// fails asks for a name at which the resolver panics.
func (p *panicHome) fails(marker string, more ...string) {
	p.Helper()
	if out := p.dig(p.attacker, append(more, p.name(marker))...); !strings.Contains(out, "SERVFAIL") {
		p.Errorf("the answer to a query that panics:\n%s\nwant SERVFAIL", out)
	}
}

// flowTo makes a flow of the attacker that ends at once.
func (p *panicHome) flowTo(addr string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	p.udp("flow", addr)
	_, _, _ = p.attacker.Run(ctx, "curl", "-sS", "--max-time", "1", "http://"+addr) // nothing answers
}

// get fetches a page from the web server.
func (p *panicHome) get(page string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	if _, stderr, err := p.attacker.Run(ctx, "curl", "-sS", "--max-time", "8", testbed.SmallURL+page); err != nil {
		p.Errorf("the attacker: curl: %v %s", err, stderr)
	}
}

// link adds an interface to sys-log.
func (p *panicHome) link(name string) {
	p.ip("link", "add", name, "type", "veth", "peer", "name", name+"2")
}

func (p *panicHome) unlink(name string) { p.ip("link", "del", name) }

// fromSysLog sends a datagram of a process in sys-log.
func (p *panicHome) fromSysLog(port string) {
	p.Helper()
	p.sysLog("bash", "-c", "echo x > /dev/udp/"+p.attacker.IP.String()+"/"+port)
}

// kernel writes a record to the kernel's log.
func (p *panicHome) kernel(marker string) {
	p.Helper()
	if err := os.WriteFile(kernelLog, []byte("qubesbeat test: "+marker+"\n"), 0); err != nil {
		p.Fatal(err)
	}
}

// counter replaces the table of the beat's rules by one whose counter has a comment.
func (p *panicHome) counter(comment string) {
	p.Helper()
	p.sysLog("nft", fmt.Sprintf("delete table %[1]s; add table %[1]s; add counter %[1]s over_rate { comment \"%[2]s\"; }", table, comment))
}

// table is that of the beat's rules.
const table = "inet qubesbeat"

// apply installs the beat's rules, again if the table is that of an attack.
func (p *panicHome) apply(string) {
	p.Helper()
	_, _, _ = p.nw.Log.Run(p.Context(), "nft", "delete table "+table) // there may be none
	p.sysLog(beat.Program(p), p.beat.Args("qubes", "apply")...)
}

// sysLog runs a program in sys-log.
func (p *panicHome) sysLog(program string, args ...string) {
	p.Helper()
	if out, stderr, err := p.nw.Log.Run(p.Context(), program, args...); err != nil {
		p.Fatalf("%s %v: %v %s%s", program, args, err, out, stderr)
	}
}

func (p *panicHome) ip(args ...string) {
	p.Helper()
	if _, stderr, err := p.nw.Log.Run(p.Context(), "ip", args...); err != nil {
		p.Fatalf("ip %v: %v %s", args, err, stderr)
	}
}

// list replaces a list and has the lists read.
func (p *panicHome) list(marker string) {
	p.Helper()
	p.replace("ads.list", fmt.Sprintf("%s%d.example.net\n", marker, p.round))
	p.command("dns", "lists", "refresh", "--socket", filepath.Join(p.home, "dns.sock"))
}

// rule changes the rules of a client.
func (p *panicHome) rule(marker string) {
	p.rules.Set("/qubes-firewall/10.137.0.99/policy", "accept "+marker)
	p.rules.Set("/qubes-firewall/10.137.0.99", "")
}

// push does what qrexec-agent does with a call of dom0.
func (p *panicHome) push(name string) {
	p.Helper()
	conn, err := net.Dial("unix", filepath.Join(p.home, "push.sock"))
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "qubesbeat.Inventory+ dom0\x00%s|10.137.0.98\n", name); err != nil {
		p.Error(err)
	}
}

// udp sends a datagram of the attacker with a text in it.
func (p *panicHome) udp(text, addr string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	if _, stderr, err := p.attacker.Run(ctx, "bash", "-c", "echo "+text+" > /dev/udp/"+addr+"/9999"); err != nil {
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

// line adds a line of the kernel to the log file, about a packet to an address.
func (p *panicHome) line(prefix, dst string) {
	p.Helper()
	p.write("kernel.log", fmt.Sprintf("%s sys-log kernel: [   12.5] %s: IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=%s LEN=60 "+
		"TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=23 WINDOW=1 RES=0x00 SYN URGP=0\n", time.Now().Format("Jan _2 15:04:05"), prefix, dst))
}

// inventory replaces the inventory by one with another qube, each time a new one.
func (p *panicHome) inventory(name string) {
	p.Helper()
	text := fmt.Sprintf("attacker|10.137.0.6\nneighbour|10.137.0.7\n%s%d|10.137.0.99\n", name, time.Now().UnixNano()%1e9)
	p.replace("inventory", text)
}

// replace replaces a file.
func (p *panicHome) replace(name, text string) {
	p.Helper()
	path := filepath.Join(p.home, name)
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

// checkCounters holds that every attack was counted, that the last stats event has the
// sums, and that each stack was logged once.
func (p *panicHome) checkCounters(events beat.Events, rounds int) {
	p.Helper()
	groups, last := map[string]uint64{}, events.Last()
	p.Logf("%-22s %s", "part", "panics")
	for _, a := range p.attacks {
		n := p.panics[a.part]
		p.Logf("%-22s %d", a.part, n)
		if n < uint64(rounds) {
			p.Errorf("%s: %d panics; want at least %d", a.part, n, rounds)
		}
		group, _, _ := strings.Cut(a.part, "/")
		groups[group] += n
		if logged := strings.Count(p.beat.Log(), `"part":"`+a.part+`"`); logged != 1 {
			p.Errorf("%s: %d panics are logged; want its stack once", a.part, logged)
		}
	}
	for group, n := range groups {
		if got := last.Number("stats." + group + ".panics"); got < n {
			p.Errorf("stats.%s.panics = %d; want at least %d", group, got, n)
		}
		if got, ok := last["stats."+group+".stopped"]; got != 0.0 || !ok {
			p.Errorf("stats.%s.stopped = %v; want 0", group, got)
		}
	}
}

// checkCrashes holds that the inputs were kept, for the user alone.
func (p *panicHome) checkCrashes() {
	p.Helper()
	files, err := filepath.Glob(filepath.Join(p.home, "data", "crashes", "*"))
	if err != nil || len(files) < len(p.attacks)-2 || len(files) > 32 {
		p.Errorf("%d files of inputs; want one for each part with an input: %v %v", len(files), files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 || info.Size() > 4096 {
			p.Errorf("%s: %v, mode %v, %d bytes; want 0600 and at most 4096", f, err, info.Mode(), info.Size())
		}
	}
}
