package walk

import "net/netip"

// Contact is a first contact with a port of a host.
type Contact struct {
	At   int64  // packet time, nanoseconds since the Unix epoch
	Host uint64 // hash of the host: of its name if the client has resolved one
	Port uint16
	// From is the port of the client, 0 if it is not known.
	From uint16
	// Proto is the IANA protocol number, 0 for the search for a neighbour (ARP).
	Proto uint8
	// Near says that the host is no host of the world.
	Near bool
	// Named says that the client has resolved the host. It has chosen it by its name then, and not
	// among addresses.
	Named bool
	// Addr is the host's, for people.
	Addr netip.Addr
}

// key returns what identifies the contact, never 0.
func (c *Contact) key() uint32 {
	h := (c.Host ^ uint64(c.Port)<<8 ^ uint64(c.Proto)) * 0x9e3779b97f4a7c15
	return uint32(h>>32) | 1
}

// same reports whether two contacts are with the same port of an address, whatever name the client has been
// told for it meanwhile.
func (c *Contact) same(other *Contact) bool {
	return c.Port == other.Port && c.Proto == other.Proto && c.Addr == other.Addr && c.Addr.IsValid()
}

// The hypotheses: eight contacts of ten succeed, or two of ten, with a chance of 1e-5 to
// call the first the second. A failure is a step of ln 4 up, a success one down.
const (
	step      = 1.3862943611198906 // ln 4
	limit     = 11.502875          // ln(0.99/1e-5): nine more failures than successes
	answerIn  = int64(5e9)         // nanoseconds within which a contact is answered
	fanSpan   = int64(300e9)       // in which unanswered contacts are counted
	fanPorts  = 10                 // of one host
	fanHosts  = 8                  // on one port
	fanSeldom = 32                 // on one port where some never answer, and to which bare segments go
	fanMedia  = 48                 // likewise, where programs try many in parallel
	fanSilent = 16                 // where peers or servers of games may be, and none answers
	fanSource = 16                 // hosts that are sent bare segments from one port
	fanEchoes = 16                 // hosts that are sent echo requests, answered or not
	fanNear   = 16                 // neighbours that a client looks for, and do not answer (ARP)
	fanProbes = 3                  // segments that belong to no connection
)

// The sizes of what is remembered.
const (
	maxSeen    = 512
	maxPending = 64
	maxFailed  = 64
	anyHosts   = maxFailed + 1 // no more than that are remembered
)

// Kind is how a scan was found.
type Kind uint8

// The kinds.
const (
	None       Kind = iota
	Walk            // most first contacts fail
	Vertical        // many ports of one host
	Sweep           // many hosts on one port
	Hosts           // echo requests to many hosts
	Stealth         // segments that belong to no connection
	Neighbours      // neighbours that the client looks for
)

// String returns the kind as events spell it, "" for None.
func (k Kind) String() string {
	return [...]string{"", "walk", "ports", "hosts", "echo", "stealth", "neighbours"}[k%7]
}

// Alarm is a scan.
type Alarm struct {
	Kind     Kind
	Failures int     // ports, hosts or contacts that did not answer
	Named    int     // of Failures, changes to a host whose name the client has resolved
	Contacts int     // first contacts since the walk began
	Peers    bool    // the contacts are as those with peers: see [answered.some] and [Walker.scattered]
	Since    int64   // time of the first of them
	Last     Contact // that made it
}

// Walker follows the first contacts of a client. The zero value is ready for use.
type Walker struct {
	seen     [maxSeen]uint32
	pending  [maxPending]pending
	failed   [maxFailed]failure
	score    float64
	since    int64
	contacts int32
	failures int32
	named    int32 // of failures
	lost     uint8 // place of the next in failed
	waiting  uint8 // places of pending that are used
	echoes   fan   // hosts that were sent echo requests
	probes   fan   // segments that belong to no connection
	answered answered
}

// fan counts different contacts within a span.
type fan struct {
	since int64
	n     int32
}

// add counts a contact and returns how many there were within [fanSpan].
func (f *fan) add(at int64) int {
	if at-f.since > fanSpan || at < f.since-fanSpan {
		*f = fan{since: at}
	}
	f.n++
	return int(f.n)
}

// Probe takes a first segment that belongs to no connection.
func (w *Walker) Probe(c *Contact, a *Alarm) {
	if n := w.probes.add(c.At); n == fanProbes {
		*a = Alarm{Kind: Stealth, Failures: n, Contacts: n, Since: w.probes.since, Last: *c}
	}
}

// Bare takes a segment without data that does not begin a connection, and that had a reset for an answer or
// none. Where a capture begins, some are the last ones of connections: a few ports of a host each, and of
// many hosts those of the web only, each from a port of its own.
func (w *Walker) Bare(c *Contact, a *Alarm) {
	c.Proto = bare
	w.Expire(c.At, a)
	k := c.key()
	slot := &w.seen[k>>1%maxSeen]
	if *slot == k {
		return
	}
	*slot = k
	w.fail(c, a)
	if a.Kind == None && c.From != 0 && few(c) == anyHosts {
		from := *c
		from.Port, from.Proto = c.From, sourced
		w.fail(&from, a)
	}
	if a.Kind != None && (a.Last.Proto == bare || a.Last.Proto == sourced) {
		a.Last = *c
		a.Last.Proto = tcp
	}
}

// pending is a contact that may still be answered.
type pending struct {
	contact Contact
	key     uint32
}

// failure is a contact that was not answered.
type failure struct {
	at    int64
	host  uint64
	port  uint16
	proto uint8
	named bool
}

// Begin takes a new connection, datagram or echo request and reports whether it is a first
// contact. Alarm is not nil if an earlier one has just failed.
func (w *Walker) Begin(c *Contact, a *Alarm) (first bool) {
	w.Expire(c.At, a)
	k := c.key()
	slot := &w.seen[k>>1%maxSeen]
	if *slot == k {
		return false
	}
	*slot = k
	if w.since == 0 {
		w.since = c.At
	}
	w.contacts++
	if c.Proto == icmp || c.Proto == icmpv6 {
		if n := w.echoes.add(c.At); n == fanEchoes {
			*a = Alarm{Kind: Hosts, Failures: n, Contacts: n, Since: w.echoes.since, Last: *c}
		}
	}
	if w.waiting == maxPending { // the oldest of a flood is answered or never will be
		w.fail(&w.pending[0].contact, a)
		w.remove(0)
	}
	w.pending[w.waiting] = pending{*c, k}
	w.waiting++
	return true
}

// Answer takes the answer to a contact: refused says that it was a reset or an error.
func (w *Walker) Answer(c *Contact, refused bool, a *Alarm) {
	k := c.key()
	for i := range w.waiting {
		if p := &w.pending[i]; p.key == k || p.contact.same(c) {
			if refused {
				w.fail(&p.contact, a)
			} else {
				w.succeed()
				w.answered.add(&p.contact)
			}
			w.remove(int(i))
			return
		}
	}
}

// Expire counts as failed what has not been answered in time.
func (w *Walker) Expire(now int64, a *Alarm) {
	for w.waiting > 0 && (now-w.pending[0].contact.At > answerIn || now < w.pending[0].contact.At-answerIn) {
		w.fail(&w.pending[0].contact, a)
		w.remove(0)
	}
}

// remove removes a contact that waits, and keeps the order.
func (w *Walker) remove(i int) {
	copy(w.pending[i:w.waiting-1], w.pending[i+1:w.waiting])
	w.waiting--
}

// succeed is a step down; the walk starts over at the floor.
func (w *Walker) succeed() {
	if w.score = max(0, w.score-step); w.score == 0 {
		w.restart()
	}
}

// restart begins another walk.
func (w *Walker) restart() { w.since, w.contacts, w.failures, w.named = 0, 0, 0, 0 }

// fail is a step up. UDP counts for fans only: most datagrams want no answer.
func (w *Walker) fail(c *Contact, a *Alarm) {
	last := &w.failed[(w.lost+maxFailed-1)%maxFailed]
	w.failed[w.lost] = failure{c.At, c.Host, c.Port, c.Proto, c.Named}
	w.lost = (w.lost + 1) % maxFailed
	if c.Proto == tcp {
		w.score += step
		w.failures++
		if c.Named && last.host != c.Host {
			w.named++
		}
		if w.score >= limit {
			*a = Alarm{Kind: Walk, Failures: int(w.failures), Named: int(w.named), Contacts: int(w.contacts), Since: w.since, Last: *c, Peers: !c.Near && w.scattered()}
			w.score = 0
			w.restart()
			return
		}
	}
	w.fanned(c, a)
}

// The protocols that matter here.
const (
	search  = 0 // none: ARP
	icmp    = 1
	tcp     = 6
	udp     = 17
	bare    = 255 // of TCP, but not the beginning of a connection
	sourced = 254 // the same, by the port of the client
	icmpv6  = 58
)
