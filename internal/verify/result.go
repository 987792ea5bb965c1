package verify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Result is the verdict on one check and one subject.
type Result struct {
	Check     Check
	Verdict   Verdict
	Previous  Verdict // that was reported before; NotTested at first
	Reason    Reason
	Method    Method
	Contained bool // a fail of which no packet has left this machine, as far as they were followed
	Stale     bool // a pass that is older than it is good for
	Alert     bool // a person should see it

	Iface     uint32
	Interface string     // "" for this machine, and in a capture without names
	Qube      *qube.Qube // nil if it is not known; it must not be changed
	Subject   string     // the qube, the interface, or this machine

	// At is the time of the result, Since of the last change, ValidUntil of the end of a
	// pass: packet times in nanoseconds since the Unix epoch; 0 if there is none.
	At, Since, ValidUntil int64

	Expect   *Expectation // nil if nothing is expected
	Tunnel   Tunnel
	Evidence Evidence
	Sample   *Sample // the first packet against, nil if there is none
	Count    uint64  // packets against since the last report
	Lost     uint64  // by the capture, since the start
	Text     string  // a sentence for people
}

// Results returns all results as of the last packet, fails first.
func (v *Verifier) Results() []Result {
	var list []Result
	for _, s := range v.all() {
		for c := range checks {
			if v.applies(s, c) {
				list = append(list, *v.result(s, c))
			}
		}
	}
	for i := range v.env.Missing {
		if s := v.byName(v.env.Missing[i].Name); s != nil && !s.gone {
			continue
		}
		list = append(list, v.absent(&v.env.Missing[i]))
	}
	slices.SortStableFunc(list, func(a, b Result) int {
		return cmp.Or(int(b.Verdict)-int(a.Verdict), strings.Compare(a.Subject, b.Subject), int(a.Check)-int(b.Check))
	})
	return list
}

// applies reports whether a check is about a subject. Of a vif that is gone, only fails count.
func (v *Verifier) applies(s *subject, c Check) bool {
	return infos[c].of&s.audience(v) != 0 && (!s.gone || v.fails(&s.records[c]))
}

// audience returns what checks may be about the subject.
func (s *subject) audience(v *Verifier) audience {
	switch {
	case s == v.self:
		return ofMachine
	case s.expect == nil:
		return ofClear
	}
	switch s.expect.Exit {
	case ExitVPN:
		return ofVPN
	case ExitTor:
		return ofTor
	case ExitAnon:
		return ofAnon
	}
	return ofClear
}

// result returns the result of a check as of now.
func (v *Verifier) result(s *subject, c Check) *Result {
	r := &s.records[c]
	x := &Result{Check: c, Previous: r.verdict, Iface: s.iface, Interface: s.name, Qube: s.qube, Subject: s.label(), At: v.now - v.shift,
		Since: r.since, Expect: s.expect, Evidence: r.Evidence, Lost: v.stats.Lost, Count: r.Against - r.counted, Tunnel: s.clock.Tunnel}
	x.Verdict, x.Reason, x.Method = v.verdict(s, c)
	if r.Against > 0 {
		sample := r.sample
		x.Sample = &sample
	}
	if x.Verdict == Fail {
		x.Contained = r.Against > 0 && r.contained()
	}
	if x.Verdict == Pass {
		x.Evidence.Packets, x.Evidence.First = r.Packets-r.before, r.again
	}
	if x.Verdict == Pass && x.Method != Ruled {
		until := r.seen + v.window
		if r.probed {
			until = r.seen + v.hold
		}
		x.ValidUntil = until - v.shift
		x.Stale = v.now > until || v.isOldList(s, c)
	}
	x.Text = describe(x, s, v)
	return x
}

// isOldList reports whether a pass rests on a list of relays that is too old.
func (v *Verifier) isOldList(s *subject, c Check) bool {
	return c == TOR3 && s.expect != nil && s.expect.Relays != nil && v.now-v.shift-s.expect.Relays.ValidAfter.UnixNano() >= relaysOld
}

// verdict decides a check.
func (v *Verifier) verdict(s *subject, c Check) (Verdict, Reason, Method) {
	r := &s.records[c]
	if v.fails(r) {
		return Fail, NoReason, Observed
	}
	if s.expect != nil && s.expect.Conflict != "" && c >= VPN1 && c <= TOR7 {
		return Unknown, NoExpectation, NoMethod
	}
	if v.awaitsEndpoint(s, c) {
		return Unknown, NoExpectation, NoMethod
	}
	switch infos[c].kind {
	case byRules:
		if v.env.Stale && restsOnInventory.has(c) {
			return Unknown, InventoryStale, NoMethod
		}
		return v.byRules(s, c)
	case byProbe:
		return v.byProbe(s, c)
	}
	if reason := v.untold(r, c); reason != NoReason {
		return Unknown, reason, NoMethod
	}
	if verdict, reason, method, special := v.special(s, c); special {
		return verdict, reason, method
	}
	return v.observed(r)
}

// untold returns why packets that agree say nothing, NoReason if they do.
func (v *Verifier) untold(r *record, c Check) Reason {
	switch {
	case restsOnRules.has(c) && r.agreeing() && v.void(r):
		return RulesetChanged
	case mayMiss.has(c) && r.missing(v.now, v.window):
		return CaptureLost
	}
	return NoReason
}

// awaitsEndpoint reports whether a check cannot be decided because no endpoint is known. That a qube
// has no IPv6, and that no rules were read, is known without.
func (v *Verifier) awaitsEndpoint(s *subject, c Check) bool {
	switch {
	case !s.expect.lacksEndpoint(), c == VPN4 && !s.hasIPv6(), c == VPN8 && v.env.Rules == nil:
		return false
	}
	return needsEndpoint.has(c)
}

// fails reports whether a packet against is neither acknowledged nor too long ago. It has to be
// that long ago by the packets' clock, too: own time adds up what a clock jumps to and fro. A time in which the
// machine was suspended, or over which its clock was set, counts only once a packet has agreed behind it.
func (v *Verifier) fails(r *record) bool {
	switch {
	case r.Against == r.acked:
		return false
	case v.now-r.failed < v.hold, v.now-v.shift-r.LastAgainst < v.hold:
		return true
	}
	return v.awake()-r.awake < v.hold && !(r.agreeing() && r.seen-r.failed >= v.hold)
}

// observed decides a check by its packets.
func (v *Verifier) observed(r *record) (Verdict, Reason, Method) {
	switch {
	case v.lost != 0 && v.now-v.lost < v.window:
		return Unknown, CaptureLost, NoMethod
	case v.env.Stale:
		return Unknown, InventoryStale, NoMethod
	case !r.agreeing():
		return Unknown, NoTraffic, NoMethod
	}
	return Pass, NoReason, Observed
}

// absent returns the result for a qube that is not attached here.
func (v *Verifier) absent(a *Absent) Result {
	x := Result{Check: VPN1, Verdict: Unknown, Reason: NotAttached, Subject: a.Name, Expect: a.Expect, At: v.now - v.shift}
	switch a.Expect.Exit {
	case ExitTor:
		x.Check = TOR1
	case ExitAnon:
		x.Check = TOR6
	}
	switch q := v.conf.World.ByName(a.Name); {
	case a.Above:
		x.Reason = NotInPosition
	case q != nil && q.XID >= 0 && v.conf.World.HasVif(q.XID): // as a file says, once it was read
		x.Reason = NoTraffic
	}
	x.Text = x.Reason.explain(&x, nil)
	return x
}
