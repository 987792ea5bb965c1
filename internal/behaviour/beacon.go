package behaviour

import (
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
)

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// clockwork reports whether the destination's port is periodic by its nature, and is used for what it is
// for.
func (o *Observation) clockwork() bool { return !o.Foreign && clockwork(o.Proto, o.Port) }

// clockwork reports whether a port is periodic by its nature: time, names, leases.
func clockwork(proto uint8, port uint16) bool {
	if proto == protoTCP {
		return port == 53
	}
	switch port {
	case 53, 67, 68, 123, 137, 138, 500, 546, 547, 1900, 4500, 5353, 5355:
		return true
	}
	return proto != protoUDP
}

// pulse adds a contact with the current destination to its series.
func (e *Engine) pulse() {
	o := e.obs
	if o.clockwork() {
		return
	}
	alone := e.cur.near(e.net, o.At) > 60e9
	h := e.keyed(e.net, uint64(o.Port)<<8|uint64(o.Proto))
	s := e.series.find(h)
	if s == nil {
		c := e.cur.seldom.contact(h, o.At)
		if c == nil {
			return
		}
		if s, _ = e.begin(h); s == nil {
			return
		}
		s.Add(c.first)
		s.Add(c.last)
		*c = candidate{}
	}
	e.add(s, o.At, alone)
}

// beat adds a burst within a flow to the series of the flow.
func (e *Engine) beat() {
	o := e.obs
	if o.clockwork() || o.Place == Nowhere {
		return
	}
	alone := e.cur.near(e.net, o.At) > 60e9
	s, isNew := e.begin(e.burstsOf(o.Connection))
	if s == nil {
		return
	}
	if isNew {
		s.inFlow = true
	}
	if o.Up > 0 {
		s.Size(o.Up)
		e.keepalive(s.Latest(), alone)
	}
	e.add(s, o.At, alone)
}

// inUse is for how long after its latest arrival a series makes no room for another one. A client with
// more live connections than there is room for would have no series for long enough otherwise.
const inUse = 60e9

// begin returns the series of a key, a new one if there is none; nil if there is no room.
func (e *Engine) begin(key uint64) (s *series, isNew bool) {
	s, isNew = e.series.addUnless(func(s *series) bool { return uint64(e.obs.At-s.Latest()) < inUse }, e.cur.id, key)
	if s == nil {
		e.stats.SeriesEvicted++
	}
	return s, isNew
}

// burstsOf returns the key of the series of the bursts within a connection.
func (e *Engine) burstsOf(connection uint64) uint64 { return e.keyed(connection, 0xf1) }

// resumed adds the beginning of a flow to the series of the connection that it goes on with:
// one that was quiet for longer than a flow lives. It reports whether there is one. A new
// connection between the same ports has no past.
func (e *Engine) resumed() bool {
	o := e.obs
	h := e.burstsOf(o.Connection)
	s := e.series.find(h)
	switch {
	case s == nil || o.clockwork():
		return false
	case o.Proto == protoTCP && !o.Midstream:
		e.series.remove(h)
		return false
	}
	e.add(s, o.At, e.cur.near(e.net, o.At) > 60e9)
	return true
}

// keepalive adds the burst of a connection that has just ended, and began at a time, to the
// series of those of the same size: a program that says that it lives at intervals, and does
// other things in between. Only places where nothing of the kind is usual are looked at:
// every chat and every push service does the same.
func (e *Engine) keepalive(at int64, alone bool) {
	o := e.obs
	if at == 0 || !e.quietPlace() {
		return
	}
	h := e.keyed(o.Connection+o.Up*0x9e3779b97f4a7c15, 0xf2)
	s := e.series.find(h)
	if s == nil {
		c := e.cur.seldom.contact(h, at)
		if c == nil {
			return
		}
		if s, _ = e.begin(h); s == nil {
			return
		}
		s.inFlow = true
		s.Add(c.first)
		s.Add(c.last)
		*c = candidate{}
	}
	e.add(s, at, alone)
}

// quietPlace reports whether programs seldom keep a connection with the current destination
// alive: its address was not resolved, or its port is unusual.
func (e *Engine) quietPlace() bool {
	o := e.obs
	return o.Place == World && (o.Unresolved || !usualPort(o.Port))
}

// add adds an arrival at a time to a series and judges it when it is time.
func (e *Engine) add(s *series, at int64, alone bool) {
	if s.beats++; alone {
		s.alone++
	}
	if !s.Add(at) || s.silent {
		return
	}
	v := s.Look()
	if !v.Regular && s.inFlow && e.quietPlace() {
		v = s.Comb()
	}
	if !v.Regular {
		return
	}
	e.periodic(s, &v)
}

// minRegular is the least time for which something must have been regular: what lasts for
// seconds is one action.
const minRegular = int64(20e9)

// periodic reports a series that is regular.
func (e *Engine) periodic(s *series, v *periodic.Verdict) {
	o := e.obs
	if s.Last()-s.Begun() < minRegular {
		return
	}
	entry := e.cur.base.Find(baseline.Destination, e.net)
	known := e.cur.base.Known(entry, o.At) && (e.cur.base.Known(entry, s.Begun()) || entry.Periodic(v.Period))
	if entry != nil && !e.learned() {
		entry.SetPeriod(v.Period)
	}
	way := "connections"
	if s.inFlow {
		way = "connection"
	}
	if known || e.skips(Beacon, way, e.net) {
		return
	}
	if entry != nil { // if it began while the destination was new, it is found until it is learned
		entry.SetPeriod(v.Period)
	}
	f := &Finding{Rule: Beacon, Way: way, Score: v.Score, First: s.Begun(), Period: v.Period, Jitter: v.Jitter, Beats: s.Beats(), dest: e.net,
		NoveltyBits: e.cur.base.Surprise(baseline.Destination)}
	e.beaconLevel(f, s)
	f.Reason = fmt.Sprintf("%s contacts %s every %s (%d times since %s, jitter %.0f %%)%s", e.who(), e.whom(), seconds(v.Period), f.Beats,
		clock(f.First), 100*v.Jitter, tail(f.Evidence))
	e.report(f)
}

// beaconLevel sets the level of a beacon and the evidence for it.
func (e *Engine) beaconLevel(f *Finding, s *series) {
	o := e.obs
	others, peer := e.others(), e.usuallyNew()
	e.novelLevel(f, others, peer)
	tunnel := s.inFlow && tunnelPort(o.Proto, o.Port) && e.known(baseline.Port, portHash(o))
	odd := e.oddities(f)
	idle := e.idleBut(f, s)
	if idle {
		f.Evidence = append(f.Evidence, "the qube is idle otherwise")
	}
	if odd && f.Level == Medium || idle && !tunnel && !peer && e.learned() {
		f.Level = f.Level.up()
	}
	if !e.learned() {
		f.lower("what is usual for the qube is not known yet")
	}
	if tunnel {
		f.lower("the qube has used tunnels at this port before") // a provider has many servers
	}
	if poller(o.Domain) {
		f.lower("programs are known to poll it")
		if others >= 2 {
			f.Level = Silent
		}
	}
}

// lower lowers a finding by a level, for a reason.
func (f *Finding) lower(reason string) {
	f.Level = f.Level.down()
	f.Evidence = append(f.Evidence, reason)
}

// idleBut reports whether the subject does hardly anything but what comes often in a series.
func (e *Engine) idleBut(f *Finding, s *series) bool {
	return f.Period < 900e9 && float64(s.alone) > 0.6*float64(s.beats) && e.cur.base.Missing(baseline.Destination) <= 0.1
}

// novelLevel sets the level of a beacon by how new the destination is: for the subject, and for others.
func (e *Engine) novelLevel(f *Finding, others int, peer bool) {
	f.Level = Low
	switch {
	case others == 1:
		f.Evidence = append(f.Evidence, "another qube contacts it, too")
	case others > 1:
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d other qubes contact it, too", others))
	case peer:
		f.Evidence = append(f.Evidence, "most destinations of the qube are others each day")
	default:
		f.Level = Medium
	}
}

// mostlyNew is the share of uses of what is used for a day only, from which on a qube does little else.
const mostlyNew = 0.5

// usuallyNew reports whether the current destination is one of those that are others each day in most
// of what the subject does: peers, which are found by address. That it is new means nothing then.
func (e *Engine) usuallyNew() bool {
	return e.obs.Domain == "" && e.learned() && e.cur.base.Fleeting(baseline.Destination, e.obs.At) >= mostlyNew
}

// oddities adds what is odd about the current destination to the evidence.
func (e *Engine) oddities(f *Finding) (odd bool) {
	o := e.obs
	if o.Unresolved && !tunnelPort(o.Proto, o.Port) {
		odd = true
		f.Evidence = append(f.Evidence, "no DNS response had the address")
	}
	if o.Foreign {
		odd = true
		f.Evidence = append(f.Evidence, fmt.Sprintf("what goes to port %d is no DNS", o.Port))
	}
	if !usualPort(o.Port) && !o.Addr.IsPrivate() { // neighbours have services of all kinds
		odd = true
		f.Evidence = append(f.Evidence, fmt.Sprintf("port %d is unusual", o.Port))
	}
	return odd
}

// tunnelPort reports whether a port is that of a tunnel, whose server many configurations name by its
// address: OpenVPN, WireGuard.
func tunnelPort(proto uint8, port uint16) bool {
	return proto == protoUDP && (port == 1194 || port == 51820)
}

// pollers are domains that programs of the system and browsers are known to poll. A beacon
// to one of them is lower by a level, and never hidden for that alone.
var pollers = map[string]bool{
	"windowsupdate.com": true, "microsoft.com": true, "live.com": true, "office.com": true, "office365.com": true, "msftncsi.com": true,
	"msftconnecttest.com": true, "apple.com": true, "icloud.com": true, "google.com": true, "googleapis.com": true, "gstatic.com": true,
	"mozilla.com": true, "mozilla.org": true, "mozilla.net": true, "firefox.com": true, "brave.com": true, "debian.org": true,
	"fedoraproject.org": true, "ubuntu.com": true, "qubes-os.org": true, "gnome.org": true, "torproject.org": true, "signal.org": true,
	"whatsapp.net": true, "telegram.org": true, "slack.com": true, "discord.gg": true, "discord.com": true, "zoom.us": true,
	"lastpass.com": true, "grammarly.com": true, "dropbox.com": true, "spotify.com": true, "facebook.com": true, "github.com": true,
}

func poller(domain string) bool { return pollers[strings.ToLower(domain)] }
