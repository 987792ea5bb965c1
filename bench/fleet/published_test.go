package main

import (
	"strings"
	"testing"
)

// four returns the arrivals of four events as they were published: three flows of a qube, and one
// of another qube of another laptop.
func four() []arrival {
	return []arrival{
		{id: "a", observer: "laptop-1", qube: "work", uuid: "1", kind: "flow", partition: 1},
		{id: "b", observer: "laptop-1", qube: "work", uuid: "1", kind: "flow", partition: 1},
		{id: "c", observer: "laptop-1", qube: "work", uuid: "1", kind: "flow", partition: 1},
		{id: "d", observer: "laptop-2", qube: "work", uuid: "2", kind: "flow", partition: 2},
	}
}

// TestPublished_verify finds each way in which something may go wrong, and nothing else.
func TestPublished_verify(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   func(a []arrival) []arrival
		want verdict
	}{
		{"all well", func(a []arrival) []arrival { return a }, verdict{Published: 4}},
		{"nothing", func([]arrival) []arrival { return nil }, verdict{Published: 4, Lost: 4}},
		{"lost", func(a []arrival) []arrival { return a[1:] }, verdict{Published: 4, Lost: 1}},
		{"doubled", func(a []arrival) []arrival { return append(a, a[0]) }, verdict{Published: 4, Doubled: 1}},
		{"disordered", func(a []arrival) []arrival { a[0], a[1] = a[1], a[0]; return a }, verdict{Published: 4, Disordered: 1}},
		{"another order of two qubes", func(a []arrival) []arrival { a[2], a[3] = a[3], a[2]; return a }, verdict{Published: 4}},
		{"in no order", func(a []arrival) []arrival {
			a[0], a[1] = a[1], a[0]
			a[0].partition, a[1].partition, a[2].partition = noOrder, noOrder, noOrder
			return a
		}, verdict{Published: 4}},
		{"other laptop", func(a []arrival) []arrival { a[0].observer = "laptop-2"; return a }, verdict{Published: 4, Misnamed: 1}},
		{"no qube", func(a []arrival) []arrival { a[2].uuid, a[2].qube = "", ""; return a }, verdict{Published: 4, Misnamed: 1}},
		{"scattered", func(a []arrival) []arrival { a[2].partition = 3; return a }, verdict{Published: 4, Scattered: 1}},
		{"unknown", func(a []arrival) []arrival { return append(a, arrival{id: "x"}) }, verdict{Published: 4, Unknown: 1}},
	} {
		p := newPublished()
		for _, a := range four() {
			if !p.add(a) {
				t.Fatal("add refuses a new event")
			}
		}
		got := p.verify(tt.in(four()), nil)
		if got != tt.want {
			t.Errorf("%s: verify = %+v; want %+v", tt.name, got, tt.want)
		}
		if isFault := tt.want != (verdict{Published: 4}); isFault != (got.fault(0) != "") {
			t.Errorf("%s: fault = %q", tt.name, got.fault(0))
		}
	}
}

// TestPublished_add refuses a second event with an id.
func TestPublished_add(t *testing.T) {
	t.Parallel()
	p := newPublished()
	if !p.add(four()[0]) || p.add(four()[0]) {
		t.Error("add does not find an id that was there")
	}
	if qubes, laptops := namesakes(four(), "work"); qubes != 2 || laptops != 2 {
		t.Errorf("namesakes = %d, %d; want 2, 2", qubes, laptops)
	}
}

// TestReport_fault names the server and what is wrong there.
func TestReport_fault(t *testing.T) {
	t.Parallel()
	good := func() *serverReport {
		return &serverReport{Name: "kafka", storesAgain: true, Works: 2, WorksOf: 2, First: verdict{Published: 4}, Again: verdict{Published: 4, Doubled: 4},
			Rest: &rest{Verdict: verdict{Published: 4}}}
	}
	for _, tt := range []struct {
		change func(s *serverReport)
		want   string
	}{
		{func(*serverReport) {}, ""},
		{func(s *serverReport) { s.First.Lost = 1 }, "kafka, under load"},
		{func(s *serverReport) { s.storesAgain = false }, "kafka, once more"},
		{func(s *serverReport) { s.Again.Doubled = 3 }, "kafka, once more"},
		{func(s *serverReport) { s.Rest.Verdict.Misnamed = 1 }, "kafka, at rest"},
		{func(s *serverReport) { s.Works = 1 }, "1 qubes are called work"},
	} {
		s := good()
		tt.change(s)
		err := (&report{Sensors: 2, Servers: []*serverReport{s}}).fault()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("fault = %v; want %q", err, tt.want)
		}
	}
}

// TestParse knows the events whose ids a replay repeats.
func TestParse(t *testing.T) {
	t.Parallel()
	a, repeatable, err := parse([]byte(`{"type":"dns","observer":{"name":"l"},"qube":{"name":"work","uuid":"u"},"event":{"id":"i"}}`))
	if want := (arrival{id: "i", observer: "l", qube: "work", uuid: "u", kind: "dns"}); err != nil || !repeatable || a != want {
		t.Errorf("parse = %+v, %v, %v; want %+v", a, repeatable, err, want)
	}
	if _, repeatable, err := parse([]byte(`{"type":"stats"}`)); repeatable || err != nil {
		t.Errorf("parse of counters = %v, %v", repeatable, err)
	}
	if _, _, err := parse([]byte(`{"type":`)); err == nil {
		t.Error("parse accepts a torn line")
	}
}
