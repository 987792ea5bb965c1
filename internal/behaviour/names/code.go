package names

import "github.com/qubesbeat/qubesbeat/internal/behaviour/codec"

// Code codes what the window has counted. There is no name in it.
func (w *Window) Code(c *codec.Coder) {
	codec.Int(c, &w.begun)
	for _, n := range [...]*uint32{&w.queries, &w.names, &w.up, &w.rare, &w.unknown, &w.again, &w.used, &w.usedOf} {
		codec.Int(c, n)
	}
	codec.Int(c, &w.down)
	codec.Hash(c, &w.last)
	for _, n := range [...]*uint8{&w.longest, &w.longName, &w.reported} {
		codec.Int(c, n)
	}
	codec.List(c, w.recent[:], func(h *uint32) { codec.Hash(c, h) })
	codec.List(c, w.histogram[:], func(n *uint16) { codec.Int(c, n) })
	codec.List(c, w.distinct.register[:], func(n *uint8) { codec.Int(c, n) })
}

// Code codes the domains that were asked for, by their hashes.
func (g *Generated) Code(c *codec.Coder) {
	for _, r := range [...]*recent{&g.odd, &g.unknown, &g.all} {
		codec.List(c, r.hash[:], func(h *uint32) { codec.Hash(c, h) })
		codec.List(c, r.at[:], func(at *int64) { codec.Int(c, at) })
	}
	codec.List(c, g.domains.count[:], func(n *uint32) { codec.Int(c, n) })
	codec.List(c, g.domains.slot[:], func(n *int64) { codec.Int(c, n) })
	codec.Int(c, &g.reported)
}
