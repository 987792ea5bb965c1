package resolver_test

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// script makes what an upstream does.
type script func(t testing.TB) dns.HandlerFunc

// upstreamServer is an upstream, over UDP and TCP.
type upstreamServer struct {
	addr  netip.AddrPort
	asked atomic.Int32
	mu    sync.Mutex
	do    dns.HandlerFunc // guarded by mu, as last
	last  *dns.Msg
}

// newUpstream starts an upstream on a free port. It ends with the test.
func newUpstream(t testing.TB, do script) *upstreamServer {
	t.Helper()
	s := &upstreamServer{do: do(t)}
	var pc net.PacketConn
	var l net.Listener
	for range 50 { // until a port is free for both
		var err error
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if l, err = net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			break
		}
		_ = pc.Close()
	}
	s.addr = pc.LocalAddr().(*net.UDPAddr).AddrPort()
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
func (s *upstreamServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.asked.Add(1)
	s.mu.Lock()
	s.last = q.Copy()
	do := s.do
	s.mu.Unlock()
	do(w, q)
}

// become changes what an upstream does.
func become(name string, do script) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		s := w.ups[name]
		s.mu.Lock()
		defer s.mu.Unlock()
		s.do = do(t)
	}
}

// lastAsked returns the last query of an upstream.
func (w *world) lastAsked(name string) *dns.Msg {
	s := w.ups[name]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// zone answers from records in the form of a zone file. What is not there does
// not exist, for as long as a SOA record in it says, 60 s without one.
func zone(text string) script {
	return func(t testing.TB) dns.HandlerFunc {
		t.Helper()
		records := map[string][]dns.RR{}
		soa, _ := dns.NewRR(". 60 IN SOA a. b. 1 2 3 4 60")
		p := dns.NewZoneParser(strings.NewReader(text), ".", "")
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			if rr.Header().Rrtype == dns.TypeSOA {
				soa = rr
				continue
			}
			records[rr.Header().Name] = append(records[rr.Header().Name], rr)
		}
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		return func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(lookup(records, soa, w, q))
		}
	}
}

// lookup makes the answer of a zone.
func lookup(records map[string][]dns.RR, soa dns.RR, w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable, m.Compress = true, true
	name := strings.ToLower(q.Question[0].Name)
	for range 20 {
		var alias *dns.CNAME
		for _, rr := range records[name] {
			if c, ok := rr.(*dns.CNAME); ok {
				alias = c
			}
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME {
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
	if len(m.Answer) == 0 || m.Rcode != 0 {
		m.Ns = append(m.Ns, soa)
	}
	if overUDP(w) {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(size)
	}
	return m
}

// overUDP tells how a query came.
func overUDP(w dns.ResponseWriter) bool {
	_, ok := w.RemoteAddr().(*net.UDPAddr)
	return ok
}

// code answers with a code and nothing else.
func code(rcode int) script {
	return func(testing.TB) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(q, rcode)) }
	}
}

// silent does not answer.
func silent() script {
	return func(testing.TB) dns.HandlerFunc { return func(dns.ResponseWriter, *dns.Msg) {} }
}

// late answers after some time.
func late(d time.Duration, do script) script {
	return func(t testing.TB) dns.HandlerFunc {
		t.Helper()
		f := do(t)
		return func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(d) // the upstream is slow; the test does not wait for it
			f(w, q)
		}
	}
}

// first does one thing so many times, and then another.
func first(n int32, do, then script) script {
	return func(t testing.TB) dns.HandlerFunc {
		t.Helper()
		a, b := do(t), then(t)
		var asked atomic.Int32
		return func(w dns.ResponseWriter, q *dns.Msg) {
			if asked.Add(1) <= n {
				a(w, q)
				return
			}
			b(w, q)
		}
	}
}

// cutOff sets TC over UDP, and does something else over TCP.
func cutOff(tcp script) script {
	return func(t testing.TB) dns.HandlerFunc {
		t.Helper()
		f := tcp(t)
		return func(w dns.ResponseWriter, q *dns.Msg) {
			if !overUDP(w) {
				f(w, q)
				return
			}
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			_ = w.WriteMsg(m)
		}
	}
}

// shape changes the answers of another script.
func shape(do script, change func(q, a *dns.Msg)) script {
	return func(t testing.TB) dns.HandlerFunc {
		t.Helper()
		f := do(t)
		return func(w dns.ResponseWriter, q *dns.Msg) { f(&shaper{w, q, change}, q) }
	}
}

type shaper struct {
	dns.ResponseWriter
	q      *dns.Msg
	change func(q, a *dns.Msg)
}

// WriteMsg implements dns.ResponseWriter.
func (s *shaper) WriteMsg(a *dns.Msg) error {
	s.change(s.q, a)
	return s.ResponseWriter.WriteMsg(a)
}
