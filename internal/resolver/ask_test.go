package resolver_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// query is a question and how it is asked.
type query struct {
	msg  *dns.Msg
	tcp  bool
	cut  int           // bytes to leave out at the end
	wait time.Duration // for the answer
}

// parseQuery reads a query as dig has it: name, type, and options.
//
//	www.example AAAA +tcp +do +cd +ad +noedns +bufsize=4096 +opcode=4 +class=CH +id=0 ...
func parseQuery(t testing.TB, text string) *query {
	t.Helper()
	f := strings.Fields(text)
	kind, ok := dns.StringToType[f[1]]
	if n, err := strconv.Atoi(strings.TrimPrefix(f[1], "TYPE")); !ok && err == nil {
		kind, ok = uint16(n), true
	}
	if !ok {
		t.Fatalf("%q: no such type", text)
	}
	q := &query{msg: new(dns.Msg), wait: longWait}
	q.msg.SetQuestion(dns.Fqdn(f[0]), kind)
	q.msg.SetEdns0(1232, false)
	for _, o := range f[2:] {
		key, value, _ := strings.Cut(strings.TrimPrefix(o, "+"), "=")
		if !q.header(key, value) && !q.edns(t, key, value) {
			t.Fatalf("%q: no option %s", text, key)
		}
	}
	return q
}

// header reads options of the message.
func (q *query) header(key, value string) bool {
	n, _ := strconv.Atoi(value)
	switch m := q.msg; key {
	case "tcp":
		q.tcp = true
	case "cd":
		m.CheckingDisabled = true
	case "ad":
		m.AuthenticatedData = true
	case "nord":
		m.RecursionDesired = false
	case "qr":
		m.Response = true
	case "opcode":
		m.Opcode = n
	case "id":
		m.Id = uint16(n)
	case "class":
		m.Question[0].Qclass = dns.StringToClass[value]
	case "qdcount":
		for len(m.Question) < n {
			m.Question = append(m.Question, dns.Question{Name: "second.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET})
		}
		m.Question = m.Question[:n]
	case "cut":
		q.cut = n
	case "soon": // no answer is expected
		q.wait = 150 * time.Millisecond
	default:
		return false
	}
	return true
}

// edns reads options of the OPT record.
func (q *query) edns(t testing.TB, key, value string) bool {
	t.Helper()
	n, _ := strconv.Atoi(value)
	o := q.msg.IsEdns0()
	switch key {
	case "noedns":
		q.msg.Extra = nil
	case "do":
		o.SetDo()
	case "bufsize":
		o.SetUDPSize(uint16(n))
	case "edns":
		o.SetVersion(uint8(n))
	case "z":
		o.SetZ(0x40)
	case "opt":
		o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: uint16(n), Data: []byte{1, 2, 3}})
	case "cookie":
		o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: value})
	case "subnet":
		ip, net, err := net.ParseCIDR(value)
		if err != nil {
			t.Fatal(err)
		}
		ones, _ := net.Mask.Size()
		o.Option = append(o.Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(ones), Address: ip})
	case "twice":
		q.msg.Extra = append(q.msg.Extra, dns.Copy(o))
	default:
		return false
	}
	return true
}

// reply is what came back, nil where nothing did.
type reply struct {
	*dns.Msg
	size  int
	query *query
	where string
	t     *testing.T
	w     *world
}

// ask sends the query of a step and waits for the answer.
func (w *world) ask(t *testing.T, where string, s *step) *reply {
	t.Helper()
	q := parseQuery(t, w.names.Replace(s.q))
	r := &reply{query: q, where: where, t: t, w: w}
	c := w.dial(t, s.from, q.tcp)
	defer c.Close()
	packed, err := q.msg.Pack()
	if err != nil {
		t.Fatal(err)
	}
	packed = packed[:len(packed)-q.cut]
	_ = c.SetDeadline(time.Now().Add(q.wait))
	conn := &dns.Conn{Conn: c, UDPSize: 65535}
	if _, err := conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 65535)
	n, err := conn.Read(answer)
	if err != nil {
		return r
	}
	r.size, r.Msg = n, new(dns.Msg)
	if err := r.Unpack(answer[:n]); err != nil {
		t.Fatalf("%s: the answer cannot be read: %v", where, err)
	}
	if r.Id != q.msg.Id || !r.Response || r.Opcode != q.msg.Opcode {
		t.Errorf("%s: the answer has id %d, QR %v, opcode %d; want those of the query", where, r.Id, r.Response, r.Opcode)
	}
	if len(r.Question) > 0 && r.Question[0] != q.msg.Question[0] {
		t.Errorf("%s: the answer is to %v; want the question of the query", where, r.Question[0])
	}
	return r
}

// dial opens a socket to the resolver, from the address of a qube or another of
// this machine.
func (w *world) dial(t testing.TB, from string, tcp bool) net.Conn {
	t.Helper()
	for _, q := range inventory() {
		if q.Name == from {
			from = q.IP.String()
		}
	}
	ip := net.ParseIP(from)
	if from == "" && w.ours {
		ip = net.IPv4(127, 0, 0, 1)
	}
	network, d := "udp", net.Dialer{}
	if ip != nil {
		d.LocalAddr = &net.UDPAddr{IP: ip}
	}
	if tcp {
		network = "tcp"
		if d.LocalAddr = nil; ip != nil {
			d.LocalAddr = &net.TCPAddr{IP: ip}
		}
	}
	c, err := d.Dial(network, w.addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lower returns a name in wire form in lower case.
func lower(name []byte) []byte {
	out := append([]byte(nil), name...)
	dnsmsg.Lower(out)
	return out
}

// ede returns the extended error, nil for none.
func (r *reply) ede() *dns.EDNS0_EDE {
	if o := r.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				return e
			}
		}
	}
	return nil
}

// errorf says what is wrong with the answer.
func (r *reply) errorf(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("%s: %s", r.where, fmt.Sprintf(format, args...))
}
