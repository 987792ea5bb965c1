package dnstest

import (
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Exchange is one query to an upstream, and the way back.
type Exchange struct {
	Query *dns.Msg
	Raw   []byte         // as it came
	From  netip.AddrPort // of the client
	UDP   bool
	Conn  net.Conn // nil over UDP
	send  func(b []byte)
	done  <-chan struct{}
}

// NewExchange returns an exchange over another transport than those of a [Server].
func NewExchange(query *dns.Msg, send func(b []byte)) *Exchange {
	return &Exchange{Query: query, send: send}
}

// Done returns a channel that is closed when the test ends.
func (x *Exchange) Done() <-chan struct{} { return x.done }

// Name returns the name of the question in lower case.
func (x *Exchange) Name() string { return strings.ToLower(x.Query.Question[0].Name) }

// Send sends bytes, with their length before them over TCP. It may be called more
// than once.
func (x *Exchange) Send(b []byte) { x.send(b) }

// Write sends a message.
func (x *Exchange) Write(m *dns.Msg) { x.Send(Pack(m)) }

// Reply makes an answer of records in presentation form.
func (x *Exchange) Reply(records ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(x.Query)
	m.RecursionAvailable, m.Compress = true, true
	for _, text := range records {
		m.Answer = append(m.Answer, Record(text))
	}
	return m
}

// Answer sends records in presentation form.
func (x *Exchange) Answer(records ...string) { x.Write(x.Reply(records...)) }

// Reset ends the connection with a reset, so that what was sent may be lost.
func (x *Exchange) Reset() {
	if c, ok := x.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = x.Conn.Close()
}

// Pack returns a message in wire form. It panics if that is not possible: then the
// test is wrong.
func Pack(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic("dnstest: " + err.Error())
	}
	return b
}

// Record reads a record in presentation form. It panics if there is none.
func Record(text string) dns.RR {
	r, err := dns.NewRR(text)
	if err != nil {
		panic("dnstest: " + text + ": " + err.Error())
	}
	return r
}
