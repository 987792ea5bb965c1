package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/walk"
)

// opened judges the beginning of a flow.
func (e *Engine) opened() {
	o := e.obs
	if o.Place == Nowhere {
		return
	}
	if !o.Midstream || o.Stealth {
		e.cur.walk.Begin(e.contact(), &e.alarm)
		e.scanned()
	}
	e.request()
	e.used()
	if o.Stealth {
		e.cur.walk.Probe(e.contact(), &e.alarm)
		e.scanned()
	}
	if !e.resumed() {
		e.pulse()
	}
	e.firstSeen()
	if o.Place != World { // after that, so that there is a destination that is not to be learned
		e.lateral("")
	}
	e.hours(0)
}

// answered notes that a destination has answered, or refused.
func (e *Engine) answered() {
	o := e.obs
	if o.Place == Nowhere || o.Midstream {
		return
	}
	if !o.Rejected {
		e.online = o.At
	}
	e.cur.walk.Answer(e.contact(), o.Rejected, &e.alarm)
	e.scanned()
}

// sought judges the search for a neighbour. A netvm answers a qube for all addresses
// (proxy_arp), of which that needs one: to find counts as little as not to.
func (e *Engine) sought() {
	if e.obs.Place == Nowhere {
		return
	}
	c := e.contact()
	e.cur.walk.Begin(c, &e.alarm)
	if c.Near {
		e.cur.walk.Answer(c, true, &e.alarm)
	}
	e.scanned()
}

// located notes that a neighbour has answered.
func (e *Engine) located() { e.cur.walk.Answer(e.contact(), false, &e.alarm) }

// refused judges a connection that the firewall has refused.
func (e *Engine) refused() {
	o := e.obs
	if o.Place == Nowhere {
		return
	}
	if o.Place != World {
		e.lateral(o.Point)
	}
	c := e.contact()
	e.cur.walk.Begin(c, &e.alarm)
	e.cur.walk.Answer(c, true, &e.alarm)
	e.scanned()
}

// contact describes the current contact for the walker. It is valid until the next one.
func (e *Engine) contact() *walk.Contact {
	o := e.obs
	e.step = walk.Contact{At: o.At, Host: e.net, Port: o.Port, Proto: o.Proto, From: o.SourcePort, Near: o.Place != World, Named: o.Place == World && o.Domain != "", Addr: o.Addr}
	if o.Domain == "" && o.Addr.IsValid() {
		e.step.Host = e.hashAddr(o.Addr, false)
	}
	return &e.step
}

// scanned reports the scan that the walker has found, if it has.
func (e *Engine) scanned() {
	if e.alarm.Kind != walk.None {
		a := e.alarm
		e.alarm = walk.Alarm{}
		e.scan(&a)
	}
}

// netDown is for how long no contact of any subject succeeds while the network is down.
const netDown = int64(60e9)

// scan reports a scan, unless the network is down for everyone.
func (e *Engine) scan(a *walk.Alarm) {
	o := e.obs
	if e.failing[0] != e.cur.id {
		e.failing = [2]uint32{e.cur.id, e.failing[0]}
	}
	if e.failing[1] != 0 && e.online != 0 && o.At-e.online > netDown {
		e.stats.Suppressed++
		return
	}
	f := &Finding{Rule: Scan, Way: a.Kind.String(), Level: Medium, Score: min(1, 0.5+float64(a.Failures)/40), First: a.Since}
	if a.Last.Near {
		f.Level = High
	}
	span := seconds(max(o.At-a.Since, 0))
	switch a.Kind {
	case walk.Vertical:
		f.Reason = fmt.Sprintf("%s contacts ports of %s that do not answer: %d within %s", e.who(), a.Last.Addr, a.Failures, span)
	case walk.Stealth:
		f.Reason = fmt.Sprintf("%s sends segments that belong to no connection to %d ports within %s, %s among them", e.who(), a.Failures, span, e.lastOf(a))
	case walk.Hosts:
		if !a.Last.Near { // many programs watch whether hosts answer
			f.Level = Low
		}
		f.Reason = fmt.Sprintf("%s sends echo requests to %d hosts within %s, %s among them", e.who(), a.Failures, span, e.lastOf(a))
	case walk.Neighbours:
		f.Level = Medium // the firewall of a netvm sees no packet of it
		who := "neighbours that do not answer"
		if a.Last.Near {
			who = "neighbours" // the netvm answers for them
		}
		f.Reason = fmt.Sprintf("%s looks for %s: %d within %s, %s among them", e.who(), who, a.Failures, span, a.Last.Addr)
	case walk.Sweep:
		f.ofPeers(a, "as many answer as of peers")
		f.Reason = fmt.Sprintf("%s contacts hosts on port %d that do not answer: %d within %s%s", e.who(), a.Last.Port, a.Failures, span, tail(f.Evidence))
	default:
		f.ofPeers(a, "each has a port of its own, as peers have")
		f.Reason = fmt.Sprintf("%s contacts hosts and ports that do not answer: %d of %d first contacts within %s, %s among them%s", e.who(), a.Failures,
			a.Contacts, span, e.lastOf(a), tail(f.Evidence))
	}
	e.report(f)
}

// ofPeers lowers the finding of a scan if its contacts are as those with peers, for a reason, or with servers
// that are down or filtered, as a page or a list of peers names them.
func (f *Finding) ofPeers(a *walk.Alarm, reason string) {
	switch {
	case a.Peers:
		f.lower(reason)
	case 2*a.Named > a.Failures:
		f.Level = f.Level.down()
	}
}

// lastOf returns the contact that has made an alarm, for a sentence. It may be an earlier one
// than the current, which was not answered.
func (e *Engine) lastOf(a *walk.Alarm) string {
	if o := e.obs; a.Last.Addr == o.Addr && a.Last.Port == o.Port {
		return e.whom()
	}
	return where(a.Last.Addr, a.Last.Port, a.Last.Proto)
}

// services are ports by which machines are entered or their data is read.
var services = map[uint16]string{22: "T1021.004 SSH", 23: "Telnet", 135: "RPC", 139: "T1021.002 SMB", 445: "T1021.002 SMB", 2049: "NFS",
	3306: "MySQL", 3389: "T1021.001 RDP", 5432: "PostgreSQL", 5900: "T1021.005 VNC", 5985: "T1021.006 WinRM", 5986: "T1021.006 WinRM", 6379: "Redis"}

// Service reports whether machines are entered, or their data read, at a port.
func Service(port uint16) bool { return services[port] != "" }

// lateral judges a contact with a neighbour. point is where the firewall refused it, "" if
// it did not.
func (e *Engine) lateral(point string) {
	o := e.obs
	known := e.known(baseline.Destination, e.net)
	once, others := e.net, 0
	if e.candidate() {
		once = candidates
	} else {
		others = e.target()
	}
	if known || e.skips(Lateral, o.Place.String(), once) {
		return
	}
	f := &Finding{Rule: Lateral, Way: o.Place.String(), Level: Low, Score: 0.5, dest: e.net, once: once, Refused: point != ""}
	service := services[o.Port]
	switch {
	case o.Place == Qube || o.Place == NetVM:
		f.Level, f.Score = High, 0.8
	case service != "":
		f.Level = Medium
	}
	if service != "" {
		f.Evidence = append(f.Evidence, service)
		f.Score += 0.1
	}
	if point != "" {
		f.Level = f.Level.down()
		f.Evidence = append(f.Evidence, "refused by "+point)
	}
	if o.Place == LAN && e.directory() {
		f.lower("it answers the queries of the qube, as the controller of a domain does")
	}
	if others >= 3 {
		f.Level = f.Level.up()
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d neighbours within an hour", others))
	}
	what := map[Place]string{LAN: "the local network", Qube: "another qube", NetVM: "a netvm"}[o.Place]
	f.Reason = fmt.Sprintf("%s contacts %s: %s%s", e.who(), what, e.whom(), tail(f.Evidence))
	e.report(f)
}

// candidates is what contacts with candidates are reported once for.
const candidates = 0xca

// candidate reports whether the current contact is one that a call may try: programs of calls send
// datagrams to all addresses that a peer says it has (RFC 8445), those in the network of the peer
// among them, at any port.
func (e *Engine) candidate() bool {
	o := e.obs
	return o.Place == LAN && o.Proto == protoUDP && o.Port >= 1024 && services[o.Port] == ""
}

// target records the current destination as a neighbour, and returns how many different
// ones there were within an hour.
func (e *Engine) target() (n int) {
	s, at := e.cur, e.obs.At
	oldest, found := 0, false
	for i := range s.targets {
		t := &s.targets[i]
		if t.hash == e.net {
			t.at, found = at, true
		}
		if t.at < s.targets[oldest].at {
			oldest = i
		}
	}
	if !found {
		s.targets[oldest] = target{e.net, at}
	}
	for i := range s.targets {
		if t := &s.targets[i]; t.at != 0 && at-t.at < 3600e9 {
			n++
		}
	}
	return n
}
