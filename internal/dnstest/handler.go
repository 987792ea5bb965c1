package dnstest

import (
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Handler does something with a query. It runs in a goroutine of its own.
type Handler func(x *Exchange)

// Silent does not answer.
func Silent(*Exchange) {}

// Code answers with a code and no records.
func Code(rcode int) Handler {
	return func(x *Exchange) {
		m := x.Reply()
		m.Rcode = rcode
		x.Write(m)
	}
}

// First handles n queries with do, and all later ones with then.
func First(n int64, do, then Handler) Handler {
	var asked atomic.Int64
	return func(x *Exchange) {
		if asked.Add(1) <= n {
			do(x)
			return
		}
		then(x)
	}
}

// Truncate sets TC over UDP, without records, and handles TCP with do.
func Truncate(do Handler) Handler {
	return func(x *Exchange) {
		if !x.UDP {
			do(x)
			return
		}
		m := x.Reply()
		m.Truncated = true
		x.Write(m)
	}
}

// Shape changes the answers of do before they are sent.
func Shape(do Handler, change func(query, answer *dns.Msg)) Handler {
	return func(x *Exchange) {
		shaped := *x
		shaped.send = func(b []byte) {
			m := new(dns.Msg)
			if err := m.Unpack(b); err != nil {
				panic("dnstest: " + err.Error())
			}
			change(x.Query, m)
			m.Compress = true
			x.Write(m)
		}
		do(&shaped)
	}
}

// Named handles the queries for one name, in lower case, with do and all others
// with others.
func Named(name string, do, others Handler) Handler {
	return func(x *Exchange) {
		if x.Name() == name {
			do(x)
			return
		}
		others(x)
	}
}

// Zone answers from the records of a zone file. What is not there does not exist,
// for as long as a SOA record in it says, 60 s without one. Answers that are too
// large for UDP are truncated. Zone panics if the text is wrong.
func Zone(text string) Handler {
	records := map[string][]dns.RR{}
	soa := Record(". 60 IN SOA a. b. 1 2 3 4 60")
	p := dns.NewZoneParser(strings.NewReader(text), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if rr.Header().Rrtype == dns.TypeSOA {
			soa = rr
			continue
		}
		name := strings.ToLower(rr.Header().Name)
		records[name] = append(records[name], rr)
	}
	if err := p.Err(); err != nil {
		panic("dnstest: " + err.Error())
	}
	return func(x *Exchange) {
		m := lookup(x, records, soa)
		if size := dns.MinMsgSize; x.UDP {
			if o := x.Query.IsEdns0(); o != nil {
				size = int(o.UDPSize())
			}
			m.Truncate(size)
		}
		x.Write(m)
	}
}

// maxLinks bounds the aliases that a zone follows.
const maxLinks = 20

func lookup(x *Exchange, records map[string][]dns.RR, soa dns.RR) *dns.Msg {
	m, name, kind := x.Reply(), x.Name(), x.Query.Question[0].Qtype
	for range maxLinks {
		next := ""
		for _, rr := range records[name] {
			if c, ok := rr.(*dns.CNAME); ok {
				next = c.Target
			}
			if t := rr.Header().Rrtype; t == kind || t == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		if next == "" || kind == dns.TypeCNAME {
			break
		}
		name = next
	}
	if _, ok := records[name]; !ok {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 || m.Rcode != dns.RcodeSuccess {
		m.Ns = append(m.Ns, soa)
	}
	return m
}
