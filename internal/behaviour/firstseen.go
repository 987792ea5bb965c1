package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// How surprising a first contact must be, in bits: a qube that does it less than once in 50
// times, or for clients of TLS, of which there are few, in 20.
const (
	surprise       = 5.6
	surpriseClient = 4.3
	firstsAnHour   = 3 // more are one event with a count
)

// firstSeen records the current destination and port, and reports what is new.
func (e *Engine) firstSeen() {
	o := e.obs
	if o.clockwork() {
		return
	}
	learned := e.learned()
	if learned && o.Midstream && e.cur.base.Find(baseline.Destination, e.net) == nil {
		return // who has begun it is not certain: it stays new for the connection whose beginning is seen
	}
	before := e.cur.base.Observations()
	bits, fresh := e.use(baseline.Destination, e.net)
	if e.cur.base.Observations() != before { // the first contact in ten minutes
		e.country(learned)
	}
	if e.candidate() {
		return
	}
	portBits, freshPort := e.use(baseline.Port, portHash(o))
	if !learned || o.Midstream {
		return
	}
	if freshPort && portBits >= surpriseClient {
		e.oddPort(portBits)
	}
	if fresh && bits >= surprise {
		n := e.cur.base.Len(baseline.Destination) - 1
		e.first("destination", bits, fmt.Sprintf("%s has used %d destinations in %d days; %s is new", e.who(), n, e.cur.base.Days(), e.whom()))
	}
}

// use records a use in the baseline of the current subject, and returns how surprising it
// is if it is the first.
func (e *Engine) use(k baseline.Kind, hash uint64) (bits float64, fresh bool) {
	if e.cur.base.Find(k, hash) == nil {
		bits = e.cur.base.Surprise(k)
	}
	_, fresh = e.observe(k, hash)
	return bits, fresh
}

// country records in which country the current destination is, and reports one that is new
// for a qube whose destinations are in few.
func (e *Engine) country(learned bool) {
	o := e.obs
	if e.conf.Country == nil || o.Place != World {
		return
	}
	code := e.conf.Country(o.Addr)
	if code == "" {
		return
	}
	bits, fresh := e.use(baseline.Country, siphash(e.conf.Key[0], e.conf.Key[1], code))
	if fresh && learned && !o.Midstream && bits >= surprise {
		n := e.cur.base.Len(baseline.Country) - 1
		e.first("country", bits, fmt.Sprintf("%s contacts %s in %s: in %d days it has used destinations in %s, and none there", e.who(), e.whom(), code, e.cur.base.Days(),
			countries(n)))
	}
}

// countries returns a number of countries in words.
func countries(n int) string {
	if n == 1 {
		return "one country"
	}
	return fmt.Sprintf("%d countries", n)
}

// first reports a first use, up to a number in an hour.
func (e *Engine) first(way string, bits float64, reason string) {
	s, o := e.cur, e.obs
	if hour := o.At / 3600e9; hour != s.told {
		s.told, s.firsts = hour, 0
	}
	if s.firsts++; s.firsts > firstsAnHour+1 {
		return
	}
	f := &Finding{Rule: FirstSeen, Way: way, Level: Low, Score: min(1, bits/12), NoveltyBits: bits, Reason: reason, dest: e.net}
	if s.firsts > firstsAnHour {
		f.Way, f.Reason = "many", fmt.Sprintf("%s uses much that is new in this hour, %s among it; no more of it is reported", e.who(), e.whom())
	}
	e.report(f)
}

// usualPorts are those at which a new destination or a new port of the qube says little.
func usualPort(port uint16) bool {
	switch port {
	case 21, 22, 25, 53, 80, 110, 123, 143, 443, 465, 587, 853, 989, 990, 993, 995, 3478, 5060, 5061, 5222, 5223, 5228, 8080, 8443, 8883, 1194, 51820:
		return true
	}
	return false
}

// oddPort reports a port that is new for the qube.
func (e *Engine) oddPort(bits float64) {
	f := &Finding{Rule: OddPort, Level: Low, Score: min(1, bits/12), NoveltyBits: bits, dest: e.net}
	if !usualPort(e.obs.Port) && !ofPeer(e.obs) {
		f.Level = Medium
	}
	f.Reason = fmt.Sprintf("%s has used %d ports in %d days; that of %s is new", e.who(), e.cur.base.Len(baseline.Port)-1, e.cur.base.Days(), e.whom())
	e.report(f)
}

// The bounds of odd hours.
const (
	hoursDays  = 14      // with observations, before hours are judged
	hoursShare = 0.005   // of the activity, with the hours around
	hoursBytes = 100_000 // from and to the qube
)

// hours records that the qube is active, and reports activity at an hour at which it never
// is, once a day.
func (e *Engine) hours(bytes uint64) {
	s, o := e.cur, e.obs
	if e.conf.Disposable != nil && e.conf.Disposable(s.name) {
		return
	}
	wall := o.At
	if e.conf.Offset != nil {
		wall += e.conf.Offset(o.At)
	}
	if bytes >= hoursBytes && s.base.Days() >= hoursDays && s.oddHour != o.At/day {
		if own, around, odd := s.base.Hours().Share(wall, hoursShare); odd {
			s.oddHour = o.At / day
			e.report(&Finding{Rule: OddHours, Level: Low, Score: 0.5 + 0.5*(1-around/hoursShare), BytesUp: bytes,
				Reason: fmt.Sprintf("%s moves %s at %s; %.1f %% of its activity in %d days falls into this hour of the week", e.who(), size(bytes),
					clock(o.At), 100*own, s.base.Days())})
		}
	}
	s.base.Hours().Add(wall)
}

// firstPeer is the first of the ports that systems choose for clients (ip_local_port_range of Linux).
const firstPeer = 32768

// ofPeer reports whether a port is one that no service has, but the peer of a call or of a game that the
// client was referred to.
func ofPeer(o *Observation) bool {
	return o.Proto == protoUDP && o.Port >= firstPeer && o.Port != 51820
}

// portHash returns the hash of the port and protocol of an observation; those of peers are one.
func portHash(o *Observation) uint64 {
	port := o.Port
	if ofPeer(o) {
		port = firstPeer
	}
	return (uint64(port)<<8 | uint64(o.Proto)) * 0x9e3779b97f4a7c15
}
