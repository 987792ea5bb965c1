package verify

import (
	"slices"
	"time"
)

// sweepEvery is how often verdicts are looked at that change with time, in nanoseconds.
const sweepEvery = int64(1e9)

// renewIfDue looks once a second of own time whether the world is still what it was, before
// anything is judged by it.
func (v *Verifier) renewIfDue() {
	if v.now < v.due {
		return
	}
	if v.nameless {
		v.askAgain()
	}
	if now := v.conf.World.Epoch(time.Unix(0, v.now-v.shift)); now != v.world {
		v.world = now
		v.forget()
	}
}

// sweepIfDue looks at all verdicts once a second of own time.
func (v *Verifier) sweepIfDue() {
	if v.now < v.due {
		return
	}
	v.due = v.now + sweepEvery
	v.heard.look(v)
	all := v.all()
	for _, s := range all {
		v.tick(s)
	}
	v.tracer.expire(v.now, v.traced)
	v.judgeProbes()
	if v.conf.Report == nil {
		return
	}
	for _, s := range all {
		for c := range checks {
			if v.applies(s, c) {
				v.look(s, c)
			}
		}
	}
}

// tick moves the tunnel's clock.
func (v *Verifier) tick(s *subject) {
	if s != v.self {
		v.refresh(s, v.now-v.shift)
	}
	v.unanswered(s)
	v.wait(s, -s.asked.expire(v.now))
	if s.exit() == ExitVPN && s.packets() > 0 {
		s.clock.update(v.now, v.woke)
	}
}

// look reports a verdict that has changed or is due.
func (v *Verifier) look(s *subject, c Check) {
	r := &s.records[c]
	verdict, reason, _ := v.verdict(s, c)
	quiet := verdict == NotTested || verdict == Unknown && (reason == NoTraffic || reason == NeedsProbe)
	switch {
	case v.changed(r, verdict, reason):
		if r.reported || !quiet {
			v.reportNow(s, c, false)
		}
	case verdict == Fail:
		if r.Against > r.counted && v.now-r.told >= v.foldFor {
			v.reportNow(s, c, true)
		}
	case !quiet && (!r.reported || v.now-r.told >= v.period):
		v.reportNow(s, c, false)
	}
}

// changed reports whether a verdict, or what qualifies it, differs from what was reported.
func (v *Verifier) changed(r *record, verdict Verdict, reason Reason) bool {
	if verdict != r.verdict || verdict == Unknown && reason != r.reason || verdict == Fail && r.contained() != r.inside {
		return true
	}
	return verdict == Pass && r.seen != 0 && v.now > r.seen+v.window && !r.stale && !r.probed
}

// reportNow reports a verdict.
func (v *Verifier) reportNow(s *subject, c Check, alert bool) {
	x := v.result(s, c)
	r := &s.records[c]
	if x.Verdict != r.verdict || !r.reported {
		r.since = x.At
		if x.Verdict == Fail && r.FirstAgainst != 0 {
			r.since = r.FirstAgainst
		}
	}
	x.Since = r.since
	x.Alert = alert && x.Verdict == Fail
	r.reported, r.verdict, r.reason, r.stale, r.inside = true, x.Verdict, x.Reason, x.Stale, x.Contained
	r.told, r.counted = v.now, r.Against
	v.stats.Reports[x.Verdict]++
	if x.Alert {
		v.stats.Alerts++
	}
	if v.conf.Report != nil {
		v.conf.Report(x)
	}
}

// Knows reports whether a name is that of a subject or of a qube in the inventory.
func (v *Verifier) Knows(name string) bool {
	return v.conf.World.ByName(name) != nil || slices.ContainsFunc(v.all(), func(s *subject) bool { return s.label() == name })
}

// Acknowledge ends the fails of a check, of one subject or of all if subject is "". New
// packets against make it fail again. It returns how many fails it has ended.
func (v *Verifier) Acknowledge(c Check, subject string) (n int) {
	for _, s := range v.all() {
		r := &s.records[c]
		if r.Against == r.acked || subject != "" && subject != s.label() {
			continue
		}
		r.acked = r.Against
		n++
		v.reportNow(s, c, false)
	}
	return n
}
