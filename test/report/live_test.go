//go:build linux

package report_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// section is the configuration of the beat in the scene.
const section = `
  interfaces.device: ["vif*"]
  flows.period: -1s
  protocols: [{type: http, ports: [80]}, {type: tls, ports: [443], send_certificates: false}, {type: icmp}]
  inventory.file: HOME/inventory
  stats.period: 10s
  firewall.enabled: true
  resolver:
    socket: HOME/dns.sock
    listen: ["0.0.0.0:5353"]
    qvm_firewall: {qubesdb: %q}
    lists: {ads: {deny: ["ads.example.org\ntracker.example.org\n"]}}
    policies: [{lists: [ads]}]
  verify:
    enabled: true
    expect: [{qubes: [sys-vpn], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"]}]
name: sys-log
`

// orders is the address of a server that no name leads to.
const orders = "192.0.2.66"

// scene is a sys-log whose clients do what a report is about.
type scene struct {
	t testing.TB
	*testbed.Network
	ctx                                                   context.Context
	home                                                  string
	db                                                    *testbed.QubesDB
	work, banking, personal, untrusted, disp, vpn, behind *testbed.Qube
}

func newScene(t *testing.T) *scene {
	t.Helper()
	testbed.Require(t, "ip", "nft", "curl", "dig", "ping", "wg", "wireguard-go")
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skipf("%v: the scene has a tunnel; as root, or after chmod 666 /dev/net/tun", err)
	} else {
		f.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	s := &scene{t: t, Network: testbed.New(t, testbed.Config{}), ctx: ctx, home: beat.NewHome(t)}
	s.StartServers()
	entries := map[string]string{"/qubes-primary-dns": "10.139.1.1", "/qubes-secondary-dns": "10.139.1.2"}
	client := func(c testbed.Client, ip string) *testbed.Qube {
		c.IP = netip.MustParseAddr(ip)
		entries["/qubes-firewall/"+ip+"/policy"], entries["/qubes-firewall/"+ip+"/0000"] = "drop", "action=accept"
		return s.AddClient(c)
	}
	s.work = client(testbed.Client{Name: "work", Label: "blue", DomID: 4}, "10.137.0.6")
	s.banking = client(testbed.Client{Name: "banking", Label: "green", DomID: 5, Rules: []string{"tcp dport 80 reject with icmp type admin-prohibited"}}, "10.137.0.7")
	s.personal = client(testbed.Client{Name: "personal", Label: "yellow", DomID: 6}, "10.137.0.8")
	s.untrusted = client(testbed.Client{Name: "untrusted", Label: "red", DomID: 7}, "10.137.0.9")
	s.vpn = client(testbed.Client{Name: "sys-vpn", Label: "green", DomID: 9, ProvidesNetwork: true}, "10.137.0.20")
	s.disp = client(testbed.Client{Name: "disp1234", Label: "red", DomID: 19, Class: "DispVM"}, "10.138.4.218")
	s.behind = s.AddClient(testbed.Client{Name: "vpn-client", Label: "purple", DomID: 12, IP: netip.MustParseAddr("10.137.0.21"), NetVM: s.vpn})
	s.db = testbed.StartQubesDB(t, entries)
	return s
}

// try runs a program in a qube, which may fail: much of it is refused.
func (s *scene) try(q *testbed.Qube, name string, args ...string) {
	if _, _, err := q.Run(s.ctx, name, args...); err != nil {
		s.t.Logf("%s: %s %q: %v", q, name, args, err)
	}
}

// page fetches a page by a name, as a browser does: it asks the resolver first.
func (s *scene) page(q *testbed.Qube, scheme, path string) {
	s.ask(q, "www.example.org")
	s.try(q, "curl", "-sSk", "-o", "/dev/null", "--max-time", "4", "--resolve", "www.example.org:80:"+testbed.WebAddr, "--resolve", "www.example.org:443:"+testbed.WebAddr,
		scheme+"://www.example.org/"+path)
}

func (s *scene) ask(q *testbed.Qube, name string) {
	s.try(q, "dig", "@"+testbed.MagicDNS, "+tries=1", "+time=3", name)
}

// behindTunnel has the client of sys-vpn fetch a page through its tunnel, and ping after
// the tunnel's end.
func (s *scene) behindTunnel() {
	tunnel := s.tunnelUp()
	s.try(s.behind, "curl", "-sS", "-o", "/dev/null", "--max-time", "4", testbed.LargeURL+"40000")
	s.tunnelDown(tunnel)
	s.try(s.behind, "ping", "-c3", "-i0.2", "-W1", testbed.WebAddr)
}

// beacon has untrusted call a server of no name once a second, as a malicious program asks
// for its orders, while the others work; the series is looked at after 24 intervals. It
// returns a function that waits for its end.
func (s *scene) beacon() (wait func()) {
	s.sh(s.Net, "ip addr add "+orders+"/32 dev lo")
	if err := s.Net.Nft("table ip orders { chain in { type nat hook prerouting priority dstnat; ip daddr " + orders + " tcp dport 443 dnat to " + testbed.WebAddr + "; }; }"); err != nil {
		s.t.Fatal(err)
	}
	var calls sync.WaitGroup
	calls.Go(func() {
		s.try(s.untrusted, "sh", "-c", "for i in $(seq 27); do curl -sk -o /dev/null --max-time 1 https://"+orders+"/; sleep 1; done")
	})
	return calls.Wait
}

// play has the qubes do all that an event is about.
func (s *scene) play() {
	wait := s.beacon()
	defer wait()
	s.behindTunnel()
	s.page(s.work, "http", "large?bytes=300000")
	s.page(s.work, "https", "")
	s.page(s.personal, "https", "")
	s.page(s.banking, "https", "")
	s.page(s.banking, "http", "") // qvm-firewall rejects
	s.page(s.disp, "http", "large?bytes=20000")
	s.try(s.personal, "ping", "-c2", "-i0.2", testbed.WebAddr)
	for _, name := range []string{"ads.example.org", "tracker.example.org", "ads.example.org", "nosuch.example.org"} {
		s.ask(s.personal, name)
		s.ask(s.disp, name)
	}
	s.page(s.untrusted, "http", "")
	s.try(s.untrusted, "dig", "@"+testbed.DNSAddr, "+tries=1", "+time=2", "example.org") // around the resolver
	s.try(s.untrusted, "curl", "-sS", "--max-time", "1.5", "http://"+s.banking.IP.String()+"/")
	s.try(s.untrusted, "curl", "-sS", "--max-time", "1.5", "http://10.137.0.5:22/")
	s.try(s.untrusted, "ip", "addr", "add", s.banking.IP.String(), "dev", "eth0")
	s.try(s.untrusted, "ping", "-c3", "-i0.2", "-W1", "-I", s.banking.IP.String(), testbed.WebAddr)
}

// relabel has dom0 change the label of a qube.
func (s *scene) relabel() {
	path := filepath.Join(s.home, "inventory")
	text, err := os.ReadFile(path)
	changed := strings.Replace(string(text), "yellow", "orange", 1)
	if err != nil || changed == string(text) {
		s.t.Fatalf("no label to change in the inventory: %v", err)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestScene plays everything that the beat has an event for, live, and reads the report of
// it. With QUBESBEAT_RECORD=1 it keeps the events for the demonstration.
func TestScene(t *testing.T) {
	s := newScene(t)
	s.WriteInventory(filepath.Join(s.home, "inventory"))
	b := beat.Start(t, s.Network, s.home, fmt.Sprintf(section, s.db.Path))
	if _, _, err := s.Log.Run(s.ctx, beat.Program(t), b.Args("qubes", "apply")...); err != nil {
		t.Fatal(err)
	}
	s.play()
	s.relabel()
	b.Await(t, "the change of the inventory", func() bool {
		return len(b.Events(t).Where(beat.Event{"event.dataset": "qubesbeat.inventory", "event.action": "qube_changed"})) > 0
	})
	b.Stop(t)
	files, _ := filepath.Glob(filepath.Join(s.home, "out", "*.ndjson"))
	if len(files) != 1 {
		t.Fatalf("files of events: %v", files)
	}
	checkScene(t, files[0])
	if os.Getenv("QUBESBEAT_RECORD") != "" {
		data, err := os.ReadFile(files[0])
		if err == nil {
			err = os.WriteFile(fixture.Repository(t, "demo", "events.ndjson"), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
