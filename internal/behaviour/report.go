package behaviour

import (
	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// opened is a finding that was reported and may come again.
type opened struct {
	told  int64 // when it was reported last, 0 if it never was
	seen  int64 // when it was looked at last
	level Level
	count uint64 // since then
	rules uint16 // of all findings about the destination, one bit each
}

// report completes a finding about the current observation and reports it, unless it is
// allowed, too low, or was reported a short time ago.
func (e *Engine) report(f *Finding) {
	o := e.obs
	if f.Level == Silent || e.conf.Off[f.Rule] {
		return
	}
	f.Subject, f.At, f.Proto, f.Context = e.cur.name, o.At, o.Proto, o.Context
	if f.First == 0 {
		f.First = o.At
	}
	if o.Failing != "" {
		e.unverified(f)
	}
	if f.dest != 0 {
		f.Addr, f.Port, f.Name, f.Domain = o.Addr, o.Port, o.Name, o.Domain
		e.combine(f)
		e.hold(f)
	}
	if f.once == 0 {
		f.once = f.dest
	}
	v, _ := e.open.add(e.cur.id, e.openKey(f.Rule, f.Way, f.once))
	if v != nil {
		v.seen = o.At
	}
	if e.conf.Allowed != nil && e.conf.Allowed(f) {
		e.stats.Allowed++
		return
	}
	if f.Level < e.conf.Level || !e.fresh(f, v) || !e.withinRate(f) {
		return
	}
	f.Score = min(1, f.Score)
	e.stats.Findings++
	e.conf.Report(f)
}

// failingScore is what failing checks add to the score of a finding: as much as the service
// of a neighbour.
const failingScore = 0.1

// unverified adds the checks that fail for the client to the evidence: a qube that reaches the
// network by another way than it should is what an implant needs, or has made.
func (e *Engine) unverified(f *Finding) {
	evidence := "the qube fails verification: " + e.obs.Failing
	f.Evidence = append(f.Evidence, evidence)
	f.Reason += "; " + evidence
	f.Score += failingScore
}

// anHour is how many findings of a rule are reported of a subject in an hour: enough to see
// what it does, and few enough to be read.
const anHour = 20

// withinRate reports whether a finding may be reported, and says with the last one that no
// more will be.
func (e *Engine) withinRate(f *Finding) bool {
	r := &e.cur.rates[f.Rule]
	if hour := f.At / 3600e9; hour != r.hour {
		*r = rate{hour: hour}
	}
	switch r.n++; {
	case f.Rule == LongConnection && e.enoughLongs(f.Level):
		return false
	case r.n > anHour:
		e.stats.Limited++
		return false
	case r.n == anHour:
		f.Reason += "; no more of this kind is reported in this hour"
	}
	return true
}

// hold keeps the destination of a finding from being learned, from the first finding at its level on:
// what goes on for longer than it is held, and is not worse than it was, belongs to the qube. What is
// not certain while the qube is learned, as that something sends much, is what is usual for it.
func (e *Engine) hold(f *Finding) {
	if f.Level < Medium || f.Level < High && !e.learned() {
		return
	}
	entry := e.cur.base.Find(baseline.Destination, f.dest)
	if entry != nil && (f.Rule == Beacon || !e.cur.base.Known(entry, e.obs.At)) { // a slow one has begun when it was not known
		entry.Hold(e.obs.At, e.conf.Settle, uint8(f.Level))
	}
}

// strong are the rules that make a finding critical if two of them find the same
// destination, and one of the findings is high.
const strong = 1<<Beacon | 1<<DNSTunnel | 1<<Upload | 1<<Lateral | 1<<ICMPTunnel

// combine raises a finding if another rule has found the same destination.
func (e *Engine) combine(f *Finding) {
	v, _ := e.open.add(e.cur.id, e.keyed(f.dest, 0xdd))
	if v == nil {
		return
	}
	others := v.rules &^ (1 << f.Rule)
	v.rules |= 1 << f.Rule
	v.level = max(v.level, f.Level)
	if f.Level >= Medium && others&strong != 0 && strong>>f.Rule&1 != 0 && v.level >= High {
		f.Level = Critical
		f.Evidence = append(f.Evidence, "another rule has found the same destination")
	}
}

// keyed returns a hash of the current subject, a hash and a number.
func (e *Engine) keyed(hash uint64, n uint64) uint64 {
	h := (hash ^ uint64(e.cur.id)<<32 ^ n) * 0x9e3779b97f4a7c15
	return (h ^ h>>29) * 0xbf58476d1ce4e5b9
}

// openKey returns the key of a finding of the current subject.
func (e *Engine) openKey(r Rule, way string, dest uint64) uint64 {
	return e.keyed(dest^siphash(0, 0, way), uint64(r)+1)
}

// lookEvery is the packet time between two looks at the same finding: it takes a microsecond
// to put one into words.
const lookEvery = int64(60e9)

// skips reports whether a finding need not be looked at: it was a moment ago, or enough of
// the rule is known for this hour. It counts it.
func (e *Engine) skips(r Rule, way string, dest uint64) bool {
	at := e.obs.At
	if e.conf.Off[r] {
		return true
	}
	if c := &e.cur.rates[r]; c.n >= anHour && c.hour == at/3600e9 {
		e.stats.Limited++
		return true
	}
	v := e.open.find(e.openKey(r, way, dest))
	if v == nil || at-v.seen >= lookEvery || at < v.seen {
		return false
	}
	v.count++
	e.stats.Repeated++
	return true
}

// fresh reports whether a finding is to be reported now, and counts it. v is its place, nil
// if there is no room.
func (e *Engine) fresh(f *Finding, v *opened) bool {
	if v == nil {
		f.Count = 1
		return true
	}
	v.count++
	again := v.told == 0 || f.At-v.told >= e.conf.Repeat || f.At < v.told-e.conf.Repeat
	if !again && f.Level <= v.level {
		e.stats.Repeated++
		return false
	}
	f.Count, v.count, v.told, v.level = v.count, 0, f.At, f.Level
	return true
}
