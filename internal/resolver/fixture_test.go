package resolver_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// scripted is an upstream that does what a test says, over UDP and TCP.
type scripted struct {
	addr  netip.AddrPort
	asked atomic.Int32
	mu    sync.Mutex
	do    func(w dns.ResponseWriter, q *dns.Msg) // guarded by mu
}

// newScripted starts an upstream that answers with a function.
func newScripted(t testing.TB, do func(w dns.ResponseWriter, q *dns.Msg)) *scripted {
	t.Helper()
	s := &scripted{do: do}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	l, err := net.Listen("tcp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: l, Handler: s}} {
		up, done := make(chan struct{}), make(chan struct{})
		srv.NotifyStartedFunc = func() { close(up) }
		go func() {
			defer close(done)
			_ = srv.ActivateAndServe()
		}()
		<-up
		t.Cleanup(func() {
			_ = srv.Shutdown()
			<-done
		})
	}
	return s
}

// ServeDNS implements dns.Handler.
func (s *scripted) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.asked.Add(1)
	s.mu.Lock()
	do := s.do
	s.mu.Unlock()
	do(w, q)
}

// zone answers from records in the form of a zone file; what is not there does
// not exist.
func zone(t testing.TB, text string) func(w dns.ResponseWriter, q *dns.Msg) {
	t.Helper()
	records := map[string][]dns.RR{}
	p := dns.NewZoneParser(strings.NewReader(text), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records[rr.Header().Name] = append(records[rr.Header().Name], rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.RecursionAvailable, m.Compress = true, true
		name := strings.ToLower(q.Question[0].Name)
		for links := 0; links < 20; links++ {
			var alias *dns.CNAME
			for _, rr := range records[name] {
				if c, ok := rr.(*dns.CNAME); ok {
					alias = c
					m.Answer = append(m.Answer, rr)
				} else if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
			if alias == nil || q.Question[0].Qtype == dns.TypeCNAME {
				break
			}
			name = alias.Target
		}
		if _, ok := records[name]; !ok {
			m.Rcode = dns.RcodeNameError
		}
		if len(m.Answer) == 0 {
			soa, _ := dns.NewRR(". 60 IN SOA a. b. 1 2 3 4 60")
			m.Ns = append(m.Ns, soa)
		}
		if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
			size := dns.MinMsgSize
			if o := q.IsEdns0(); o != nil {
				size = int(o.UDPSize())
			}
			m.Truncate(size)
		}
		_ = w.WriteMsg(m)
	}
}

// setup is a resolver under test and what it stands on.
type setup struct {
	*resolver.Resolver
	addr netip.AddrPort
	log  *dnsevent.Queue
	stop func()
}

// options are what tests change; the zero value is a forwarder without lists.
type options struct {
	upstream []netip.AddrPort
	strategy upstream.Strategy
	deny     string // of the list ads, for everybody
	allow    string
	compat   bool
	change   func(c *resolver.Config)
	qubes    []*qube.Qube
}

// loopback finds a free port for UDP and TCP.
func freePort(t testing.TB) netip.AddrPort {
	t.Helper()
	for range 50 {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		a := pc.LocalAddr().(*net.UDPAddr).AddrPort()
		l, err := net.Listen("tcp", a.String())
		_ = pc.Close()
		if err == nil {
			_ = l.Close()
			return a
		}
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}

// start starts a resolver on a free port. It ends with the test.
func start(t testing.TB, o options) *setup {
	t.Helper()
	group := upstream.Config{Strategy: o.strategy, Timeout: 500 * time.Millisecond}
	if o.strategy == "" {
		group.Strategy = upstream.ParallelBest
	}
	for _, a := range o.upstream {
		one, err := upstream.Parse("udp://" + a.String())
		if err != nil {
			t.Fatal(err)
		}
		group.Servers = append(group.Servers, one)
	}
	c := resolver.Config{Listen: []netip.AddrPort{freePort(t)},
		Rules: resolver.Rules{Groups: []*upstream.Group{upstream.NewGroup(group)}, Special: true, PrivateTLDs: true,
			Policy: &dnspolicy.Config{Upstreams: []string{"default"}, Block: dnspolicy.Block{TTL: 60}}},
		Cache:  resolver.Cache{Size: 1 << 20, MaxNegative: 3600},
		Limits: resolver.Limits{InFlight: 2048, QubeInFlight: 128, TCP: 256, QubeTCP: 16, Budget: 2 * time.Second},
		Qubes:  func() []*qube.Qube { return o.qubes }, Log: dnsevent.NewQueue(4096)}
	if o.deny != "" || o.allow != "" {
		var src []lists.Source
		l := dnspolicy.List{Name: "ads"}
		if o.deny != "" {
			l.Deny, l.Except = append(l.Deny, lists.Deny(len(src))), append(l.Except, lists.Allowed(len(src)))
			src = append(src, lists.Source{List: "ads", Location: o.deny + "\n"})
		}
		if o.allow != "" {
			l.Allow = append(l.Allow, lists.Allowed(len(src)))
			src = append(src, lists.Source{List: "ads", Allow: true, Location: o.allow + "\n"})
		}
		l.AllowOnly = o.deny == ""
		m, err := lists.New(lists.Config{Sources: src, Compat: o.compat})
		if err != nil {
			t.Fatal(err)
		}
		c.Lists, c.Policy.Lists, c.Policy.Rules = m, []dnspolicy.List{l}, []dnspolicy.Rule{{Lists: []string{"ads"}}}
	}
	if o.change != nil {
		o.change(&c)
	}
	return serve(t, c)
}

func serve(t testing.TB, c resolver.Config) *setup {
	t.Helper()
	r, err := resolver.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	s := &setup{Resolver: r, addr: c.Listen[0], log: c.Log}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	for range 100 {
		if conn, err := net.Dial("tcp", s.addr.String()); err == nil {
			_ = conn.Close()
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the resolver does not listen")
	return nil
}

// ask sends a query and returns the answer. change may be nil.
func (s *setup) ask(t testing.TB, name string, qtype uint16, change func(*dns.Msg)) *dns.Msg {
	t.Helper()
	return s.over(t, "udp", name, qtype, change)
}

func (s *setup) over(t testing.TB, network, name string, qtype uint16, change func(*dns.Msg)) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(1232, false)
	if change != nil {
		change(m)
	}
	c := dns.Client{Net: network, Timeout: 6 * time.Second, UDPSize: 4096}
	a, _, err := c.Exchange(m, s.addr.String())
	if err != nil {
		t.Fatalf("%s %s: %v", name, dns.TypeToString[qtype], err)
	}
	return a
}

// entry waits for the next entry of the log.
func (s *setup) entry(t testing.TB) dnsevent.Entry {
	t.Helper()
	batch := make([]dnsevent.Entry, 1)
	if n, _ := s.log.Pop(batch); n == 0 {
		t.Fatal("the log is closed")
	}
	return batch[0]
}

// answers returns the answers of a message, one line each, without TTLs.
func answers(m *dns.Msg) string {
	var out []string
	for _, rr := range m.Answer {
		f := strings.Split(rr.String(), "\t")
		out = append(out, f[0]+" "+strings.Join(f[3:], " "))
	}
	return strings.Join(out, "\n")
}

// ede returns the code of the extended error, -1 for none.
func ede(m *dns.Msg) int {
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				return int(e.InfoCode)
			}
		}
	}
	return -1
}
