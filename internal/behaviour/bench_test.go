package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// BenchmarkObserve is what an observation costs.
func BenchmarkObserve(b *testing.B) {
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	q := &names.Query{Name: "www.site1.example", Domain: "site1.example", Suffix: true, Type: 1}
	opened := contact("work", "192.0.2.1:443", "site1.example", at)
	answered, traffic, beat := *opened, *opened, *opened
	answered.Kind, traffic.Kind, beat.Kind = behaviour.Answered, behaviour.Traffic, behaviour.Beat
	traffic.Final, traffic.Up, traffic.Down, traffic.Duration = true, 900, 9000, 1e9
	for name, o := range map[string]*behaviour.Observation{"opened": opened, "answered": &answered, "traffic": &traffic, "beat": &beat,
		"asked": {Kind: behaviour.Asked, Subject: "work", Name: q.Name, Domain: q.Domain, Query: q}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				at += 3e9
				o.At, q.At = at, at
				w.Observe(o)
			}
		})
	}
}

// BenchmarkObserve_p99 is what the slowest of a hundred and of a thousand observations cost, of a qube
// that works and is learned: a connection begins, is answered, and ends. Reading the clock is a part of
// it. The slowest look at a series, which each does after 64 gaps.
func BenchmarkObserve_p99(b *testing.B) {
	w := newWorld(nil)
	rng := rand.New(rand.NewPCG(1, 1))
	at := w.work("work", rng)
	var took []time.Duration
	for b.Loop() {
		at += int64(rng.ExpFloat64() * 10e9)
		o := contact("work", "192.0.2.1:443", fmt.Sprintf("site%d.example", rng.IntN(10)), at)
		for _, o.Kind = range []behaviour.Kind{behaviour.Opened, behaviour.Answered, behaviour.Traffic} {
			o.Final, o.Up, o.Down, o.Duration = true, 900, 9000, 1e9
			begun := time.Now()
			w.Observe(o)
			took = append(took, time.Since(begun))
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "ns-median")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "ns-p99")
	b.ReportMetric(float64(took[len(took)*999/1000].Nanoseconds()), "ns-p99.9")
}
