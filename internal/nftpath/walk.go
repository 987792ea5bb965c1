package nftpath

import (
	"encoding/json"
	"fmt"
	"net/netip"
)

// Outcome is where a packet ends.
type Outcome int

const (
	// Delivered says that the packet reaches a socket of this machine.
	Delivered Outcome = iota
	// Elsewhere says that a rule has sent it to another address or port.
	Elsewhere
	// Dropped says that a rule or a policy has dropped, rejected or queued it.
	Dropped
	// Forwarded says that no rule has redirected it to this machine.
	Forwarded
	// Unknown says that it depends on a rule that the model cannot evaluate.
	Unknown
)

// Result is the end of a packet's path.
type Result struct {
	Outcome Outcome
	// Rule is the rule that decides, or that could not be evaluated, "" if none does.
	Rule string
	// Port is the port of this machine to which the packet was redirected.
	Port uint16
}

// walk is the way of one packet.
type walk struct {
	rules    *Ruleset
	packet   Packet
	chain    *chain // whose rules are looked at
	depth    int
	natDone  bool
	doubtful string // first rule that may decide otherwise
	saving   string // first rule that may accept what another one drops
	result   Result
}

// verdict is how a list of rules ends.
type verdict int

const (
	goOn   verdict = iota // the end of the list
	accept                // of this hook's chain
	stop                  // the result is there
	back                  // to the chain that has jumped here
)

// maxDepth is the kernel's bound of jumps (NFT_JUMP_STACK_SIZE).
const maxDepth = 16

// Trace follows a packet that arrives on an interface, up to a socket of this machine.
func (rs *Ruleset) Trace(p Packet) Result {
	w := &walk{rules: rs, packet: p}
	w.hook("ingress")
	w.hook("prerouting")
	if w.done() {
		return w.end()
	}
	if !w.packet.local {
		w.result = Result{Outcome: Forwarded}
		return w.end()
	}
	w.hook("input")
	if !w.done() {
		w.result = Result{Outcome: Delivered, Port: w.packet.DstPort}
	}
	return w.end()
}

func (w *walk) done() bool { return w.result != Result{} }

// end returns the result, or that it is not known.
func (w *walk) end() Result {
	if w.doubtful != "" {
		return Result{Outcome: Unknown, Rule: w.doubtful}
	}
	if w.saving != "" && w.result.Outcome == Dropped {
		return Result{Outcome: Unknown, Rule: w.saving}
	}
	return w.result
}

// hook passes the packet through the chains of a hook.
func (w *walk) hook(name string) {
	for _, c := range w.rules.bases {
		if c.Hook != name || w.done() || !w.passes(c) {
			continue
		}
		w.chain, w.depth = c, 0
		if w.run(c) == goOn && c.Policy == "drop" {
			w.result = Result{Outcome: Dropped, Rule: fmt.Sprintf("the policy of %v", c)}
		}
	}
}

// passes reports whether the packet passes a chain with a hook.
func (w *walk) passes(c *chain) bool {
	switch c.Family {
	case "ip", "inet":
		return c.Type != "nat" || !w.natDone
	case "netdev":
		return c.Hook == "ingress" && w.isOn(c.Dev)
	}
	return false
}

// isOn reports whether the packet's interface is among those of a chain.
func (w *walk) isOn(dev json.RawMessage) bool {
	var one string
	var list []string
	if json.Unmarshal(dev, &one) == nil {
		list = []string{one}
	} else if json.Unmarshal(dev, &list) != nil {
		return true
	}
	for _, d := range list {
		if d == w.packet.Iface {
			return true
		}
	}
	return false
}

// run passes the packet through the rules of a chain.
func (w *walk) run(c *chain) verdict {
	for i := range c.rules {
		w.chain = c
		switch v := w.rule(&c.rules[i]); v {
		case goOn:
		case back:
			return goOn
		default:
			return v
		}
	}
	return goOn
}

// rule passes the packet through the statements of a rule.
func (w *walk) rule(r *rule) verdict {
	certain := yes
	for _, raw := range r.Expr {
		var statements map[string]json.RawMessage
		if json.Unmarshal(raw, &statements) != nil {
			continue // "notrack" and the like
		}
		for kind, value := range statements {
			if kind == "match" {
				if w.foreign(value) {
					return goOn
				}
				if certain = min(certain, w.match(value)); certain == no {
					return goOn
				}
				continue
			}
			if v, decided := w.statement(r, kind, value, certain); decided {
				return v
			}
		}
	}
	return goOn
}

// name returns a rule for people, with the command that shows it.
func name(r *rule) string {
	text := fmt.Sprintf("rule %d of %s %s %s", r.Handle, r.Family, r.Table, r.Chain)
	if r.Comment != "" {
		text += fmt.Sprintf(" (%q)", r.Comment)
	}
	return text
}

// doubt notes a rule that may decide. The walk goes on as if it did not match.
func (w *walk) doubt(r *rule) (verdict, bool) {
	if w.doubtful == "" {
		w.doubtful = name(r)
	}
	return goOn, true
}

// translate follows a redirection or another translation of the destination.
func (w *walk) translate(r *rule, value json.RawMessage, here bool) (verdict, bool) {
	var to struct {
		Addr json.RawMessage
		Port json.RawMessage
	}
	_ = json.Unmarshal(value, &to) // null if neither is given
	var port uint16
	if to.Port != nil && json.Unmarshal(to.Port, &port) != nil {
		return w.doubt(r)
	}
	var text string
	_ = json.Unmarshal(to.Addr, &text)
	addr, err := netip.ParseAddr(text)
	if !here && (err != nil || !addr.IsLoopback()) {
		w.result = Result{Outcome: Elsewhere, Rule: name(r)}
		return stop, true
	}
	if w.packet.local, w.natDone = true, true; port != 0 {
		w.packet.DstPort = port
	}
	return accept, true
}
