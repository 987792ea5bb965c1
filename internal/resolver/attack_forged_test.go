package resolver_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// forgery is a packet that a forger could send in answer to a query.
type forgery struct {
	name string
	mix  bool // the resolver asks in random case
	make func(x *dnstest.Exchange) []byte
	from string // another address than the upstream's, "" for its own; a port of 0 is any
}

// forged is an answer with the attacker's address, to whatever was asked.
func forgedReply(x *dnstest.Exchange) *dns.Msg {
	return x.Reply(x.Query.Question[0].Name + " 300 IN A " + poison)
}

// turned is the forged answer with a change to its bytes.
func turned(change func(b []byte)) func(x *dnstest.Exchange) []byte {
	return func(x *dnstest.Exchange) []byte {
		b := dnstest.Pack(forgedReply(x))
		change(b)
		return b
	}
}

var forgeries = []forgery{
	{name: "wrong id", make: turned(func(b []byte) { b[1]++ })},
	{name: "wrong id, other byte", make: turned(func(b []byte) { b[0] ^= 0x80 })},
	{name: "id 0", make: turned(func(b []byte) { b[0], b[1] = 0, 0 })},
	{name: "wrong name", make: func(x *dnstest.Exchange) []byte {
		m := x.Reply(victim + " 300 IN A " + poison)
		m.Question[0].Name = victim
		return dnstest.Pack(m)
	}},
	{name: "wrong type", make: func(x *dnstest.Exchange) []byte {
		m := forgedReply(x)
		m.Question[0].Qtype = dns.TypeTXT
		return dnstest.Pack(m)
	}},
	{name: "wrong class", make: func(x *dnstest.Exchange) []byte {
		m := forgedReply(x)
		m.Question[0].Qclass = dns.ClassCHAOS
		return dnstest.Pack(m)
	}},
	{name: "no question", make: func(x *dnstest.Exchange) []byte {
		m := forgedReply(x)
		m.Question = nil
		return dnstest.Pack(m)
	}},
	{name: "two questions", make: func(x *dnstest.Exchange) []byte {
		m := forgedReply(x)
		m.Question = append(m.Question, m.Question[0])
		return dnstest.Pack(m)
	}},
	{name: "longer name", make: func(x *dnstest.Exchange) []byte {
		m := forgedReply(x)
		m.Question[0].Name = "x." + m.Question[0].Name
		return dnstest.Pack(m)
	}},
	{name: "wrong case", make: turned(func(b []byte) { b[13] ^= 0x20 })}, // the first letter, behind the header
	{name: "wrong case, case mixed", mix: true, make: turned(func(b []byte) { b[13] ^= 0x20 })},
	{name: "lower case, case mixed", mix: true, make: func(x *dnstest.Exchange) []byte {
		b := dnstest.Pack(forgedReply(x))
		end := bytes.IndexByte(b[12:], 0) + 12
		copy(b[12:end], bytes.ToLower(b[12:end]))
		if bytes.Equal(b[12:end], x.Raw[12:end]) {
			b[13] ^= 0x20 // by chance nothing was mixed
		}
		return b
	}},
	{name: "query", make: turned(func(b []byte) { b[2] &^= 0x80 })}, // QR=0
	{name: "wrong opcode", make: turned(func(b []byte) { b[2] |= 5 << 3 })},
	{name: "echo of the query", make: func(x *dnstest.Exchange) []byte { return x.Raw }},
	{name: "only a header", make: func(x *dnstest.Exchange) []byte {
		return append(bytes.Clone(x.Raw[:2]), 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0)
	}},
	{name: "11 bytes", make: func(x *dnstest.Exchange) []byte {
		return append(bytes.Clone(x.Raw[:2]), 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0)
	}},
	{name: "empty datagram", make: func(*dnstest.Exchange) []byte { return []byte{} }},
	{name: "SERVFAIL with a wrong id", make: turned(func(b []byte) { b[1]++; b[3] |= 2 })},
	{name: "FORMERR header with a wrong id", make: func(x *dnstest.Exchange) []byte {
		return append(binary.BigEndian.AppendUint16(nil, x.Query.Id+1), 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0)
	}},
	{name: "cut off, with a wrong id", make: turned(func(b []byte) { b[1]++; b[2] |= 2 })},
	{name: "malformed, with a wrong id", make: func(x *dnstest.Exchange) []byte {
		b := dnstest.Pack(forgedReply(x))
		b[1]++
		return b[:len(b)-7]
	}},
	{name: "other port", make: turned(func([]byte) {}), from: "127.0.0.1"},
	{name: "other address, same port", make: turned(func([]byte) {}), from: "127.0.0.9"},
}

// inject returns what sends a forgery from where it is to come from.
func (f *forgery) inject(t *testing.T, up *dnstest.Server) func(x *dnstest.Exchange) {
	t.Helper()
	if f.from == "" {
		return func(x *dnstest.Exchange) { x.Send(f.make(x)) }
	}
	a := &net.UDPAddr{IP: net.ParseIP(f.from)}
	if f.from != up.Addr.Addr().String() {
		a.Port = int(up.Addr.Port())
	}
	c, err := net.ListenUDP("udp", a)
	if err != nil {
		t.Skipf("%s is taken: %v; run the test again", a, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return func(x *dnstest.Exchange) { _, _ = c.WriteToUDPAddrPort(f.make(x), x.From) }
}

// A forged answer that comes first loses against the right one that comes later;
// without a right one the query fails, when its time is up. All forgeries run at
// once, since each has to wait: the second label of a name is its number.
func TestForged(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, dnstest.Silent)
	send := make([]func(x *dnstest.Exchange), len(forgeries))
	for i := range forgeries {
		send[i] = forgeries[i].inject(t, up)
	}
	var asked [100]atomic.Int32
	play := func(x *dnstest.Exchange) {
		label := dns.SplitDomainName(x.Name())
		i, err := strconv.Atoi(label[1])
		if err != nil {
			t.Errorf("%s was asked for", x.Name())
			return
		}
		send[i](x)
		if label[0] == "right" {
			asked[i].Add(1)
			right(x)
		}
	}
	up.Handle(play)
	mix := func(c *resolver.Config) { c.MixCase = true }
	plain, mixed := start(t, up, nil), start(t, up, mix)
	brief, briefMixed := start(t, up, hasty), start(t, up, func(c *resolver.Config) { hasty(c); mix(c) })
	together(len(forgeries), func(i int) bool {
		f, s, soon := &forgeries[i], plain, brief
		if f.mix {
			s, soon = mixed, briefMixed
		}
		name := fmt.Sprintf("right.%d.example.", i)
		s.expect(t, name, dns.TypeA, name+" A "+truth)
		if n := asked[i].Load(); n != 1 {
			t.Errorf("%s: the upstream was asked %d times; want once: a forged answer is no failure", f.name, n)
		}
		s.expect(t, name, dns.TypeA, name+" A "+truth)
		name = fmt.Sprintf("alone.%d.example.", i)
		began := time.Now()
		soon.expect(t, name, dns.TypeA, "SERVFAIL")
		if took := time.Since(began); took < timeout {
			t.Errorf("%s: the query failed after %v; want the answer waited for, at least %v", f.name, took, timeout)
		}
		soon.expect(t, name, dns.TypeA, "SERVFAIL")
		return true
	})
	for _, s := range []*setup{plain, mixed, brief, briefMixed} {
		s.clean(t, up)
	}
}

// A thousand forged answers of all kinds before the right one.
func TestForged_thousand(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := range 1000 {
			f := &forgeries[i%22] // those that need no other socket
			if f.mix {
				f = &forgeries[0]
			}
			b := bytes.Clone(f.make(x))
			if f.name == "wrong id" {
				binary.BigEndian.PutUint16(b, x.Query.Id+uint16(1+i))
			}
			x.Send(b)
			if i%25 == 0 {
				<-tick.C // not more than the socket holds
			}
		}
		for range 100 { // on a busy machine, the flood may still fill the socket
			<-tick.C
			right(x)
		}
	})
	s := start(t, up, longTimeouts) // a query after a timeout would not be the flood's doing
	s.expect(t, "www.example", dns.TypeA, "www.example. A "+truth)
	s.expect(t, "www.example", dns.TypeA, "www.example. A "+truth)
	if n := up.Asked(); n != 1 {
		t.Errorf("the upstream was asked %d times; want once", n)
	}
	s.clean(t, up)
}

// A forger that knows the port but not the id sends all but one.
func TestForged_allIDs(t *testing.T) {
	t.Parallel()
	var over atomic.Bool
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		b := dnstest.Pack(forgedReply(x))
		tick := time.NewTicker(50 * time.Microsecond)
		defer tick.Stop()
		for i := 0; i < 65535 && !over.Load(); i++ {
			binary.BigEndian.PutUint16(b, x.Query.Id+1+uint16(i))
			x.Send(b)
			if i%64 == 63 { // not more than the socket holds
				<-tick.C
			}
		}
	})
	s := start(t, up, hasty)
	s.expect(t, "www.example", dns.TypeA, "SERVFAIL")
	over.Store(true)
	s.clean(t, up)
}
