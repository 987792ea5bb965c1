package nftpath

import (
	"fmt"
	"maps"
	"slices"
)

// verdict is how a chain, or a rule, ended.
type verdict int8

const (
	next       verdict = iota // the next rule
	returned                  // back to the rule that led here; at the base, the policy
	accepted                  // by this base chain; the next one sees it
	lost                      // dropped, refused, or sent elsewhere
	translated                // its destination, so that no other chain of nat sees it
)

// maxDepth is how many jumps may be nested, a few more than the kernel permits.
const maxDepth = 20

// maxSteps bounds the rules of one walk: jumps multiply.
const maxSteps = 20_000

// walk follows a packet through one base chain.
type walk struct {
	rules *Ruleset
	p     *packet
	port  uint16 // of the resolver
	local value  // address of this machine to which a client's query is redirected

	base      *chain
	at        Place
	depth     int
	steps     int
	unsure    bool // the packet may have left this base chain before
	untracked bool // nat does not see the packet
	causes    []Cause
	mildest   bool // nothing is certain here
}

// Cause is what a rule does to a query or an answer, or may do.
type Cause struct {
	Place
	// What is a phrase such as "drops it".
	What string
	// Certain says that it happens. Otherwise a condition of the rule, or of one before
	// it, cannot be decided.
	Certain bool
}

// note adds a cause.
func (w *walk) note(certain bool, format string, args ...any) {
	c := Cause{w.at, fmt.Sprintf(format, args...), certain && !w.unsure && !w.mildest}
	if !slices.Contains(w.causes, c) {
		w.causes = append(w.causes, c)
	}
}

// run follows the packet through a base chain. It returns lost only if that is certain.
func (w *walk) run(c *chain) verdict {
	w.base, w.unsure = c, false
	w.at = Place{Family: c.Family, Table: c.Table, Chain: c.Name, Base: c.Name, Hook: c.Hook, Type: c.Type, Priority: c.Prio}
	v := w.chain(c)
	if v == next || v == returned {
		w.at.Chain, w.at.Handle = c.Name, 0
		if c.Policy != "drop" {
			return accepted
		}
		w.note(true, "drops it by its policy")
		v = lost
	}
	if v == lost && (w.unsure || w.mildest) {
		return accepted
	}
	return v
}

// chain follows the packet through a chain.
func (w *walk) chain(c *chain) verdict {
	if w.depth++; w.depth > maxDepth {
		w.note(false, "leads on too far to follow")
		w.depth--
		return next
	}
	defer func(outer Place) { w.depth--; w.at = outer }(w.at)
	for _, r := range c.rules {
		w.at.Chain, w.at.Handle = c.Name, r.Handle
		if w.steps++; w.steps > maxSteps {
			w.note(false, "is one rule too many to follow")
			w.unsure = true
			return accepted
		}
		if v := w.rule(r); v != next {
			return v
		}
	}
	return returned
}

// rule applies one rule.
func (w *walk) rule(r *rule) verdict {
	holds := yes
	for _, e := range r.Expr {
		m, ok := e.(map[string]any)
		if !ok {
			m = map[string]any{fmt.Sprint(e): nil}
		}
		for _, name := range slices.Sorted(maps.Keys(m)) { // one, but for comments of nft's
			v, t := w.statement(name, m[name], holds)
			if v != next {
				return v
			}
			if holds = min(holds, t); holds == no {
				return next
			}
		}
	}
	return next
}

// verdict applies a verdict of a rule whose conditions hold, or may hold.
func (w *walk) verdict(name string, arg any, holds truth) verdict {
	switch name {
	case "accept":
		return w.leave(accepted, holds)
	case "return":
		return w.leave(returned, holds)
	case "drop":
		return w.lose(holds, "drops it")
	case "jump", "goto":
		return w.call(word(arg, "target"), name == "goto", holds)
	}
	return next // "continue"
}

// leave ends the chain, or may end it.
func (w *walk) leave(v verdict, holds truth) verdict {
	if holds == yes {
		return v
	}
	w.unsure = true
	return next
}

// lose notes that the packet is lost, or may be.
func (w *walk) lose(holds truth, format string, args ...any) verdict {
	w.note(holds == yes, format, args...)
	if holds == yes {
		return lost
	}
	return next
}

// call follows the packet into another chain.
func (w *walk) call(target string, forGood bool, holds truth) verdict {
	c := w.rules.named[w.at.Family+" "+w.at.Table+" "+target]
	if c == nil {
		w.note(false, "leads to the chain %s, which is not listed", target)
		return next
	}
	w.unsure = w.unsure || holds == maybe
	v := w.chain(c)
	switch {
	case holds == maybe:
		return next
	case v == returned && forGood:
		return returned
	case v == returned:
		return next
	}
	return v
}
