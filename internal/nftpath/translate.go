package nftpath

import "fmt"

// translate applies a translation of the destination, or one that may happen.
func (w *walk) translate(kind string, arg any, holds truth) verdict {
	m, _ := arg.(map[string]any)
	port, okPort := w.target(m["port"], w.p.dport)
	addr, okAddr := w.local, true
	if kind == "dnat" {
		addr, okAddr = w.target(m["addr"], value{})
	}
	if okPort && okAddr && port.is(uint64(w.port)) && addr.kind == address && addr.addr == w.local.addr || kind == "redirect" && port.is(uint64(w.port)) {
		return w.toResolver(holds)
	}
	to := describe(kind, addr, port)
	if !okPort || !okAddr {
		w.note(false, "translates it to what a map says")
		w.unsure = true
		return next
	}
	return w.lose(holds, "takes it first and sends it to %s", to)
}

// toResolver notes that the packet is redirected to the resolver.
func (w *walk) toResolver(holds truth) verdict {
	if holds == maybe {
		return next
	}
	if w.unsure {
		w.note(false, "redirects it to the resolver only if no rule before has ended the chain")
	}
	return translated
}

// target returns the address or port of a translation. ok is false if it is not known.
func (w *walk) target(e any, otherwise value) (v value, ok bool) {
	m, isMap := e.(map[string]any)
	switch {
	case e == nil:
		return otherwise, true
	case isMap && m["map"] != nil:
		return w.lookup(m["map"])
	}
	v = w.constant(e)
	return v, v.kind != unknown
}

// lookup returns the value that a map has for a value.
func (w *walk) lookup(arg any) (value, bool) {
	m, _ := arg.(map[string]any)
	key := w.value(m["key"])
	elements, ok := w.elements(m["data"])
	if !ok {
		return value{}, false
	}
	for _, e := range elements {
		if pair := list(e); len(pair) == 2 {
			switch w.matches(key, pair[0]) {
			case yes:
				v := w.constant(pair[1])
				return v, v.kind != unknown
			case maybe:
				return value{}, false
			}
		}
	}
	return value{}, false
}

// describe returns the words for a new destination.
func describe(kind string, addr, port value) string {
	at := "this machine"
	if kind == "dnat" && addr.kind == address {
		at = addr.addr.String()
	}
	if port.kind == number && port.lo == port.hi {
		return fmt.Sprintf("port %d of %s", port.lo, at)
	}
	return at
}
