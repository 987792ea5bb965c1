package nftpath

import "strings"

// match returns whether a condition holds: {"op", "left", "right"}.
func (w *walk) match(m map[string]any) truth {
	op, _ := m["op"].(string)
	left := w.value(m["left"])
	if left.kind == absent {
		return no
	}
	switch op {
	case "==":
		return w.matches(left, m["right"])
	case "in":
		if left.kind == flags {
			return left.hasAny(list(unfold(m["right"])))
		}
		return w.matches(left, m["right"])
	case "!=":
		return w.matches(left, m["right"]).not()
	}
	return order(op, left, m["right"])
}

// order compares numbers.
func order(op string, left value, right any) truth {
	n, _, ok := bounds(right, right)
	if !ok {
		return maybe
	}
	const most = 1<<64 - 1
	switch op {
	case "<":
		return left.within(n, most).not()
	case "<=":
		return left.within(n+1, most).not()
	case ">":
		return left.within(n+1, most)
	case ">=":
		return left.within(n, most)
	}
	return maybe
}

// unfold returns the words of an expression such as {"|": ["syn", "ack"]}.
func unfold(right any) any {
	if m, ok := right.(map[string]any); ok && m["|"] != nil {
		var words []any
		for _, part := range list(m["|"]) {
			words = append(words, list(unfold(part))...)
		}
		return words
	}
	return right
}

// matches returns whether a value is a constant, or within what it says: a set, a range,
// a prefix.
func (w *walk) matches(v value, right any) truth {
	if v.kind == unknown {
		return maybe
	}
	right = unfold(right)
	if s, ok := right.(string); ok && strings.HasPrefix(s, "@") {
		return w.inNamed(v, s[1:])
	}
	m, ok := right.(map[string]any)
	if !ok {
		return v.equals(right)
	}
	for kind, arg := range m { // it has one member
		switch kind {
		case "set":
			return w.any(v, list(arg))
		case "range":
			return v.inRange(list(arg))
		case "prefix":
			return v.inPrefix(arg)
		case "concat":
			return w.all(v, list(arg))
		case "elem":
			e, _ := arg.(map[string]any)
			return w.matches(v, e["val"])
		}
	}
	return maybe
}

// any returns whether v is one of the elements.
func (w *walk) any(v value, elements []any) truth {
	most := no
	for _, e := range elements {
		most = max(most, w.matches(v, e))
	}
	return most
}

// all returns whether each part of v is that of the element.
func (w *walk) all(v value, parts []any) truth {
	if v.kind != tuple || len(v.parts) != len(parts) {
		return maybe
	}
	least := yes
	for i, p := range parts {
		least = min(least, w.matches(v.parts[i], p))
	}
	return least
}

// inNamed returns whether v is in a named set.
func (w *walk) inNamed(v value, name string) truth {
	s := w.rules.sets[w.at.Family+" "+w.at.Table+" "+name]
	if s == nil {
		return maybe
	}
	if len(s.Elem) > 0 {
		return w.any(v, s.Elem)
	}
	element, exact := v.element()
	if !exact || w.rules.Contains == nil {
		return maybe
	}
	found, ok := w.rules.Contains(s.Set, element)
	return of(found).orMaybe(!ok)
}
