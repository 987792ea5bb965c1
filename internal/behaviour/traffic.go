package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// traffic judges what a flow has carried so far.
func (e *Engine) traffic() {
	o := e.obs
	if o.Bypass != "" {
		e.bypass()
	}
	if o.Place == Nowhere {
		return
	}
	if o.TLS != nil && o.Final {
		e.tls()
	}
	e.unanswered()
	if o.Proto == protoICMP || o.Proto == protoICMPv6 {
		e.icmp()
		return
	}
	e.lasting()
	e.long()
	e.direct()
	if o.Final {
		if s := e.series.find(e.keyed(e.net, uint64(o.Port)<<8|uint64(o.Proto))); s != nil {
			s.Size(o.Up)
		}
		e.upload()
		e.attempt()
		e.hours(o.Up + o.Down)
	}
}

// unanswered notes that a flow has ended without an answer, so that the last contacts of a
// client that then falls silent count.
func (e *Engine) unanswered() {
	if o := e.obs; o.Final && o.DownPackets == 0 {
		e.cur.walk.Answer(e.contact(), true, &e.alarm)
		e.scanned()
	}
}

// bypass reports DNS around the resolver.
func (e *Engine) bypass() {
	o := e.obs
	if e.skips(DNSBypass, o.Bypass, e.net) {
		return
	}
	f := &Finding{Rule: DNSBypass, Way: o.Bypass, Level: Low, Score: 0.5, dest: e.net}
	words := map[string]string{"dns": "DNS to a server that is not the resolver", "dot": "DNS over TLS bypasses the resolver",
		"doq": "DNS over QUIC bypasses the resolver", "doh": "DNS over HTTPS bypasses the resolver"}
	if o.Bypass == "dns" {
		f.Level = Medium
	}
	f.Reason = fmt.Sprintf("%s: %s uses %s", words[o.Bypass], e.who(), e.whom())
	e.report(f)
}

// lasting is a connection whose flows have ended, and that may go on.
type lasting struct{ born, last int64 }

// quietFor is for how long a connection may be quiet and still be the same: the time after
// which TCP sends keepalives (RFC 9293 section 3.8.4).
const quietFor = 2 * int64(3600e9)

// minLasting is how long a flow of datagrams lives that may belong to a longer one.
const minLasting = int64(20e9)

// lasting adds the time of earlier flows of the current connection to its duration.
func (e *Engine) lasting() {
	o := e.obs
	h := o.Connection // whichever side the flows take for the first
	l := e.connections.find(h)
	if l != nil && (o.At-l.last > quietFor || o.At < l.last) {
		l.born = o.At - o.Duration
	}
	if l == nil {
		if o.Ended || !o.Final || o.Proto != protoTCP && o.Duration < minLasting {
			return
		}
		if l, _ = e.connections.add(e.cur.id, h); l == nil {
			return
		}
		l.born = o.At - o.Duration
	}
	l.last = o.At
	o.Duration = o.At - l.born
	if o.Ended {
		e.connections.remove(h)
	}
}

// steps are the durations at which a long connection is reported.
var steps = [...]int64{3600e9, 4 * 3600e9, 12 * 3600e9, 24 * 3600e9, 72 * 3600e9}

// stepNames are the steps as events spell them.
var stepNames = [len(steps)]string{"1h", "4h", "12h", "24h", "72h"}

// long reports a connection that lives for longer than any other with the destination.
func (e *Engine) long() {
	o := e.obs
	if o.Duration < steps[0] || clockwork(o.Proto, o.Port) || e.livedLonger() {
		return
	}
	step := 0
	for step+1 < len(steps) && o.Duration >= steps[step+1] {
		step++
	}
	if e.skips(LongConnection, stepNames[step], e.net) {
		return
	}
	f := &Finding{Rule: LongConnection, Way: stepNames[step], Level: Low, Score: 0.5 + 0.1*float64(step), First: o.At - o.Duration, dest: e.net,
		BytesUp: o.Up, BytesDown: o.Down}
	known := e.known(baseline.Destination, e.net)
	if (!known || o.Unresolved) && e.learned() || step > 0 && o.Unresolved && !tunnelPort(o.Proto, o.Port) {
		f.Level = Medium
	}
	f.Reason = fmt.Sprintf("%s has a connection with %s that is open for %s, since %s", e.who(), e.whom(), seconds(o.Duration), clock(f.First))
	e.report(f)
}

// livedLonger records the duration of the current connection and reports whether those with
// the destination are usually about as long.
func (e *Engine) livedLonger() bool {
	entry := e.cur.base.Find(baseline.Destination, e.net)
	if entry == nil {
		return false
	}
	before := entry.AddLongest(e.obs.Duration)
	if e.cur.base.Known(entry, e.obs.At) {
		return e.obs.Duration < 4*before
	}
	return before > e.obs.Duration
}

// The bounds of an upload, in bytes within an hour if nothing else is said.
const (
	uploadLow, uploadMedium, uploadHigh = 1 << 20, 20 << 20, 200 << 20
	uploadRatio                         = 2        // times what came back
	uploadDay                           = 50 << 20 // within a day, slowly
	uploadGrowth                        = 8        // times the most in an hour before
)

// upload adds what was sent and reports much of it.
func (e *Engine) upload() {
	o, s := e.obs, e.cur
	if o.Up == 0 || o.Place == Qube {
		return
	}
	u := &s.uploads[e.net%uint64(len(s.uploads))]
	if hour := o.At / 3600e9; u.dest != e.net {
		if u.hour == hour && u.up > o.Up { // a larger one of this hour stays
			return
		}
		*u = upload{dest: e.net, hour: hour, day: o.At / day}
	} else if u.hour != hour {
		u.hour, u.up, u.down = hour, 0, 0
	}
	if u.day != o.At/day {
		u.day, u.dayUp = o.At/day, 0
	}
	u.up, u.down, u.dayUp = u.up+o.Up, u.down+o.Down, u.dayUp+o.Up
	e.judgeUpload(u)
}

// judgeUpload reports an upload that is large for the destination.
func (e *Engine) judgeUpload(u *upload) {
	o := e.obs
	entry := e.cur.base.Find(baseline.Destination, e.net)
	known := e.cur.base.Known(entry, o.At)
	var before uint64
	if entry != nil {
		before = entry.AddUpload(u.up)
	}
	slow := !known && u.dayUp >= uploadDay
	if u.up < uploadLow && !slow || u.up < uploadRatio*u.down || known && u.up < uploadGrowth*before {
		return
	}
	if !e.skips(Upload, "hour", e.net) && !e.skips(Upload, "day", e.net) {
		e.reportUpload(u, slow)
	}
}

// reportUpload reports an upload; slow says that a day of it is much.
func (e *Engine) reportUpload(u *upload, slow bool) {
	f := &Finding{Rule: Upload, Way: "hour", Level: Low, Score: 0.5, dest: e.net, BytesUp: u.up, BytesDown: u.down}
	switch {
	case u.up >= uploadHigh:
		f.Level, f.Score = High, 0.9
	case u.up >= uploadMedium:
		f.Level, f.Score = Medium, 0.7
	case slow && u.up < uploadLow:
		f.Way, f.Level, f.BytesUp = "day", Medium, u.dayUp
	}
	if !e.learned() && f.Level > Low {
		f.Level = f.Level.down()
	}
	f.Reason = fmt.Sprintf("%s has sent %s to %s within %s, and received %s", e.who(), size(f.BytesUp), e.whom(),
		map[string]string{"hour": "an hour", "day": "a day"}[f.Way], size(u.down))
	e.report(f)
}

// The bounds of data in ICMP.
const (
	echoHeaders  = 42  // bytes of a frame before the data of an echo request
	echoPayload  = 100 // of data: ping sends 56
	echoPackets  = 10
	echoMismatch = 8  // bytes by which replies differ from requests
	leastFrame   = 60 // bytes, to which Ethernet pads what it carries
)

// icmp reports echo requests that carry data.
func (e *Engine) icmp() {
	o := e.obs
	if o.Place != World && o.Place != LAN || o.UpPackets < echoPackets || o.UpPackets == 0 {
		return
	}
	if e.skips(ICMPTunnel, "replies", e.net) {
		return
	}
	up, down := o.Up/o.UpPackets, uint64(0)
	if o.DownPackets > 0 {
		down = o.Down / o.DownPackets
	}
	up, down = max(up, leastFrame), max(down, leastFrame)
	f := &Finding{Rule: ICMPTunnel, Level: Medium, Score: 0.6, dest: e.net, BytesUp: o.Up, BytesDown: o.Down}
	differ := o.DownPackets >= echoPackets/2 && (up > down+echoMismatch || down > up+echoMismatch)
	switch {
	case differ:
		f.Way, f.Score = "replies", 0.8
		f.Evidence = append(f.Evidence, fmt.Sprintf("replies of %d bytes to requests of %d", down, up))
	case up > echoPayload+echoHeaders:
		f.Way = "payload"
		f.Evidence = append(f.Evidence, fmt.Sprintf("requests of %d bytes", up))
	default:
		return
	}
	f.Reason = fmt.Sprintf("%s exchanges %d ICMP messages with %s, %s%s", e.who(), o.UpPackets+o.DownPackets, e.whom(), size(o.Up+o.Down), tail(f.Evidence))
	e.report(f)
}

// The bounds of contacts by address.
const (
	directFlows = 50            // before the share means something
	directShare = 0.02          // of flows to addresses that were not resolved
	directBytes = 4096          // each way
	dnsSeen     = int64(3600e9) // for which the queries of the qube must have been seen: programs remember addresses
)

// direct counts flows to addresses that were not resolved, and reports one of a qube that
// hardly ever has one.
func (e *Engine) direct() {
	o, s := e.obs, e.cur
	if !o.Final || o.Place != World || s.resolves == 0 || clockwork(o.Proto, o.Port) {
		return
	}
	share := float64(s.direct) / float64(max(s.flows, 1))
	enough := s.flows >= directFlows
	s.flows++
	if !o.Unresolved {
		return
	}
	s.direct++
	if !enough || share >= directShare || o.At-s.resolves < dnsSeen || o.Up < directBytes || o.Down < directBytes || e.known(baseline.Destination, e.net) || e.skips(DirectIP, "", e.net) {
		return
	}
	e.report(&Finding{Rule: DirectIP, Level: Low, Score: 0.5 + 0.5*(1-share/directShare), dest: e.net, BytesUp: o.Up, BytesDown: o.Down,
		Reason: fmt.Sprintf("%s talks to %s, an address that no DNS response had; it resolves all but %.1f %% of its destinations", e.who(), e.whom(), 100*share)})
}
