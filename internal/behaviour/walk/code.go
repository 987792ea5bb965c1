package walk

import (
	"math"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/codec"
)

// Code codes what the walker has seen. Contacts that wait for an answer are left out: it may
// come while no one looks.
func (w *Walker) Code(c *codec.Coder) {
	codec.List(c, w.seen[:], func(h *uint32) { codec.Hash(c, h) })
	codec.List(c, w.failed[:], func(f *failure) { f.code(c) })
	c.Float(&w.score)
	codec.Int(c, &w.since)
	codec.Int(c, &w.contacts)
	codec.Int(c, &w.failures)
	codec.Int(c, &w.named)
	codec.Int(c, &w.lost)
	for _, f := range [...]*fan{&w.echoes, &w.probes} {
		codec.Int(c, &f.since)
		codec.Int(c, &f.n)
	}
	codec.List(c, w.answered[:], func(p *port) { p.code(c) })
	if w.lost >= maxFailed || math.Abs(w.score) > limit {
		w.lost, w.score = 0, 0
		c.Fail()
	}
}

// code codes a failure.
func (f *failure) code(c *codec.Coder) {
	codec.Int(c, &f.at)
	codec.Hash(c, &f.host)
	codec.Int(c, &f.port)
	codec.Int(c, &f.proto)
	codec.Bool(c, &f.named)
}

// code codes what is known of a port.
func (p *port) code(c *codec.Coder) {
	codec.Int(c, &p.since)
	codec.Int(c, &p.n)
	codec.Int(c, &p.before)
	codec.Int(c, &p.port)
}
