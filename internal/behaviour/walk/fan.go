package walk

import (
	"math"
	"slices"
)

// The ports to which traceroute sends datagrams, for 30 hops, three to each, which no one is to answer.
const traceroute, traceroutes = 33434, 100

// few returns how many hosts on the port of a contact may be without an answer: of some ports servers
// often do not answer, or are asked in parallel. 0 is for any number, of ports, too.
func few(c *Contact) int {
	switch {
	case c.Proto == tcp || c.Proto == search:
		return fanHosts
	case c.Proto == sourced:
		return fanSource
	case c.Proto == bare && !c.Near && (c.Port == 80 || c.Port == 443): // the last segments of a browser
		return anyHosts
	case c.Proto == bare:
		return fanSeldom
	case c.Port >= traceroute && c.Port < traceroute+traceroutes:
		return 0
	}
	switch c.Port {
	case 53, 67, 123:
		return 0
	case 443, 3478:
		return fanMedia
	case 137, 138, 500, 1900, 3702, 4500, 5353, 5355:
		return fanSeldom
	}
	return fanHosts
}

// fewPeers returns the same for datagrams that may be to peers, of which some have answered or none.
func fewPeers(answers int) int {
	if answers == 0 {
		return fanSilent
	}
	return fanSeldom
}

// mayBePeer reports whether a datagram may be one to a peer, a server of a game, or a relay, whose
// addresses programs have from others and try by the dozen: they are hosts of the world, with no port of a service.
func mayBePeer(c *Contact) bool { return c.Proto == udp && !c.Near && c.Port >= firstUser }

// firstUser is the first port that is no well-known one (RFC 6335 section 6).
const firstUser = 1024

// fanned counts what has failed like c within some minutes.
func (w *Walker) fanned(c *Contact, a *Alarm) {
	most := few(c)
	switch {
	case most == 0:
		return
	case most == fanHosts && mayBePeer(c):
		most = fewPeers(w.answered.hosts(c))
	}
	ports, hosts, since := w.alike(c)
	switch {
	case c.Proto == search:
		if hosts < fanNear {
			return
		}
		*a = Alarm{Kind: Neighbours, Failures: hosts, Contacts: hosts, Since: since, Last: *c}
	case hosts >= most:
		*a = Alarm{Kind: Sweep, Failures: hosts, Contacts: hosts, Since: since, Last: *c, Peers: mayBePeer(c) && w.answered.some(c, hosts)}
	case ports >= fanPorts:
		*a = Alarm{Kind: Vertical, Failures: ports, Contacts: ports, Since: since, Last: *c}
	default:
		return
	}
	w.failed = [maxFailed]failure{}
}

// scatteredLeast is how many failures say at least what they are: two thirds of those that make a walk. Those
// of a sweep are forgotten when it is found.
const scatteredLeast = 6

// scattered reports whether most of the latest failures of the walk are contacts with another host and
// another port each, none of a service: peers have a port each, and who scans asks many hosts for one port,
// or one host for many.
func (w *Walker) scattered() bool {
	var of [maxFailed]*failure
	n, hosts, ports := 0, 0, 0
	for i := 1; i <= maxFailed && n < int(w.failures); i++ {
		f := &w.failed[(int(w.lost)+maxFailed-i)%maxFailed]
		if f.at == 0 || f.proto != tcp {
			continue
		}
		if f.port < firstUser {
			return false
		}
		if !slices.ContainsFunc(of[:n], func(g *failure) bool { return g.host == f.host }) {
			hosts++
		}
		if !slices.ContainsFunc(of[:n], func(g *failure) bool { return g.port == f.port }) {
			ports++
		}
		of[n] = f
		n++
	}
	return n >= scatteredLeast && 3*hosts >= 2*n && 3*ports >= 2*n
}

// alike returns how many failures of the same protocol had the host of c, and how many its port without
// a name, unless most datagrams to it are answered, and the time of the first of them.
func (w *Walker) alike(c *Contact) (ports, hosts int, since int64) {
	since = math.MaxInt64
	for i := range w.failed {
		f := &w.failed[i]
		if f.at == 0 || c.At-f.at > fanSpan || f.at-c.At > fanSpan || f.proto != c.Proto {
			continue
		}
		if f.host == c.Host {
			ports++
		}
		if f.port == c.Port && !f.named {
			hosts++
		}
		if f.host == c.Host || f.port == c.Port {
			since = min(since, f.at)
		}
	}
	if w.answered.most(c, hosts) {
		hosts = 0
	}
	return ports, hosts, since
}
