package nftpath

import "encoding/json"

// statement passes the packet through a statement that is no match. decided reports
// whether the rule ends with it.
func (w *walk) statement(r *rule, kind string, value json.RawMessage, certain truth) (v verdict, decided bool) {
	switch kind {
	case "accept", "drop", "reject", "queue", "redirect", "dnat", "tproxy", "jump", "goto", "return", "vmap", "synproxy":
		if certain == maybe {
			return w.possibly(r, kind, value)
		}
		return w.decide(r, kind, value)
	case "limit", "quota", "ct count", "meter":
		return w.limited(r)
	case "mangle":
		w.mangle(value)
	case "counter", "log", "notrack", "ct helper", "ct timeout", "masquerade", "snat", "set", "flow", "dup", "xt", "last", "secmark":
		if kind == "xt" { // of iptables: not printed
			return w.doubt(r)
		}
	default:
		return w.doubt(r)
	}
	return goOn, false
}

// decide follows a statement that ends a rule.
func (w *walk) decide(r *rule, kind string, value json.RawMessage) (verdict, bool) {
	switch kind {
	case "accept":
		return accept, true
	case "return":
		return back, true
	case "redirect":
		return w.translate(r, value, true)
	case "dnat":
		return w.translate(r, value, false)
	case "tproxy":
		w.result = Result{Outcome: Elsewhere, Rule: name(r)}
		return stop, true
	case "jump", "goto":
		return w.follow(value, kind == "goto")
	case "vmap":
		return w.lookUp(r, value)
	}
	w.result = Result{Outcome: Dropped, Rule: name(r)}
	return stop, true
}

// possibly handles a statement that ends the rule if it matches, which is not known: it
// matters unless it leads to nothing that decides otherwise.
func (w *walk) possibly(r *rule, kind string, value json.RawMessage) (verdict, bool) {
	if kind == "return" || kind == "accept" {
		w.save(r)
		return goOn, true
	}
	if kind != "jump" && kind != "goto" {
		return w.doubt(r)
	}
	// What would happen inside, from the state of now?
	inside := *w
	inside.doubtful = ""
	v, _ := inside.follow(value, kind == "goto")
	if v != goOn || inside.doubtful != "" || inside.packet != w.packet {
		if (v == accept || v == back) && inside.doubtful == "" && inside.packet == w.packet {
			w.save(r)
			return goOn, true
		}
		return w.doubt(r)
	}
	return goOn, true
}

// save notes a rule that may keep the packet from a later one.
func (w *walk) save(r *rule) {
	if w.saving == "" {
		w.saving = name(r)
	}
}

// limited handles a rule that only matches up to a rate: for a first packet it does.
func (w *walk) limited(r *rule) (verdict, bool) {
	for _, raw := range r.Expr {
		var s map[string]json.RawMessage
		if json.Unmarshal(raw, &s) != nil {
			continue
		}
		for _, bad := range []string{"drop", "reject", "queue", "redirect", "dnat", "tproxy", "jump", "goto", "vmap"} {
			if _, ok := s[bad]; ok {
				return w.doubt(r)
			}
		}
	}
	return goOn, true
}

// mangle follows a change of the packet's mark. Other changes do not decide.
func (w *walk) mangle(raw json.RawMessage) {
	var m struct {
		Key   struct{ Meta *struct{ Key string } }
		Value json.RawMessage
	}
	if json.Unmarshal(raw, &m) != nil || m.Key.Meta == nil || m.Key.Meta.Key != "mark" {
		return
	}
	w.packet.anyMark = json.Unmarshal(m.Value, &w.packet.mark) != nil
}

// follow passes the packet through another chain of the table.
func (w *walk) follow(value json.RawMessage, forGood bool) (verdict, bool) {
	var to struct{ Target string }
	here := w.chain
	if json.Unmarshal(value, &to) != nil || w.depth >= maxDepth {
		return goOn, true
	}
	target := w.rules.chains[here.Family+" "+here.Table+" "+to.Target]
	if target == nil {
		return goOn, true
	}
	w.depth++
	v := w.run(target)
	w.depth--
	w.chain = here
	if v == goOn && forGood { // as if the chain that has gone there had ended
		return back, true
	}
	return v, v != goOn
}

// lookUp follows a verdict map.
func (w *walk) lookUp(r *rule, raw json.RawMessage) (verdict, bool) {
	var m struct{ Key, Data json.RawMessage }
	if json.Unmarshal(raw, &m) != nil {
		return w.doubt(r)
	}
	if w.isForeign(m.Key) {
		return goOn, true
	}
	list, isSet, ok := w.elements(m.Data)
	if !isSet || !ok {
		return w.doubt(r)
	}
	for _, e := range list {
		var pair []json.RawMessage
		if json.Unmarshal(e, &pair) != nil || len(pair) != 2 {
			return w.doubt(r)
		}
		switch w.compare(m.Key, wrap(unwrap(pair[0]))) {
		case maybe:
			return w.doubt(r)
		case yes:
			var statements map[string]json.RawMessage
			if json.Unmarshal(pair[1], &statements) != nil {
				return w.doubt(r)
			}
			for kind, value := range statements {
				return w.decide(r, kind, value)
			}
		}
	}
	return goOn, false
}

// wrap makes an element of a map a set of one, so that a concatenation is compared, too.
func wrap(e json.RawMessage) json.RawMessage {
	return json.RawMessage(`{"set":[` + string(e) + `]}`)
}
