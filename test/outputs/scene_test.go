//go:build linux

package outputs_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// scene is a Qubes network in which every kind of event occurs.
type scene struct {
	*testing.T
	*testbed.Network
	beat                        *beat.Beat
	work, personal, offline, dv *testbed.Qube
}

// everything switches all on that makes events. The share of a qube is the smallest.
const everything = `
  interfaces.device: ["vif*"]
  flows.period: -1s
  stats.period: 1s
  quota: {enabled: true, burst_mb: 1, per_day_mb: 1}
  inventory: {file: HOME/inventory, hold: 0s, qrexec: {enabled: true, socket: HOME/push.sock}}
  firewall: {enabled: true}
  verify: {enabled: true}
  resolver:
    socket: HOME/dns.sock
    listen: ["0.0.0.0:5353"]
    qvm_firewall: {qubesdb: %q}
    lists: {ads: {deny: ["ads.example.org\n"]}}
    policies: [{lists: [ads]}]
name: %s
`

// prohibited is how qvm-firewall refuses.
const prohibited = " reject with icmp type admin-prohibited"

// userRule is a rule of the owner of sys-log, with a log line of its own.
const userRule = `add rule ip qubes custom-forward ip saddr 10.138.4.218 tcp dport 4444 drop`

// playScene lets the qubes of a sensor do all that there is a kind of event for, and
// returns the folder with the events as a file output has written them.
func playScene(t *testing.T, sensor string) (dir string) {
	t.Helper()
	testbed.Programs(t, "ip", "nft", "curl", "dig", "ping")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	s := &scene{T: t, Network: nw}
	client := func(name, label, class string, id int, ip string, rules ...string) *testbed.Qube {
		return nw.AddClient(testbed.Client{Name: name, Label: label, Class: class, DomID: id, IP: netip.MustParseAddr(ip), Rules: rules})
	}
	s.work = client("work", "blue", "", 4, "10.137.0.6", "tcp dport 8443"+prohibited, "udp dport 9999"+prohibited)
	s.personal = client("personal", "yellow", "", 5, "10.137.0.7")
	s.offline = client("offline", "black", "", 6, "10.137.0.9")
	s.dv = client("disp1234", "red", "DispVM", 19, "10.138.4.218")
	entries := map[string]string{"/qubes-primary-dns": "10.139.1.1", "/qubes-secondary-dns": "10.139.1.2"}
	for ip, rule := range map[string]string{"10.137.0.6": "accept", "10.137.0.7": "accept", "10.138.4.218": "accept", "10.137.0.9": "drop"} {
		entries["/qubes-firewall/"+ip+"/policy"], entries["/qubes-firewall/"+ip+"/0000"] = "drop", "action="+rule
	}
	home := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(home, "inventory"))
	if err := nw.Log.Nft(userRule); err != nil {
		t.Fatal(err)
	}
	s.beat = beat.Start(t, nw, home, fmt.Sprintf(everything, testbed.StartQubesDB(t, entries).Path, sensor))
	if out, _, err := nw.Log.Run(t.Context(), beat.Program(t), s.beat.Args("qubes", "apply")...); err != nil {
		t.Fatalf("qubes apply: %v\n%s", err, out)
	}
	s.names()
	s.bypass()
	s.refused()
	s.inventory(home)
	s.flood()
	poll.Settle(t, "events come no more", 1200*time.Millisecond, func() int { return len(s.beat.Events(t).Where(beat.Event{"type": "firewall"})) })
	s.beat.Stop(t)
	return filepath.Join(home, "out")
}

// run runs a program in a qube, whatever its outcome.
func (s *scene) run(q *testbed.Qube, name string, args ...string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	if out, stderr, err := q.Run(ctx, name, args...); err != nil {
		s.Logf("%s: %s %q: %v %s %s", q, name, args, err, out, stderr)
	}
}

// names asks for names that exist, that do not, that are blocked and that are refused,
// and uses them.
func (s *scene) names() {
	for _, q := range []*testbed.Qube{s.personal, s.personal, s.dv, s.offline} {
		s.run(q, "dig", "+tries=1", "+time=6", "@"+testbed.MagicDNS, "www.example.org")
	}
	for _, name := range []string{"ads.example.org", "none.example.org", "www.example.org"} {
		s.run(s.work, "dig", "+tries=1", "+time=6", "@"+testbed.MagicDNS, name)
	}
	s.run(s.personal, "curl", "-sSk", "-o", "/dev/null", "--max-time", "8", "--resolve", "www.example.org:443:"+testbed.WebAddr, "https://www.example.org/")
	s.run(s.dv, "curl", "-sS", "-o", "/dev/null", "--max-time", "8", testbed.LargeURL+"20000")
}

// bypass resolves names without the resolver, and goes to an address that no answer has.
func (s *scene) bypass() {
	s.run(s.work, "dig", "+tries=1", "+time=3", "@"+testbed.DNSAddr, "www.example.org")
	s.run(s.dv, "curl", "-sSk", "-o", "/dev/null", "--max-time", "8", "--resolve", "dns.google:443:"+testbed.WebAddr, "https://dns.google/")
	s.run(s.work, "curl", "-sS", "-o", "/dev/null", "--max-time", "3", "http://"+testbed.Unreachable+"/")
}

// refused does what sys-log does not let happen: at every point of the firewall.
func (s *scene) refused() {
	s.connect(s.work, testbed.WebAddr+":8443")
	s.connect(s.dv, "10.137.0.6:22")
	s.connect(s.dv, "10.137.0.5:22")
	s.connect(s.dv, testbed.WebAddr+":4444")
	s.datagrams(s.work, 60, testbed.DNSAddr+":9999")
	time.Sleep(time.Second)                          // until the verdicts are known
	s.datagrams(s.work, 60, testbed.DNSAddr+":9999") // so that they are coalesced to make room
	s.run(s.dv, "ip", "addr", "add", "10.137.0.77/32", "dev", "eth0")
	s.run(s.dv, "ping", "-c", "2", "-i", "0.2", "-W", "1", "-I", "10.137.0.77", testbed.WebAddr)
}

// connect tries a connection.
func (s *scene) connect(q *testbed.Qube, to string) {
	_ = q.Do(func() error {
		conn, err := net.DialTimeout("tcp", to, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return nil
	})
}

// datagrams sends one from each of n ports.
func (s *scene) datagrams(q *testbed.Qube, n int, to string) {
	s.Helper()
	err := q.Do(func() error {
		for range n {
			conn, err := net.Dial("udp4", to)
			if err != nil {
				return err
			}
			_, _ = conn.Write([]byte("x")) // what was refused before is an error here
			_ = conn.Close()
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// inventory changes a label, adds a qube, takes one away, and starts one that the
// inventory does not know.
func (s *scene) inventory(home string) {
	file := filepath.Join(home, "inventory")
	before, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	changed := strings.Replace(string(before), "|yellow|", "|orange|", 1) + "new|AppVM|Halted|gray|sys-log|10.137.0.30|-|debian-12|False|-1|7c9e6679-7425-40de-944b-e07fc1f90ae7\n"
	for _, text := range []string{changed, string(before)} {
		seen := len(s.beat.Events(s.T).Where(beat.Event{"type": "inventory"}))
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			s.Fatal(err)
		}
		s.beat.Await(s.T, "the inventory has changed", func() bool { return len(s.beat.Events(s.T).Where(beat.Event{"type": "inventory"})) > seen })
	}
	stranger := s.AddClient(testbed.Client{Name: "late", DomID: 44, IP: netip.MustParseAddr("10.137.0.44")})
	s.run(stranger, "curl", "-sS", "-o", "/dev/null", "--max-time", "8", testbed.SmallURL)
}

// flood goes beyond the share of a qube, with packets that are answered.
func (s *scene) flood() {
	err := s.dv.Do(func() error {
		for range 1500 {
			if conn, err := net.Dial("tcp4", testbed.WebAddr+":81"); err == nil {
				_ = conn.Close()
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}
