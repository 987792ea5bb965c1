package behaviour

import "github.com/qubesbeat/qubesbeat/internal/behaviour/codec"

// memory codes what counts for minutes or hours of a subject, without names: what it has
// asked for and contacted lately, what it has sent, and which findings were reported.
func (e *Engine) memory(c *codec.Coder, s *subject) {
	s.walk.Code(c)
	s.generated.Code(c)
	s.day.Code(c)
	s.code(c)
	s.base.Hours().Code(c)
	codeTracks(c, &e.windows, s.id, func(w *window) bool { return !w.Over(s.last) }, func(w *window) { w.Code(c) })
	codeTracks(c, &e.connections, s.id, func(l *lasting) bool { return s.last-l.last <= quietFor }, func(l *lasting) {
		codec.Int(c, &l.born)
		codec.Int(c, &l.last)
	})
}

// code codes what the subject itself has.
func (s *subject) code(c *codec.Coder) {
	codec.List(c, s.seldom[:], func(x *candidate) { x.code(c) })
	codec.List(c, s.asked[:], func(h *uint32) { codec.Hash(c, h) })
	codec.List(c, s.uploads[:], func(u *upload) { u.code(c) })
	codec.List(c, s.targets[:], func(t *target) {
		codec.Hash(c, &t.hash)
		codec.Int(c, &t.at)
	})
	codec.List(c, s.logins[:], func(l *logins) {
		codec.Hash(c, &l.dest)
		codec.Int(c, &l.since)
		codec.Int(c, &l.up)
		codec.Int(c, &l.n)
		codec.Int(c, &l.other)
	})
	codec.List(c, s.contacts[:], func(a *activity) {
		codec.Hash(c, &a.dest)
		codec.Int(c, &a.at)
	})
	codec.List(c, s.rates[:], func(r *rate) {
		codec.Int(c, &r.hour)
		codec.Int(c, &r.n)
	})
	codec.Int(c, &s.longs.hour)
	codec.Int(c, &s.longs.n)
	codec.Int(c, &s.told)
	codec.Int(c, &s.firsts)
	codec.Int(c, &s.oddHour)
}

// code codes a candidate.
func (x *candidate) code(c *codec.Coder) {
	codec.Hash(c, &x.hash)
	codec.Int(c, &x.first)
	codec.Int(c, &x.last)
	codec.Int(c, &x.n)
}

// code codes an upload.
func (u *upload) code(c *codec.Coder) {
	codec.Hash(c, &u.dest)
	for _, n := range [...]*int64{&u.hour, &u.day} {
		codec.Int(c, n)
	}
	for _, n := range [...]*uint64{&u.up, &u.down, &u.dayUp, &u.dayDown} {
		codec.Int(c, n)
	}
}

// codeTracks codes the values of a subject that are kept, in the order in which they came. A
// value that finds no room is read and lost.
func codeTracks[T any](c *codec.Coder, t *tracks[T], subject uint32, kept func(*T) bool, one func(*T)) {
	if c.Reading() {
		readTracks(c, t, subject, one)
		return
	}
	n := 0
	for i := t.store.Oldest(subject); i != nil; i = i.Next() {
		if kept(&i.Value.value) {
			n++
		}
	}
	codec.Int(c, &n)
	for i := t.store.Oldest(subject); i != nil; i = i.Next() {
		if kept(&i.Value.value) {
			codec.Hash(c, &i.Value.hash)
			one(&i.Value.value)
		}
	}
}

// readTracks reads what codeTracks has written.
func readTracks[T any](c *codec.Coder, t *tracks[T], subject uint32, one func(*T)) {
	n, hash := 0, uint64(0)
	for codec.Int(c, &n); n > 0 && !c.Failed(); n-- {
		codec.Hash(c, &hash)
		v, isNew := t.add(subject, hash)
		if v == nil || !isNew {
			v = new(T)
		}
		one(v)
	}
}
