package dnsattack_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// liar is an upstream that does what a test says, byte by byte.
type liar struct {
	addr  netip.AddrPort
	asked atomic.Int32 // over UDP and TCP
	conns atomic.Int32 // accepted
	mu    sync.Mutex
	do    func(x *exchange) // guarded by mu
	udp   *net.UDPConn
	tcp   net.Listener
	open  map[net.Conn]bool // guarded by mu
	work  sync.WaitGroup
}

// exchange is one query that an upstream has got.
type exchange struct {
	q    *dns.Msg
	sent []byte         // as it came
	from netip.AddrPort // of the resolver
	conn *net.TCPConn   // nil over UDP
	send func(b []byte) // with the length before it over TCP
}

// newLiar starts an upstream on a port of its own, UDP and TCP.
func newLiar(t testing.TB, do func(x *exchange)) *liar {
	t.Helper()
	l := &liar{addr: freePort(t), do: do, open: map[net.Conn]bool{}}
	var err error
	if l.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(l.addr)); err != nil {
		t.Fatal(err)
	}
	_ = l.udp.SetReadBuffer(4 << 20)
	if l.tcp, err = net.Listen("tcp", l.addr.String()); err != nil {
		t.Fatal(err)
	}
	l.work.Go(l.readUDP)
	l.work.Go(l.accept)
	t.Cleanup(func() {
		_, _ = l.udp.Close(), l.tcp.Close()
		l.mu.Lock()
		for c := range l.open {
			_ = c.Close()
		}
		l.mu.Unlock()
		l.work.Wait()
	})
	return l
}

func (l *liar) set(do func(x *exchange)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.do = do
}

func (l *liar) readUDP() {
	buf := make([]byte, 65535)
	for {
		n, from, err := l.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		l.handle(&exchange{sent: append([]byte(nil), buf[:n]...), from: from,
			send: func(b []byte) { _, _ = l.udp.WriteToUDPAddrPort(b, from) }})
	}
}

func (l *liar) accept() {
	for {
		c, err := l.tcp.Accept()
		if err != nil {
			return
		}
		l.conns.Add(1)
		l.mu.Lock()
		l.open[c] = true
		l.mu.Unlock()
		l.work.Go(func() { l.readTCP(c.(*net.TCPConn)) })
	}
}

func (l *liar) readTCP(c *net.TCPConn) {
	defer c.Close()
	var writing sync.Mutex
	for {
		var head [2]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(c, msg); err != nil {
			return
		}
		l.handle(&exchange{sent: msg, conn: c, from: c.RemoteAddr().(*net.TCPAddr).AddrPort(), send: func(b []byte) {
			writing.Lock()
			defer writing.Unlock()
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		}})
	}
}

func (l *liar) handle(x *exchange) {
	l.asked.Add(1)
	x.q = new(dns.Msg)
	if x.q.Unpack(x.sent) != nil {
		return
	}
	l.mu.Lock()
	do := l.do
	l.mu.Unlock()
	l.work.Go(func() { do(x) })
}

// name is the name of the question, in lower case.
func (x *exchange) name() string { return strings.ToLower(x.q.Question[0].Name) }

// reply makes an answer of records.
func (x *exchange) reply(records ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(x.q)
	m.RecursionAvailable, m.Compress = true, true
	for _, text := range records {
		m.Answer = append(m.Answer, rr(text))
	}
	return m
}

// pack is the wire form of a message that a test has made.
func pack(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic("dnsattack: " + err.Error())
	}
	return b
}

// rr reads a record that a test has written.
func rr(text string) dns.RR {
	r, err := dns.NewRR(text)
	if err != nil {
		panic("dnsattack: " + text + ": " + err.Error())
	}
	return r
}

// answer sends records.
func (x *exchange) answer(records ...string) { x.send(pack(x.reply(records...))) }

// right sends the true answer to a question for an address.
func (x *exchange) right() { x.answer(x.q.Question[0].Name + " 300 IN A " + truth) }

// silent says nothing.
func silent(*exchange) {}

// honest answers from records; names that are not there do not exist. Answers
// that do not fit are cut over UDP.
func honest(t testing.TB, zone string) func(x *exchange) {
	t.Helper()
	records := map[string][]dns.RR{}
	p := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records[rr.Header().Name] = append(records[rr.Header().Name], rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return func(x *exchange) {
		m, name := x.reply(), x.name()
		for range 20 {
			next := ""
			for _, rr := range records[name] {
				if c, ok := rr.(*dns.CNAME); ok {
					next = c.Target
				}
				if rr.Header().Rrtype == x.q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME {
					m.Answer = append(m.Answer, rr)
				}
			}
			if next == "" {
				break
			}
			name = next
		}
		if len(m.Answer) == 0 {
			m.Ns = []dns.RR{rr(". 60 IN SOA a. b. 1 2 3 4 60")}
		}
		if records[name] == nil {
			m.Rcode = dns.RcodeNameError
		}
		if x.conn == nil {
			m.Truncate(1232)
		}
		x.send(pack(m))
	}
}
