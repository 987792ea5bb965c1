//go:build linux

package main

import (
	"context"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// largeBytes is the size of the large download: most of the capture, which is
// to stay below 600 kB.
const largeBytes = "300000"

// stage has the qubes of the demonstration.
type stage struct {
	ctx     context.Context // of the recording, which is one call of play
	s       *session
	nw      *testbed.Network
	clients []*testbed.Qube // those on sys-log

	work, personal, banking, untrusted, disp, vpn, behind *testbed.Qube
}

// newStage starts the qubes.
func newStage(ctx context.Context, s *session, nw *testbed.Network) *stage {
	st := &stage{ctx: ctx, s: s, nw: nw}
	add := func(name, label string, domID int, ip, ip6 string) *testbed.Qube {
		c := testbed.Client{Name: name, Label: label, DomID: domID, IP: netip.MustParseAddr(ip)}
		if ip6 != "" {
			c.IP6 = netip.MustParseAddr(ip6)
		}
		switch name {
		case "disp1234":
			c.Class = "DispVM"
		case "sys-vpn":
			c.ProvidesNetwork = true
		case "banking": // https only
			c.Rules = []string{"tcp dport 80 reject with icmp type admin-prohibited"}
		}
		q := nw.AddClient(c)
		st.clients = append(st.clients, q)
		return q
	}
	st.work = add("work", "blue", 4, "10.137.0.6", "fd09:24ef:4179::a89:6")
	st.banking = add("banking", "green", 5, "10.137.0.7", "")
	st.personal = add("personal", "yellow", 6, "10.137.0.8", "fd09:24ef:4179::a89:8")
	st.untrusted = add("untrusted", "red", 7, "10.137.0.9", "")
	st.vpn = add("sys-vpn", "green", 9, "10.137.0.20", "")
	st.disp = add("disp1234", "red", 19, "10.138.4.218", "fd09:24ef:4179::a8a:4d2")
	st.behind = nw.AddClient(testbed.Client{
		Name: "vpn-client", Label: "purple", DomID: 12, IP: netip.MustParseAddr("10.137.0.21"), NetVM: st.vpn,
	})
	return st
}

// play lets the qubes work.
func (st *stage) play() {
	st.dailyWork()
	st.trouble()
	st.attacks()
	// Last answers and acknowledgements are on their way.
	st.nw.Settle()
}

// dailyWork is ordinary traffic: names, pages, a download.
func (st *stage) dailyWork() {
	for _, q := range st.clients {
		st.dig(q, "www.example.org")
	}
	st.page(st.work, "http://www.example.org/")
	st.page(st.work, "https://www.example.org/")
	st.page(st.work, "http://www.example.org/large?bytes="+largeBytes)
	st.dig(st.work, "-t", "AAAA", "www.example.org")
	st.run(st.work, "curl", "-sS", "-o", "/dev/null", testbed.SmallURL6)

	st.page(st.banking, "https://www.example.org/")
	st.page(st.banking, "https://example.org/")

	st.dig(st.personal, "-t", "TXT", "big.example.org") // truncated, again over TCP
	st.page(st.personal, "https://www.example.org/")
	st.run(st.personal, "ping", "-c3", "-i0.2", testbed.WebAddr)
	st.run(st.personal, "ping", "-c2", "-i0.2", testbed.WebAddr6)

	st.page(st.disp, "http://www.example.org/large?bytes=20000")
	st.page(st.vpn, "https://www.example.org/")
	st.dig(st.behind, "example.org") // seen as sys-vpn
	st.page(st.behind, "https://www.example.org/")
}

// trouble is failing traffic without bad intent.
func (st *stage) trouble() {
	st.dig(st.untrusted, "nosuch.example.org")
	st.fail(st.untrusted, "curl", "-sS", testbed.RefusedURL)                                   // TCP reset
	st.fail(st.untrusted, "dig", "+tries=1", "+time=1", "@"+testbed.WebAddr, "example.org")    // ICMP port unreachable
	st.fail(st.disp, "ping", "-c2", "-i0.2", "-W1", testbed.Unreachable)                       // ICMP host unreachable
	st.fail(st.banking, "curl", "-sS", "--max-time", "2", "http://"+testbed.WebAddr+"/")       // qvm-firewall rejects
	st.fail(st.disp, "curl", "-sS", "--max-time", "2", "http://"+testbed.MagicDNS+":5353/api") // refused
}

// attacks is the traffic that sys-log exists to reveal.
func (st *stage) attacks() {
	st.page(st.untrusted, "http://www.example.org/")
	// From qube to qube: dropped without an answer.
	st.fail(st.untrusted, "curl", "-sS", "--max-time", "1.5", "http://"+st.banking.IP.String()+"/")
	st.fail(st.untrusted, "ping", "-c2", "-i0.2", "-W1", st.work.IP.String())
	// With the address of banking: dropped by antispoof, visible on the vif.
	st.run(st.untrusted, "ip", "addr", "add", st.banking.IP.String(), "dev", "eth0")
	st.fail(st.untrusted, "ping", "-c5", "-i0.2", "-W1", "-I", st.banking.IP.String(), testbed.WebAddr)
}

// page fetches an URL; the name in it is the web server's.
func (st *stage) page(q *testbed.Qube, url string) {
	args := []string{"-sSk", "-o", "/dev/null"}
	for _, name := range []string{"example.org", "www.example.org"} {
		for _, port := range []string{"80", "443"} {
			args = append(args, "--resolve", name+":"+port+":"+testbed.WebAddr)
		}
	}
	st.run(q, "curl", append(args, url)...)
}

// dig asks the resolver that every qube has.
func (st *stage) dig(q *testbed.Qube, args ...string) {
	st.run(q, "dig", append([]string{"@" + testbed.MagicDNS}, args...)...)
}

// run runs a program that must succeed.
func (st *stage) run(q *testbed.Qube, name string, args ...string) {
	_, _, err := q.Run(st.ctx, name, args...)
	st.s.must(err)
}

// fail runs a program that must not succeed.
func (st *stage) fail(q *testbed.Qube, name string, args ...string) {
	if _, _, err := q.Run(st.ctx, name, args...); err == nil {
		st.s.Fatalf("%s: %s %q succeeded; want it refused", q, name, args)
	}
}
