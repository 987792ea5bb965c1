package verify

import (
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/share"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// maxOutcomes bounds the interfaces whose verdicts are summed up: as many as have evidence.
const maxOutcomes = 1024

// The sums of the verdicts on a qube.
const (
	outcomeFail  = "fail"  // a check has failed
	outcomeDoubt = "doubt" // none has, and one that was judged before, or should be, is not known
	outcomePass  = "pass"
)

// summary holds the verdicts on each vif that were reported last.
type summary struct {
	mu sync.Mutex
	of map[string]*vifSummary // guarded by mu
}

// vifSummary is what was reported of a vif.
type vifSummary struct {
	at    int64 // packet time of the last report
	words [judge.Checks]string
}

// note takes a result.
func (o *summary) note(r *judge.Result) {
	if r.Interface == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	one := o.of[r.Interface]
	if one == nil {
		if one = o.add(r.Interface); one == nil {
			return
		}
	}
	one.at, one.words[r.Check] = r.At, outcomeOf(r)
}

// add adds a vif, for which the one that was not reported for the longest time has to go.
func (o *summary) add(iface string) *vifSummary {
	if o.of == nil {
		o.of = map[string]*vifSummary{}
	}
	if len(o.of) >= maxOutcomes {
		delete(o.of, share.Oldest(o.of, func(one *vifSummary) int64 { return one.at }))
	}
	one := &vifSummary{}
	o.of[iface] = one
	return one
}

// outcomeOf returns the word for a result, "" if it says nothing.
func outcomeOf(r *judge.Result) string {
	switch {
	case r.Verdict == judge.Fail:
		return outcomeFail
	case r.Verdict == judge.Pass && !r.Stale:
		return outcomePass
	case r.Verdict == judge.NotTested, r.Reason == judge.NoTraffic, r.Reason == judge.NeedsProbe, r.Reason == judge.NoRulesRead:
		return ""
	}
	return outcomeDoubt
}

// word returns the worst of the vif's, "" if nothing was reported of it.
func (o *summary) word(iface string) (worst string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	one := o.of[iface]
	if one == nil {
		return ""
	}
	for _, word := range one.words {
		switch {
		case word == outcomeFail:
			return word
		case word == outcomeDoubt, worst == "":
			worst = word
		}
	}
	return worst
}

// Outcome returns fail, doubt or pass: what the verdicts on the qube of a vif come to, as they were
// reported last; "" if none was. It is safe for concurrent use.
func (s *Service) Outcome(iface string) string { return s.summary.word(iface) }
