package walk

import "math"

// The ports to which traceroute sends datagrams, for 30 hops, three to each, which no one is to answer.
const traceroute, traceroutes = 33434, 100

// few returns how many hosts on the port of a contact may be without an answer: of some ports servers
// often do not answer, or are asked in parallel. 0 is for any number, of ports, too.
func few(c *Contact) int {
	switch {
	case c.Proto == tcp || c.Proto == search:
		return fanHosts
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

// fanned counts what has failed like c within some minutes.
func (w *Walker) fanned(c *Contact, a *Alarm) {
	most := few(c)
	if most == 0 {
		return
	}
	ports, hosts, since := w.alike(c)
	switch {
	case c.Proto == search:
		if hosts < fanNear {
			return
		}
		*a = Alarm{Kind: Neighbours, Failures: hosts, Contacts: hosts, Since: since, Last: *c}
	case hosts >= most:
		*a = Alarm{Kind: Sweep, Failures: hosts, Contacts: hosts, Since: since, Last: *c}
	case ports >= fanPorts:
		*a = Alarm{Kind: Vertical, Failures: ports, Contacts: ports, Since: since, Last: *c}
	default:
		return
	}
	w.failed = [maxFailed]failure{}
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
