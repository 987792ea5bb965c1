//go:build linux

package leak_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/pcapng"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

// lab is a network with a VPN qube, a client of it, and two other qubes. Every frame on
// sys-log's vifs and uplink is kept.
type lab struct {
	*testbed.Network
	t                        *testing.T
	vpn, client, work, other *testbed.Qube
	dir                      string
	programs                 map[string]*exec.Cmd

	mu     sync.Mutex
	frames []kept
	taps   []*testbed.Tap
	probes []judge.Probe
	ifaces []string
}

// kept is a frame of a capture.
type kept struct {
	iface    int
	outbound bool
	at       time.Time
	data     []byte
}

const (
	serverAddr = "203.0.113.9"
	gateway    = "10.137.0.5"
)

func newLab(t *testing.T, programs ...string) *lab {
	t.Helper()
	if os.Getenv("QUBESBEAT_RECORD") == "" {
		t.Skip("plays a scene for the recordings of module/verify; go tool mage recordScenes runs it, and test/qubes/leaks what is played in every run")
	}
	testbed.Require(t, append([]string{"nft", "ip", "curl", "ping"}, programs...)...)
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skipf("%v: tunnels need the device; as root, or after chmod 666 /dev/net/tun", err)
	} else {
		f.Close()
	}
	l := &lab{Network: testbed.New(t, testbed.Config{NoOffload: true}), t: t, dir: t.TempDir(), programs: map[string]*exec.Cmd{}}
	l.StartServers()
	add := func(name, label, ip, ip6 string, id int, via *testbed.Qube) *testbed.Qube {
		c := testbed.Client{Name: name, Label: label, DomID: id, IP: netip.MustParseAddr(ip), ProvidesNetwork: name == "sys-vpn", NetVM: via}
		if ip6 != "" {
			c.IP6 = netip.MustParseAddr(ip6)
		}
		return l.AddClient(c)
	}
	l.vpn = add("sys-vpn", "green", "10.137.0.20", "fd09:24ef:4179::a89:14", 7, nil)
	l.work = add("work", "blue", "10.137.0.6", "fd09:24ef:4179::a89:6", 4, nil)
	l.other = add("untrusted", "red", "10.137.0.9", "fd09:24ef:4179::a89:9", 5, nil)
	l.client = add("banking", "green", "10.137.0.22", "fd09:24ef:4179::a89:16", 12, l.vpn)
	l.sh(l.Net, "ip addr add "+serverAddr+"/32 dev lo")
	for _, name := range []string{l.vpn.Vif, l.work.Vif, l.other.Vif, "eth0"} {
		l.tap(name)
	}
	return l
}

// tap keeps the frames of an interface of sys-log.
func (l *lab) tap(name string) {
	l.t.Helper()
	n := len(l.ifaces)
	l.ifaces = append(l.ifaces, name)
	tap, err := l.Log.Tap(name, func(f testbed.Frame) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.frames = append(l.frames, kept{n, f.Outbound, f.Time, slices.Clone(f.Data)})
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.taps = append(l.taps, tap)
}

// sh runs a command line in a qube and fails the test unless it succeeds.
func (l *lab) sh(q *testbed.Qube, line string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	out, errText, err := q.Run(ctx, "sh", "-c", line)
	if err != nil {
		l.t.Fatalf("%s: %s: %v\n%s", q, line, err, errText)
	}
	return strings.TrimSpace(out)
}

// try runs a command line that may fail.
func (l *lab) try(q *testbed.Qube, line string) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	_, _, _ = q.Run(ctx, "sh", "-c", line)
}

// start starts a program that runs until the test ends, or stop.
func (l *lab) start(q *testbed.Qube, name string, env []string, args ...string) {
	l.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := q.Start(cmd); err != nil {
		l.t.Fatal(err)
	}
	l.programs[q.String()+" "+name] = cmd
	l.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if l.t.Failed() {
			l.t.Logf("%s in %s says:\n%s", name, q, out.String())
		}
	})
}

// stop ends a program.
func (l *lab) stop(q *testbed.Qube, name string, s os.Signal) {
	l.t.Helper()
	cmd := l.programs[q.String()+" "+name]
	if err := cmd.Process.Signal(s); err != nil {
		l.t.Fatal(err)
	}
	_, _ = cmd.Process.Wait()
}

// eventually runs a command line in a qube until it succeeds.
func (l *lab) eventually(q *testbed.Qube, line string) {
	l.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
		_, text, err := q.Run(ctx, "sh", "-c", line)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: %s: %v\n%s", q, line, err, text)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// settings are what is expected in the scenes.
func settings(protocol, endpoint string) *config.Verify {
	return &config.Verify{Enabled: true, Window: config.Duration(15 * time.Minute), Hold: config.Duration(24 * time.Hour), Period: config.Duration(15 * time.Minute),
		Expect: []config.VerifyExpect{{Qubes: []string{"sys-vpn"}, Exit: "vpn", Protocol: protocol, Endpoints: []string{endpoint}}}}
}

// record is what a scene is kept as, beside its capture.
type record struct {
	Scene     string
	Expect    config.Verify
	Inventory string
	Probes    []judge.Probe `json:",omitempty"`
	Want      []string
}

// check ends the scene, writes its capture, and compares the verdicts on it: "VPN-1 sys-vpn
// pass".
func (l *lab) check(scene string, conf *config.Verify, want ...string) {
	l.t.Helper()
	l.Settle()
	for _, tap := range l.taps {
		if err := tap.Close(); err != nil {
			l.t.Error(err)
		}
	}
	base := filepath.Join(l.t.TempDir(), scene)
	if dir := os.Getenv("QUBESBEAT_RECORD"); dir != "" {
		base = filepath.Join(dir, scene)
	}
	l.write(base + ".pcapng")
	kept := *conf
	kept.Expect = slices.Clone(conf.Expect)
	if relays := kept.Expect[0].Relays; relays != "" {
		kept.Expect[0].Relays = filepath.Base(relays)
	}
	r := record{Scene: l.t.Name(), Expect: kept, Inventory: l.Inventory(), Probes: l.probes, Want: want}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(base+".json", append(text, '\n'), 0o644); err != nil {
		l.t.Fatal(err)
	}
	snapshot, err := inventory.Parse(strings.NewReader(r.Inventory), inventory.Config{})
	if err != nil {
		l.t.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(snapshot, time.Now())
	view, err := verify.Replay(l.t.Context(), conf, index, base+".pcapng", l.probes...)
	if err != nil {
		l.t.Fatal(err)
	}
	compare(l.t, view, want)
	l.judge(base+".pcapng", conf, view)
}

// judge has tshark count the packets of sys-vpn that are not for the endpoint, with its own
// decoders, and compares that with what verification has counted.
func (l *lab) judge(file string, conf *config.Verify, view *judge.View) {
	l.t.Helper()
	if len(conf.Expect[0].Endpoints) == 0 {
		return
	}
	path, err := exec.LookPath("tshark")
	if err != nil {
		l.t.Log("without tshark, no one else counts")
		return
	}
	host, rest, _ := strings.Cut(conf.Expect[0].Endpoints[0], ":")
	port, proto, _ := strings.Cut(rest, "/")
	filter := "frame.interface_name==\"vif7.0\" && (ip.src==10.137.0.20 || ipv6.src==" + l.vpn.IP6.String() + ") && !icmpv6.type==135 && !icmpv6.type==136 && " +
		"!(ip.dst==" + host + " && " + proto + ".dstport==" + port + ")"
	out, err := exec.CommandContext(l.t.Context(), path, "-r", file, "-Y", filter, "-T", "fields", "-e", "frame.number").Output()
	if err != nil {
		l.t.Fatalf("tshark: %v", err)
	}
	want := uint64(strings.Count(string(out), "\n"))
	for _, v := range view.Verdicts {
		if v.Check == "VPN-1" && v.Subject == "sys-vpn" && v.Against != want {
			l.t.Errorf("%d packets against VPN-1; tshark counts %d", v.Against, want)
		}
	}
}

// compare compares verdicts with what is wanted.
func compare(t *testing.T, view *judge.View, want []string) {
	t.Helper()
	got := map[string]string{}
	for _, v := range view.Verdicts {
		text := v.Verdict
		if v.Contained {
			text += " contained"
		}
		got[v.Check+" "+v.Subject] = text
	}
	for _, one := range want {
		check, rest, _ := strings.Cut(one, " ")
		subject, verdict, _ := strings.Cut(rest, " ")
		if is := got[check+" "+subject]; is != verdict {
			t.Errorf("%s of %s is %q; want %q", check, subject, is, verdict)
		}
	}
	if t.Failed() {
		for _, v := range view.Verdicts {
			t.Logf("%-10s %-7s %-12s %s %s", v.Verdict, v.Check, v.Subject, v.Why, v.Text)
		}
	}
}

// write writes the frames, in the order of their times.
func (l *lab) write(path string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.frames, func(a, b kept) int { return a.at.Compare(b.at) })
	b := pcapng.AppendSection(nil, &pcapng.Section{Program: "qubesbeat testbed"})
	for _, name := range l.ifaces {
		b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: name})
	}
	for _, f := range l.frames {
		flags := uint32(1)
		if f.outbound {
			flags = 2
		}
		data := f.data[:min(len(f.data), 192)] // headers, and what marks a tunnel
		if f.data[23] == 6 {
			data = f.data[:min(len(f.data), 640)] // a ClientHello of Tor has some 590 bytes
		}
		b = pcapng.AppendPacket(b, &pcapng.Packet{Interface: uint32(f.iface), At: f.at.UnixNano(), Data: data, Length: uint32(len(f.data)), Flags: flags})
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		l.t.Fatal(err)
	}
}
