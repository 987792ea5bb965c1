package nftpath

import "net/netip"

// statement applies one part of a rule, of which those before hold, or may hold. It
// returns a verdict, or whether this part holds.
func (w *walk) statement(kind string, arg any, holds truth) (verdict, truth) {
	switch kind {
	case "match":
		m, _ := arg.(map[string]any)
		return next, w.match(m)
	case "counter", "log", "last", "comment", "flow", "map", "ct helper", "ct timeout", "ct expectation", "secmark":
		return next, yes
	case "set":
		return next, yes.orMaybe(hasLimit(arg))
	case "limit", "quota", "ct count", "meter":
		return next, maybe
	case "accept", "return", "drop", "jump", "goto", "continue":
		return w.verdict(kind, arg, holds), yes
	case "vmap":
		return w.vmap(arg, holds), yes
	case "mangle":
		return next, w.mangle(arg, holds)
	case "snat", "masquerade":
		return next, yes // of the source; whether the destination stays is what matters
	}
	return w.diversion(kind, arg, holds), yes
}

// hasLimit reports whether a set statement has statements on which it depends.
func hasLimit(arg any) bool {
	m, _ := arg.(map[string]any)
	for _, one := range list(m["stmt"]) {
		s, _ := one.(map[string]any)
		if _, counts := s["counter"]; !counts {
			return true
		}
	}
	return false
}

// diversion applies a statement that takes the packet from its way.
func (w *walk) diversion(kind string, arg any, holds truth) verdict {
	switch kind {
	case "reject":
		return w.lose(holds, "rejects it")
	case "fwd":
		return w.lose(holds, "forwards it to another interface")
	case "redirect", "dnat":
		return w.translate(kind, arg, holds)
	case "queue":
		w.note(false, "leaves it to a program (queue)")
	case "tproxy":
		w.note(false, "leaves it to a proxy, if one listens (tproxy)")
	case "notrack":
		return w.notrack(holds)
	case "dup":
		w.note(false, "sends a copy of it elsewhere")
	default:
		w.note(false, "has a part that is not understood here (%.40q)", kind)
		w.unsure = true
	}
	return next
}

// notrack keeps the packet from the tracking of connections, and so from every
// translation.
func (w *walk) notrack(holds truth) verdict {
	if w.p.conn != nil { // too late
		return next
	}
	w.note(holds == yes, "keeps it from being redirected (notrack)")
	w.untracked = w.untracked || holds == yes && !w.unsure
	return next
}

// vmap applies the verdict that a map has for a value.
func (w *walk) vmap(arg any, holds truth) verdict {
	m, _ := arg.(map[string]any)
	key := w.value(m["key"])
	if key.kind == absent {
		return next
	}
	elements, ok := w.elements(m["data"])
	if !ok {
		w.note(false, "has a map that cannot be read")
		w.unsure = true
		return next
	}
	for _, e := range elements {
		pair := list(e)
		if len(pair) != 2 {
			continue
		}
		t := min(holds, w.matches(key, pair[0]))
		v, _ := pair[1].(map[string]any)
		for name, arg := range v { // it has one member
			if t == no {
				continue
			}
			if end := w.verdict(name, arg, t); end != next || t == yes {
				return end
			}
		}
	}
	return next
}

// elements returns the pairs of a map.
func (w *walk) elements(data any) (pairs []any, ok bool) {
	switch data := data.(type) {
	case string:
		if len(data) < 2 || data[0] != '@' {
			return nil, false
		}
		s := w.rules.sets[w.at.Family+" "+w.at.Table+" "+data[1:]]
		return elementsOf(s), s != nil && s.Elem != nil
	case map[string]any:
		return list(data["set"]), data["set"] != nil
	}
	return nil, false
}

func elementsOf(s *set) []any {
	if s == nil {
		return nil
	}
	return s.Elem
}

// mangle changes a field of the packet, or may change it.
func (w *walk) mangle(arg any, holds truth) truth {
	m, _ := arg.(map[string]any)
	v := value{}
	if holds == yes && !w.unsure {
		v = w.constant(m["value"])
	}
	key, _ := m["key"].(map[string]any)
	for kind, field := range key {
		switch kind {
		case "meta":
			if word(field, "key") == "mark" {
				w.p.mark = v
			}
		case "ct":
			if w.p.conn == nil {
				return no
			}
			if word(field, "key") == "mark" {
				w.p.conn.mark = v
			}
		case "payload":
			return w.rewrite(field, v)
		}
	}
	return yes
}

// rewrite changes a field of a header.
func (w *walk) rewrite(field any, v value) truth {
	switch name := word(field, "field"); {
	case w.p.payload(field).kind == absent:
		return no
	case name == "daddr":
		w.p.dst = v
	case name == "saddr":
		w.p.src = v
	case name == "dport":
		w.p.dport = v
	case name == "sport":
		w.p.sport = v
	case word(field, "protocol") == "ip" || word(field, "protocol") == "ether":
		return yes // the rest of those headers decides nothing here
	}
	w.note(false, "rewrites it")
	return yes
}

// constant returns the value that a statement assigns.
func (w *walk) constant(e any) value {
	switch e := e.(type) {
	case float64:
		return exactly(uint64(e))
	case string:
		if a, err := netip.ParseAddr(e); err == nil {
			return addressed(a)
		}
	case map[string]any:
		return w.value(e)
	}
	return value{}
}
