package resilience_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

// resolver is a beat with a resolver on loopback, in a home that outlives it.
type resolver struct {
	*beat.Beat     // the last one that was started
	home, addr     string
	config, output string
}

// newResolver prepares a beat. section is the inside of the resolver section, indented
// by four.
func newResolver(t *testing.T, section string) *resolver {
	t.Helper()
	addr := dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1})).String()
	return &resolver{home: beat.NewHome(t), addr: addr, output: "output.file: {path: HOME/out, filename: events}",
		config: fmt.Sprintf("qubesbeat:\n  flows.enabled: false\n  resolver:\n    listen: [%q]\n    socket: HOME/s\n%s\n", addr, section)}
}

// start starts the beat and returns how long it took until it answered.
func (r *resolver) start(t *testing.T) time.Duration {
	t.Helper()
	c := beat.Self(t, "qubesbeat")
	c.Home = r.home
	c.Args = beat.Flags(r.home, beat.Write(t, r.home, "qubesbeat.yml", r.config+r.output), "-e")
	begin := time.Now()
	r.Beat = c.Launch(t)
	r.Await(t, "the resolver answers", func() bool {
		m, err := r.ask("localhost.", 200*time.Millisecond)
		return err == nil && m.Rcode == 0
	})
	return time.Since(begin)
}

func (r *resolver) ask(name string, timeout time.Duration) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	m.SetEdns0(1232, false)
	c := dns.Client{Timeout: timeout}
	a, _, err := c.Exchange(m, r.addr)
	return a, err
}

// text returns the first address of an answer and its extended error.
func text(m *dns.Msg) (addr string, ede int) {
	ede = -1
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				ede = int(e.InfoCode)
			}
		}
	}
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String(), ede
		}
	}
	return "", ede
}

// upstream answers every name with an address and a TTL of a second, until it is
// made silent or closed.
type upstream struct {
	addr string
	srv  *dns.Server
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{addr: pc.LocalAddr().String()}
	up := make(chan struct{})
	u.srv = &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(93, 184, 216, 34)}}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = u.srv.ActivateAndServe() }()
	<-up
	t.Cleanup(u.close)
	return u
}

func (u *upstream) close() { _ = u.srv.Shutdown() }
