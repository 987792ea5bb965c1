// Package manyevents makes files of events as large as a test needs: what a month of a
// machine with some dozen qubes looks like, of a size and a number of peers to choose. The
// same numbers give the same bytes.
package manyevents

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Config says what to make.
type Config struct {
	Events, Peers, Qubes int
	Seed                 uint64
}

// maker makes events.
type maker struct {
	Config
	*rand.Rand
	out *bufio.Writer
	at  time.Time
}

// labels are those of the qubes, in turn.
var labels = [...]string{"red", "orange", "yellow", "green", "gray", "blue", "purple", "black"}

// begin is the time of the first event.
var begin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Write writes the events, a stats event last. Of a hundred, 78 are flows, 8 of them
// interim reports; 15 are queries of the resolver, 5 refusals, 1 is a
// finding and 1 a transaction; one flow in 500 is spoofed.
func Write(w io.Writer, c Config) error {
	m := &maker{Config: c, Rand: rand.New(rand.NewPCG(c.Seed, 1)), out: bufio.NewWriterSize(w, 1<<20), at: begin}
	step := 30 * 24 * time.Hour / time.Duration(max(1, c.Events))
	for i := range c.Events - 1 {
		m.at = m.at.Add(step)
		m.event(i)
	}
	fmt.Fprintf(m.out, `{"@timestamp":%q,"type":"stats","event":{"dataset":"qubesbeat.stats","kind":"metric","start":%q},"stats":{"capture":{"frames":%d,"kernel_drops":12},"events":{"queue_dropped_final":3}},"agent":{"version":"9.3.0"},"host":{"name":"sys-log"}}`+"\n",
		m.at.Format(time.RFC3339Nano), begin.Format(time.RFC3339Nano), 1000*c.Events)
	return m.out.Flush()
}

// event writes the i-th event.
func (m *maker) event(i int) {
	q := m.IntN(m.Qubes)
	switch kind := m.IntN(100); {
	case kind < 78:
		m.flow(i, q, kind >= 8)
	case kind < 93:
		m.query(q)
	case kind < 98:
		m.refusal(q)
	case kind < 99:
		m.finding(q)
	default:
		m.head("http", "event", "")
		m.qube(q)
		m.tail()
	}
}

// peer returns a peer: most traffic is to few.
func (m *maker) peer() int {
	x := m.Float64()
	return int(x * x * x * float64(m.Peers))
}

func (m *maker) head(dataset, kind, more string) {
	fmt.Fprintf(m.out, `{"@timestamp":%q,"type":%q,"event":{"id":"%016x","kind":%q,"category":["network"],"type":["connection","end"],"module":"qubesbeat","dataset":%q,"start":%q,"end":%q,"duration":820435376%s},`,
		m.at.Format("2006-01-02T15:04:05.000Z"), dataset, m.Uint64(), kind, dataset, m.at.Add(-time.Second).Format(time.RFC3339Nano), m.at.Format(time.RFC3339Nano), more)
}

func (m *maker) qube(q int) {
	attribution := "inventory"
	if m.IntN(500) == 0 {
		attribution = "spoofed"
	}
	fmt.Fprintf(m.out, `"qube":{"name":"qube-%d","uuid":"2a0d7e73-f517-519e-9535-%012d","label":%q,"class":"AppVM","template":"debian-13-xfce","netvm":"sys-firewall","vif":"vif%d.0","ip":"10.137.0.%d","attribution":%q},`,
		q, q, labels[q%len(labels)], q+3, q+6, attribution)
}

func (m *maker) tail() {
	_, _ = m.out.WriteString(`"observer":{"ingress":{"interface":{"name":"vif7.0"}},"product":"qubesbeat","type":"sensor","version":"0.1.0"},"agent":{"ephemeral_id":"c7b2d6a2-7a8e-4d8b-a7b5-7ad1c3a7a3a0","id":"0ff4b8a9-2a3c-4c2f-9b3a-0b6a1c7a5f10","name":"sys-log","type":"qubesbeat","version":"9.3.0"},"ecs":{"version":"8.0.0"},"host":{"name":"sys-log"}}` + "\n")
}

func (m *maker) flow(i, q int, final bool) {
	p := m.peer()
	out, in := m.IntN(5000)+60, m.IntN(1<<uint(6+m.IntN(18)))
	m.head("flow", "event", `,"action":"network_flow"`)
	m.qube(q)
	fmt.Fprintf(m.out, `"flow":{"id":"EQwA////DP//////FBgBAAEAFj5%dad","final":%v,"end_reason":"end","tcp":{"flags":["fin","syn","psh","ack"],"rst":false,"state":"closed","syn_count":2}},`, i, final)
	fmt.Fprintf(m.out, `"network":{"type":"ipv4","transport":"tcp","iana_number":"6","direction":"outbound","community_id":"1:sG3grGeIpq/k/3Zws5FjK0693PE=","bytes":%d,"packets":20},`, out+in)
	fmt.Fprintf(m.out, `"source":{"ip":"10.137.0.%d","port":%d,"mac":"00-16-3E-5E-6C-00","bytes":%d,"packets":10,"qube":{"name":"qube-%d","label":%q}},`, q+6, 32768+m.IntN(28000), out, q, labels[q%len(labels)])
	fmt.Fprintf(m.out, `"destination":{"ip":"11.%d.%d.%d","port":443,"mac":"FE-FF-FF-FF-FF-FF","bytes":%d,"packets":10`, p>>16&255, p>>8&255, p&255, in)
	if p%3 > 0 {
		fmt.Fprintf(m.out, `,"domain":"host%d.site%d.example"`, p, p%5000)
	}
	fmt.Fprintf(m.out, `},"tls":{"client":{"server_name":"host%d.site%d.example","ja4":"t13d1516h2_8daaf6152771_%012x","alpn":["h2","http/1.1"]}},"related":{"ip":["10.137.0.%d"],"hosts":["qube-%d"]},`, p, p%5000, q%5, q+6, q)
	m.tail()
}

func (m *maker) query(q int) {
	p, action, list := m.peer(), "dns-resolved", ""
	if m.IntN(5) == 0 {
		action, list = "dns-blocked", `,"block":{"list":"ads","match":"qname"}`
	}
	m.head("qubesbeat.dns", "event", fmt.Sprintf(`,"action":%q`, action))
	m.qube(q)
	fmt.Fprintf(m.out, `"dns":{"question":{"name":"host%d.site%d.example","registered_domain":"site%d.example","type":"A"},"response_code":"NOERROR","answers":[{"data":"192.0.2.1","ttl":60,"type":"A"}]},"qubesbeat":{"dns":{"count":%d,"response_type":"RESOLVED","upstream_group":"default"%s}},"status":"OK",`,
		p, p%5000, p%5000, 1+m.IntN(4), list)
	m.tail()
}

func (m *maker) finding(q int) {
	m.head("qubesbeat.finding", "alert", `,"action":"dns-bypass","reason":"DNS over HTTPS to a server that is not the resolver"`)
	m.qube(q)
	fmt.Fprintf(m.out, `"finding":{"method":"doh","count":%d},"destination":{"ip":"11.0.0.%d","port":443,"domain":"dns%d.example"},`, 1+m.IntN(3), q%4, q%4)
	m.tail()
}

func (m *maker) refusal(q int) {
	p := m.peer()
	m.head("qubesbeat.firewall", "event", `,"action":"firewall-rejected","reason":"the rules of qvm-firewall for the qube"`)
	m.qube(q)
	fmt.Fprintf(m.out, `"firewall":{"count":%d,"point":"qvm-firewall","reply":"admin-prohibited","source":"nflog"},"network":{"transport":"tcp","direction":"outbound"},"rule":{"category":"qvm-firewall"},"destination":{"ip":"11.%d.%d.%d","port":%d},`,
		1+m.IntN(9), p>>16&255, p>>8&255, p&255, [...]int{22, 25, 443, 6667}[m.IntN(4)])
	m.tail()
}
