package evaluate

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Result is what was found in a case.
type Result struct {
	Case
	Span     time.Duration
	Items    int
	Findings []behaviour.Finding
	Start    int64  // of the first item
	From     int64  // findings count from here: the rest was for learning
	Windows  uint64 // of DNS that were judged: a subject, a domain, an hour

	Pasts    int                            // how many pasts the case was given, see [Past]
	WithPast [behaviour.Rules]int           // with how many of them a rule has found something
	after    [behaviour.Rules]time.Duration // with the first of these
}

// noQubes is an inventory without qubes: addresses are the subjects.
type noQubes struct{}

// ByDomain implements [enrich.QubeLookup].
func (noQubes) ByDomain(int32, time.Time) *qube.Qube { return nil }

// ByAddr implements [enrich.QubeLookup].
func (noQubes) ByAddr(netip.Addr, time.Time) *qube.Qube { return nil }

// Run runs the detection over a case. With learn, the first half is the baseline and only
// the findings of the second half are returned.
func Run(c *Case, learn bool) (*Result, error) {
	items, err := Items(c)
	if err != nil {
		return nil, err
	}
	return RunItems(c, items, learn), nil
}

// RunItems is Run for items that were read before.
func RunItems(c *Case, items []detect.Item, learn bool) *Result {
	first, last := span(items)
	r := &Result{Case: *c, Span: time.Duration(last - first), Items: len(items), Start: first, From: first}
	conf := behaviour.Defaults()
	if learn {
		r.From = first + (last-first)/2
		conf.Learn = baseline.Learning{Span: (last - first) / 2, Days: 1, Uses: 1}
	}
	conf.Report = r.keep
	engine := behaviour.New(conf)
	t := newTranslator()
	for i := range items {
		if o, _ := t.Translate(&items[i]); o != nil {
			observe(engine, o)
		}
	}
	r.Windows = engine.Stats().WindowsBegun
	return r
}

// keep keeps a finding that is not of the past.
func (r *Result) keep(f *behaviour.Finding) {
	if f.At >= r.From {
		one := *f
		one.Context = nil
		r.Findings = append(r.Findings, one)
	}
}

// newTranslator returns a translator without an inventory.
func newTranslator() *detect.Translator {
	return detect.NewTranslator(detect.Config{Enricher: &enrich.Enricher{Qubes: noQubes{}, Name: func(uint32) string { return "" }}, Resolver: publicResolver})
}

// observe passes an observation on to an engine. Whose resolver is which cannot be known.
func observe(engine *behaviour.Engine, o *behaviour.Observation) {
	if o.Bypass == "dns" {
		o.Bypass = ""
	}
	engine.Observe(o)
}

// publicResolver stands for a resolver that no capture has.
func publicResolver(netip.Addr) bool { return false }

// Finds returns when a rule has found something, and whether it has: in the case alone or, for a
// rule that needs a past, with most of those that the case was given.
func (r *Result) Finds(rule behaviour.Rule) (after time.Duration, ok bool) {
	if NeedsPast(rule) && 2*r.WithPast[rule] > r.Pasts {
		return r.after[rule], true
	}
	return r.Found(rule, behaviour.Low)
}

// give runs the case once for each past.
func (r *Result) give(pasts []*Past, items []detect.Item) {
	r.Pasts = len(pasts)
	d := doingsOf(items)
	for _, p := range pasts {
		with := p.with(&r.Case, d)
		for rule := range behaviour.Rules {
			after, ok := with.Found(rule, behaviour.Low)
			if !ok {
				continue
			}
			if r.WithPast[rule]++; r.WithPast[rule] == 1 {
				r.after[rule] = after
			}
		}
	}
}

// Found returns when the first finding of a rule was made, and whether there is one at a
// level or above.
func (r *Result) Found(rule behaviour.Rule, level behaviour.Level) (after time.Duration, ok bool) {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Rule == rule && f.Level >= level {
			return time.Duration(f.At - r.Start), true
		}
	}
	return 0, false
}
