package ecs

import "github.com/qubesbeat/qubesbeat/internal/event"

// Place writes where an address is registered, into the object of its side. It writes
// nothing of what is not known; p may be nil.
func Place(w event.Writer, p *event.Place) {
	if p == nil {
		return
	}
	if j, ok := w.(*event.JSON); ok && p.JSON != "" {
		j.Fields(p.JSON)
		return
	}
	writePlace(w, p)
}

// Prepare makes the JSON of a place, for the many flows that share it.
func Prepare(p *event.Place) {
	var j event.JSON
	writePlace(&j, p)
	p.JSON = string(j.Buf)
}

func writePlace(w event.Writer, p *event.Place) {
	if p.Country != "" {
		w.Begin("geo")
		w.String("country_iso_code", p.Country)
		w.End()
	}
	if p.ASNumber == 0 {
		return
	}
	w.Begin("as")
	w.Uint("number", uint64(p.ASNumber))
	if p.ASName != "" {
		w.Begin("organization")
		w.String("name", p.ASName)
		w.End()
	}
	w.End()
}
