package evaluate

import (
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect"
)

// maxPasts bounds the pasts that are made of the benign cases.
const maxPasts = 64

// pending is a case that waits for the pasts.
type pending struct {
	result *Result
	items  []detect.Item
}

// Evaluate runs all cases: the benign ones make the pasts that some of the others need.
func Evaluate(cases []Case) *Table {
	t := &Table{Scores: make([]Score, behaviour.Rules)}
	for i := range t.Scores {
		t.Scores[i].Rule = behaviour.Rule(i)
	}
	var pasts []*Past
	var waiting []pending
	for i := range cases {
		c := &cases[i]
		items, err := Items(c)
		if err != nil {
			t.Faults = append(t.Faults, err)
			continue
		}
		r := RunItems(c, items, false)
		t.Results = append(t.Results, r)
		if c.Class == "benign" {
			t.benign(r, RunItems(c, items, true))
			if p := NewPast(c, items); p != nil && len(pasts) < maxPasts {
				pasts = append(pasts, p)
			}
		}
		if slices.ContainsFunc(c.Expect, NeedsPast) {
			waiting = append(waiting, pending{r, items})
		}
	}
	for _, one := range waiting {
		one.result.give(pasts, one.items)
	}
	t.goOn(pasts)
	for _, r := range t.Results {
		t.expected(r)
	}
	for i := range t.Scores {
		slices.Sort(t.Scores[i].After)
	}
	return t
}

// goOn counts what is found if those who have a past go on as before.
func (t *Table) goOn(pasts []*Past) {
	t.Pasts = len(pasts)
	for _, p := range pasts {
		t.count(p.Continue(), func(s *Score) *[2]int { return &s.Goes })
	}
}

// count counts the rules that have found something, at any level and at medium or above.
func (t *Table) count(r *Result, in func(*Score) *[2]int) {
	for i := range t.Scores {
		for k, level := range [...]behaviour.Level{behaviour.Low, behaviour.Medium} {
			if _, ok := r.Found(t.Scores[i].Rule, level); ok {
				in(&t.Scores[i])[k]++
			}
		}
	}
}

// expected counts what a case expects.
func (t *Table) expected(r *Result) {
	for _, rule := range r.Expect {
		s := &t.Scores[rule]
		s.Expected++
		s.Runs, s.Hits = s.Runs+r.Pasts, s.Hits+r.WithPast[rule]
		if after, ok := r.Finds(rule); ok {
			s.Found++
			s.After = append(s.After, after)
		}
	}
}

// maxSpan is the longest time of a case that counts for rates, with what is found in it: some captures
// are glued together from several years.
const maxSpan = 48 * time.Hour

// benign counts what was found in a benign case, without and with learning.
func (t *Table) benign(cold, learned *Result) {
	t.count(cold, func(s *Score) *[2]int { return &s.Cold })
	t.count(learned, func(s *Score) *[2]int { return &s.Learned })
	if learned.Span > maxSpan {
		return
	}
	t.Benign += learned.Span / 2
	for i := range learned.Findings {
		f := &learned.Findings[i]
		t.Scores[f.Rule].Findings++
		if f.Level >= behaviour.Medium {
			t.Scores[f.Rule].Serious++
		}
	}
}
