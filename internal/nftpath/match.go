package nftpath

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// truth is the value of a match: it may be unknown.
type truth int

const (
	no truth = iota
	maybe
	yes
)

func not(t truth) truth { return yes - t }

// is returns yes or no.
func is(b bool) truth {
	if b {
		return yes
	}
	return no
}

// anyOf returns the truth of a disjunction.
func anyOf(list ...truth) truth { return slices.Max(append(list, no)) }

// match evaluates {"op": …, "left": …, "right": …}.
func (w *walk) match(raw json.RawMessage) truth {
	var m struct {
		Op          string
		Left, Right json.RawMessage
	}
	if json.Unmarshal(raw, &m) != nil {
		return maybe
	}
	t := w.compare(m.Left, m.Right)
	switch m.Op {
	case "==", "in":
		return t
	case "!=":
		return not(t)
	}
	return maybe
}

// compare reports whether a value of the packet is, or is among, what is on the right.
func (w *walk) compare(left, right json.RawMessage) truth {
	if parts := concat(left); parts != nil {
		return w.compareConcat(parts, right)
	}
	v, ok := w.value(left)
	if !ok {
		return maybe
	}
	return w.among(v, right)
}

// concat returns the parts of a concatenation, nil if the expression is none.
func concat(raw json.RawMessage) []json.RawMessage {
	var c struct{ Concat []json.RawMessage }
	if json.Unmarshal(raw, &c) != nil {
		return nil
	}
	return c.Concat
}

// elements returns the elements of a set, named or anonymous. ok is false if they are not
// known, or if the expression is none.
func (w *walk) elements(raw json.RawMessage) (list []json.RawMessage, isSet, ok bool) {
	var name string
	if json.Unmarshal(raw, &name) == nil && strings.HasPrefix(name, "@") {
		s, found := w.rules.sets[w.chain.Family+" "+w.chain.Table+" "+name[1:]]
		return s.Elem, true, found && !s.terse
	}
	var anonymous struct{ Set json.RawMessage }
	if json.Unmarshal(raw, &anonymous) == nil && anonymous.Set != nil {
		if json.Unmarshal(anonymous.Set, &list) == nil {
			return list, true, true
		}
		return []json.RawMessage{anonymous.Set}, true, true
	}
	if json.Unmarshal(raw, &list) == nil { // flags, as in ct state
		return list, true, true
	}
	return nil, false, false
}

// among reports whether a value is one on the right.
func (w *walk) among(v value, right json.RawMessage) truth {
	list, isSet, ok := w.elements(right)
	if !isSet {
		return v.is(right)
	}
	if !ok {
		return maybe
	}
	t := no
	for _, e := range list {
		t = anyOf(t, v.is(unwrap(e)))
	}
	return t
}

// unwrap removes what nft prints around an element with a timeout or a comment.
func unwrap(raw json.RawMessage) json.RawMessage {
	var e struct{ Elem struct{ Val json.RawMessage } }
	if json.Unmarshal(raw, &e) == nil && e.Elem.Val != nil {
		return e.Elem.Val
	}
	return raw
}

// compareConcat compares several values with the elements of a set.
func (w *walk) compareConcat(left []json.RawMessage, right json.RawMessage) truth {
	values := make([]value, len(left))
	for i, l := range left {
		v, ok := w.value(l)
		if !ok {
			return maybe
		}
		values[i] = v
	}
	list, isSet, ok := w.elements(right)
	if !isSet {
		list = []json.RawMessage{right}
	} else if !ok {
		return maybe
	}
	t := no
	for _, e := range list {
		t = anyOf(t, allOf(values, concat(unwrap(e))))
	}
	return t
}

func allOf(values []value, parts []json.RawMessage) truth {
	if len(parts) != len(values) {
		return maybe
	}
	t := yes
	for i, v := range values {
		t = min(t, v.is(parts[i]))
	}
	return t
}

// value is a property of the packet: a word, a number or an address.
type value struct {
	text   string
	number int64
	addr   netip.Addr
	isText bool
}

// is reports whether a value is the literal, or in the range or prefix.
func (v value) is(raw json.RawMessage) truth {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return v.isWord(text)
	}
	var n int64
	if json.Unmarshal(raw, &n) == nil {
		if v.isText || v.addr.IsValid() {
			return maybe
		}
		return is(v.number == n)
	}
	var e struct {
		Prefix *struct {
			Addr string
			Len  int
		}
		Range []json.RawMessage
	}
	switch {
	case json.Unmarshal(raw, &e) != nil:
		return maybe
	case e.Prefix != nil:
		a, err := netip.ParseAddr(e.Prefix.Addr)
		if err != nil || !v.addr.IsValid() {
			return maybe
		}
		p, err := a.Prefix(e.Prefix.Len)
		return is(err == nil && p.Contains(v.addr))
	case len(e.Range) == 2:
		return v.within(e.Range[0], e.Range[1])
	}
	return maybe
}

// isWord compares a value with a word, which may end with * for an interface.
func (v value) isWord(text string) truth {
	if prefix, ok := strings.CutSuffix(text, "*"); ok && v.isText {
		return is(strings.HasPrefix(v.text, prefix))
	}
	if v.addr.IsValid() {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return maybe
		}
		return is(a == v.addr)
	}
	if v.isText {
		return is(v.text == text)
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return is(v.number == n)
	}
	if v.text != "" { // a number with a name, such as a protocol
		return is(v.text == text)
	}
	return maybe
}

func (v value) within(from, to json.RawMessage) truth {
	var a, b int64
	if json.Unmarshal(from, &a) == nil && json.Unmarshal(to, &b) == nil {
		return is(!v.isText && v.number >= a && v.number <= b)
	}
	var low, high string
	if json.Unmarshal(from, &low) == nil && json.Unmarshal(to, &high) == nil {
		l, err := netip.ParseAddr(low)
		h, bad := netip.ParseAddr(high)
		if err == nil && bad == nil && v.addr.IsValid() {
			return is(l.Compare(v.addr) <= 0 && v.addr.Compare(h) <= 0)
		}
	}
	return maybe
}
