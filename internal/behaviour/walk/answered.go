package walk

// answered counts the hosts that answer datagrams, by port: a program that asks all servers of a game
// finds some dead.
type answered [16]port

// port counts within [fanSpan], and within that before.
type port struct {
	since     int64
	n, before uint32
	port      uint16
}

// add counts a contact that was answered. A port takes the place of another one when that has had as
// few contacts.
func (a *answered) add(c *Contact) {
	if c.Proto != udp {
		return
	}
	p := a.of(c)
	switch since := c.At - p.since; {
	case since > 2*fanSpan || since < -fanSpan:
		*p = port{since: c.At, port: c.Port}
	case p.port != c.Port && p.n > 0:
		p.n--
		return
	case p.port != c.Port:
		*p = port{since: c.At, port: c.Port}
	case since > fanSpan:
		*p = port{since: c.At, port: c.Port, before: p.n}
	}
	p.n++
}

// most reports whether at most a third of the hosts that were sent a datagram like a contact have
// not answered.
func (a *answered) most(c *Contact, failures int) bool {
	answers := a.hosts(c)
	return answers > 0 && answers >= 2*failures
}

// peersAnswer is the part of the hosts that answers where they are peers, at least: their addresses come from
// others, who had an answer from them lately. A scanner makes addresses up, few of which have the service.
const peersAnswer = 8

// some reports whether as many hosts have answered as do where they are peers.
func (a *answered) some(c *Contact, failures int) bool {
	answers := a.hosts(c)
	return peersAnswer*answers >= failures+answers
}

// hosts returns how many hosts have answered a datagram like a contact lately.
func (a *answered) hosts(c *Contact) int {
	p := a.of(c)
	if c.Proto != udp || p.port != c.Port || c.At-p.since > 2*fanSpan {
		return 0
	}
	return int(p.n + p.before)
}

// of returns the place of the port of a contact.
func (a *answered) of(c *Contact) *port { return &a[c.Port%uint16(len(a))] }
