package nftpath

import (
	"net/netip"
	"slices"
)

// Probe is the DNS query that is followed.
type Probe struct {
	// Vif is the interface on which the query comes, in the group of the clients.
	Vif string
	// Client is the address of the client, Server the one that it asks, at port 53.
	Client, Server netip.Addr
	// TCP says that it asks over TCP.
	TCP bool
	// Port is that of the resolver.
	Port uint16
	// Local is the address of Vif. If it is invalid, conditions on it cannot be decided.
	Local netip.Addr
}

// The priorities at which the kernel's own hooks are (linux/netfilter_ipv4.h).
const (
	conntrackPriority = -200
	natPriority       = -100 // of the destination; the chains of nat come then, whatever theirs are
	sourcePriority    = 100  // of the source
)

// trip is the way of a query and of its answer.
type trip struct {
	rules  *Ruleset
	probe  Probe
	conn   *conn
	p      packet
	causes []Cause

	untracked bool // the packet, so that nothing translates it
}

// Follow follows the packets of a query and of its answer. It returns why they are lost,
// or may be, with what is certain first; nothing if they surely arrive.
func (rs *Ruleset) Follow(probe Probe) []Cause {
	t := &trip{rules: rs, probe: probe, conn: &conn{src: addressed(probe.Client), dst: addressed(probe.Server), mark: exactly(0)}}
	flags := [][]string{nil}
	if probe.TCP {
		flags = [][]string{{"syn"}, {"ack"}}
	}
	for i, f := range flags {
		t.p = t.query(f, i > 0)
		if !t.arrives() {
			break
		}
		answer := f
		if probe.TCP && i == 0 {
			answer = []string{"syn", "ack"}
		}
		t.p = t.answer(answer)
		if !t.leaves() {
			break
		}
	}
	slices.SortStableFunc(t.causes, func(a, b Cause) int {
		switch {
		case a.Certain == b.Certain:
			return 0
		case a.Certain:
			return -1
		}
		return 1
	})
	return distinct(t.causes)
}

func distinct(causes []Cause) (list []Cause) {
	for _, c := range causes {
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// query returns a packet as the client sends it. known says that the connection has had
// packets in both directions.
func (t *trip) query(tcp []string, known bool) packet {
	t.conn.state, t.untracked = "new", false
	if known {
		t.conn.state = "established"
	}
	return packet{in: t.probe.Vif, src: addressed(t.probe.Client), dst: addressed(t.probe.Server), sport: between(1, 65535),
		dport: exactly(53), tcp: t.probe.TCP, flags: flagged(tcp...), mark: exactly(0), direction: original}
}

// answer returns a packet as the resolver sends it.
func (t *trip) answer(tcp []string) packet {
	t.conn.state, t.untracked = "established", false
	return packet{out: t.probe.Vif, src: addressed(t.probe.Local), dst: addressed(t.probe.Client), sport: exactly(uint64(t.probe.Port)),
		dport: between(1, 65535), tcp: t.probe.TCP, flags: flagged(tcp...), mark: exactly(0), direction: reply, arrived: true}
}

// arrives follows a packet from the interface to the resolver.
func (t *trip) arrives() bool {
	t.p.state = flagged("invalid") // what nft finds before there is a connection
	if !t.device("ingress") || !t.bridge() {
		return false
	}
	chains := t.rules.hook("prerouting", "ip", "inet")
	for _, c := range chains {
		if c.Type != "nat" && c.Prio <= natPriority && !t.pass(c, c.Prio == conntrackPriority) {
			return false
		}
	}
	t.track(natPriority)
	if !t.redirected(chains) {
		return false
	}
	t.p.dst, t.p.dport, t.p.arrived = addressed(t.probe.Local), exactly(uint64(t.probe.Port)), true
	for _, c := range chains { // whether those of the same priority come before or after is not known
		if c.Type != "nat" && c.Prio >= natPriority && !t.pass(c, c.Prio == natPriority) {
			return false
		}
	}
	return t.all("input", "ip", "inet")
}

// leaves follows a packet from the resolver to the interface.
func (t *trip) leaves() bool {
	t.p.state = flagged("invalid")
	if !t.all("output", "ip", "inet") {
		return false
	}
	t.track(0)
	for _, c := range t.rules.hook("postrouting", "ip", "inet") {
		if c.Prio >= sourcePriority { // the source is what the client has asked
			t.p.src, t.p.sport = t.conn.dst, exactly(53)
		}
		if c.Type != "nat" && !t.pass(c, c.Prio == sourcePriority) {
			return false
		}
	}
	t.p.src, t.p.sport = t.conn.dst, exactly(53)
	return t.device("egress")
}

// all follows the packet through all chains of a hook but those of nat, which see the
// first packet of a connection only and translate the source here.
func (t *trip) all(hook string, families ...string) bool {
	for _, c := range t.rules.hook(hook, families...) {
		if c.Type == "nat" && (hook != "input" || t.conn.state != "new") {
			continue
		}
		if !t.pass(c, hook == "output" && c.Prio == conntrackPriority) {
			return false
		}
	}
	return true
}

// track lets the packet have its connection if it has passed the kernel's hook.
func (t *trip) track(priority int) {
	if priority > conntrackPriority && t.p.conn == nil && !t.untracked {
		t.p.conn, t.p.state = t.conn, flagged(t.conn.state)
	}
}

// pass follows the packet through a base chain. either says that its place among the
// kernel's own hooks is not known.
func (t *trip) pass(c *chain, either bool) bool {
	if t.p.direction == original && c.Hook != "ingress" && c.Family != "bridge" || t.p.direction == reply {
		t.track(c.Prio)
	}
	w := t.walk()
	w.mildest = either
	v := w.run(c)
	t.take(w)
	return v != lost
}

func (t *trip) walk() *walk {
	return &walk{rules: t.rules, p: &t.p, port: t.probe.Port, local: addressed(t.probe.Local)}
}

// take keeps what a walk has found.
func (t *trip) take(w *walk) {
	t.causes = append(t.causes, w.causes...)
	if w.untracked && t.p.conn == nil {
		t.untracked, t.p.state = true, flagged("untracked")
	}
}

// device follows the packet through the chains of its interface.
func (t *trip) device(hook string) bool {
	for _, c := range t.rules.hook(hook, "netdev", "inet") {
		at := c.at(t.probe.Vif)
		if at == no {
			continue
		}
		if !t.pass(c, at == maybe) {
			return false
		}
	}
	return true
}

// bridge follows the packet through the chains of bridges. Whether the interface is a
// port of one is not known.
func (t *trip) bridge() bool {
	for _, hook := range []string{"prerouting", "input", "forward"} {
		for _, c := range t.rules.hook(hook, "bridge") {
			t.pass(c, true)
		}
	}
	return true
}

// redirected follows the packet through the chains of nat. Only the first packet of a
// connection meets them.
func (t *trip) redirected(chains []*chain) bool {
	if t.conn.state != "new" || t.untracked {
		return !t.untracked
	}
	for _, group := range byPriority(chains) {
		switch t.translate(group) {
		case lost:
			return false
		case translated:
			t.conn.translated = true
			return true
		}
	}
	t.causes = append(t.causes, Cause{Place{Hook: "prerouting", Type: "nat"}, "no chain redirects it to the resolver", true})
	return false
}

// byPriority returns the chains of nat in groups of the same priority. The kernel asks
// the chain of a group first that was made last, which nft does not list.
func byPriority(chains []*chain) (groups [][]*chain) {
	for _, c := range chains {
		switch last := len(groups) - 1; {
		case c.Type != "nat":
		case last >= 0 && groups[last][0].Prio == c.Prio:
			groups[last] = append(groups[last], c)
		default:
			groups = append(groups, []*chain{c})
		}
	}
	return groups
}

// translate follows the packet through chains of nat of the same priority.
func (t *trip) translate(group []*chain) verdict {
	end := next
	for _, c := range group {
		w := t.walk()
		w.mildest = len(group) > 1
		if v := w.run(c); v == lost || v == translated {
			end = v
		}
		t.take(w)
	}
	return end
}
