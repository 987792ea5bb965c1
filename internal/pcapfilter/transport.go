package pcapfilter

import (
	"fmt"
	"strconv"
	"strings"
)

// Protocol numbers of the IP header.
const (
	ipICMP   = 1
	ipIGMP   = 2
	ipTCP    = 6
	ipIGRP   = 9
	ipUDP    = 17
	ipv6Frag = 44
	ipESP    = 50
	ipAH     = 51
	ipICMPv6 = 58
	ipPIM    = 103
	ipVRRP   = 112
	ipSCTP   = 132
)

// portName tests for a service, or a range such as "1024-2048" or "http-https".
func (p *parser) portName(t token, q qualifier) *node {
	low, lowProto, ok := portOf(t.text)
	high, highProto := low, lowProto
	for i := 0; !ok && q.typ == "portrange" && i < len(t.text); i++ {
		if t.text[i] != '-' {
			continue
		}
		var okLow, okHigh bool
		low, lowProto, okLow = portOf(t.text[:i])
		high, highProto, okHigh = portOf(t.text[i+1:])
		ok = okLow && okHigh
	}
	if !ok {
		return p.fail(t, "unknown port "+t.String(), "write its number")
	}
	proto := ""
	if lowProto == highProto {
		proto = lowProto
	}
	switch {
	case q.proto == "":
		return p.ports(t, q, proto, low, high)
	case proto != "" && proto != q.proto:
		return p.fail(t, fmt.Sprintf("port %s is %s", t, proto), "write the number")
	}
	return p.portNumbers(t, q, low, high)
}

// portOf returns the number of a port and, if it is assigned to only one, its
// protocol.
func portOf(s string) (port uint32, proto string, ok bool) {
	if v, err := strconv.ParseUint(s, 10, 16); err == nil {
		return uint32(v), "", true
	}
	x, ok := services[strings.ToLower(s)]
	switch x {
	case service{port: x.port, tcp: true}:
		proto = "tcp"
	case service{port: x.port, udp: true}:
		proto = "udp"
	case service{port: x.port, sctp: true}:
		proto = "sctp"
	}
	return uint32(x.port), proto, ok
}

// portNumbers tests for a range of ports of the qualifier's protocol.
func (p *parser) portNumbers(t token, q qualifier, low, high uint32) *node {
	switch q.proto {
	case "", "tcp", "udp", "sctp":
		return p.ports(t, q, q.proto, low, high)
	}
	return p.fail(q.at, q.proto+" has no ports", "write tcp, udp, sctp or nothing")
}

// ports tests for a range of ports: in IPv6 if the fixed header names the
// protocol, in IPv4 in unfragmented packets and first fragments.
func (p *parser) ports(t token, q qualifier, proto string, low, high uint32) *node {
	if high > 0xffff {
		return p.fail(t, "port "+strconv.Itoa(int(high))+" is above 65535", "write 0 to 65535")
	}
	low, high = min(low, high), max(low, high)
	inRange := func(f field) *node {
		if low == high {
			return equals(f, low)
		}
		return and(leaf(f, greaterOrEqual, low), not(leaf(f, greater, high)))
	}
	v6 := p.over(etherIPv6, t, and(carriesAny(p.lay.network(6, 1), proto),
		q.dir.ends(inRange(p.lay.network(40, 2)), inRange(p.lay.network(42, 2)))))
	v4 := p.over(etherIPv4, t, and(carriesAny(p.lay.network(9, 1), proto), p.firstFragment(),
		q.dir.ends(inRange(p.lay.behindIPv4(0, 2)), inRange(p.lay.behindIPv4(2, 2)))))
	return or(v6, v4)
}

// firstFragment tests that an IPv4 packet is not a later fragment.
func (p *parser) firstFragment() *node {
	return not(leaf(p.lay.network(6, 2), anyBit, 0x1fff))
}

// carriesAny tests a protocol field for proto or, if that is empty, for any
// protocol with ports.
func carriesAny(f field, proto string) *node {
	switch proto {
	case "tcp":
		return equals(f, ipTCP)
	case "udp":
		return equals(f, ipUDP)
	case "sctp":
		return equals(f, ipSCTP)
	}
	return or(equals(f, ipSCTP), equals(f, ipTCP), equals(f, ipUDP))
}
