package chains

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// State is a ruleset, as far as it concerns us.
type State struct {
	chains map[string]bool // "family table chain"
	rules  []rule
	sets   map[string][]json.RawMessage // "family table set"; the elements only where they were asked for
	tables map[string]bool              // "family table"
	counts map[string]uint64            // named counters: "family table counter"
}

type rule struct {
	Family, Table, Chain, Comment string
	Handle                        int
	Expr                          []json.RawMessage
}

// statement returns what a rule says under a name, nil where it does not. Some
// statements are printed as a text, and not as an object.
func statement(expr json.RawMessage, name string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(expr, &object) != nil {
		return nil
	}
	return object[name]
}

// leadsTo reports whether a rule has a jump or a goto to a chain of ours.
func (r *rule) leadsTo(chain string) bool {
	for _, e := range r.Expr {
		for _, verdict := range []string{"jump", "goto"} {
			var v struct{ Target string }
			if raw := statement(e, verdict); raw != nil && json.Unmarshal(raw, &v) == nil && v.Target == chain {
				return true
			}
		}
	}
	return false
}

// ParseState reads the output of `nft -j list ruleset`.
func ParseState(data []byte) (*State, error) {
	var doc struct {
		Nftables []map[string]json.RawMessage `json:"nftables"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading the ruleset that nft has printed: %w", err)
	}
	s := &State{chains: map[string]bool{}, sets: map[string][]json.RawMessage{}, tables: map[string]bool{}, counts: map[string]uint64{}}
	for _, object := range doc.Nftables {
		for kind, value := range object {
			if err := s.add(kind, value); err != nil {
				return nil, fmt.Errorf("reading a %s of the ruleset that nft has printed: %w", kind, err)
			}
		}
	}
	return s, nil
}

func (s *State) add(kind string, value json.RawMessage) error {
	if kind == "rule" {
		var r rule
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		if r.Table == Table || r.Table == "qubes" {
			s.rules = append(s.rules, r)
		}
		return nil
	}
	var o struct {
		Family, Table, Name string
		Packets             uint64
		Elem                []json.RawMessage
	}
	switch kind {
	case "chain", "set", "table", "counter":
	default:
		return nil
	}
	if err := json.Unmarshal(value, &o); err != nil {
		return err
	}
	key := o.Family + " " + o.Table + " " + o.Name
	switch kind {
	case "chain":
		s.chains[key] = true
	case "set":
		s.sets[key] = o.Elem
	case "table":
		s.tables[o.Family+" "+o.Name] = true
	case "counter":
		s.counts[key] = o.Packets
	}
	return nil
}

// isQubes reports whether this is a netvm of R4.2 or later: one with the chains
// that Qubes leaves to its users.
func (s *State) isQubes() bool { return s.chains["ip qubes custom-input"] }

// of returns the rules of a chain, or of a table of ours.
func (s *State) of(name string) (list []rule) {
	for _, r := range s.rules {
		if name == Table && r.Family == "inet" && r.Table == Table || r.Family == "ip" && r.Table == "qubes" && r.Chain == name {
			list = append(list, r)
		}
	}
	return list
}

// exists reports whether something by that name is there.
func (s *State) exists(name string) bool {
	if name == Table {
		return s.tables["inet "+Table]
	}
	return s.chains["ip qubes "+name]
}

// has reports whether a part is there, whole and with nothing added.
func (s *State) has(p *part) bool {
	var marks []string
	for _, r := range s.of(p.name) {
		marks = append(marks, r.Comment)
	}
	want := p.marks()
	slices.Sort(marks) // rules of a table come chain by chain
	slices.Sort(want)
	return slices.Equal(marks, want)
}

// jumps returns the handles of our rules in custom-input that lead to our chain: they
// say nothing else.
func (s *State) jumps() (handles []int) {
	for _, r := range s.rules {
		if r.isOurJump() {
			handles = append(handles, r.Handle)
		}
	}
	return handles
}

func (r *rule) isOurJump() bool {
	return r.Family == "ip" && r.Table == "qubes" && r.Chain == "custom-input" && len(r.Expr) == 1 && r.leadsTo(InputChain)
}

// isUsed reports whether rules of somebody else lead to a chain of ours: then it
// cannot be deleted.
func (s *State) isUsed(chain string) bool {
	for _, r := range s.rules {
		if r.leadsTo(chain) && !r.isOurJump() {
			return true
		}
	}
	return false
}

// Client is an address that Qubes lets in by a vif.
type Client struct {
	Vif  string
	Addr netip.Addr
}

// Clients returns the elements of the sets `allowed`: which vif may use which
// address (qubes-core-agent-linux, network/vif-route-qubes).
func (s *State) Clients() (list []Client) {
	for _, family := range []string{"ip", "ip6"} {
		for _, raw := range s.sets[family+" qubes allowed"] {
			var e struct{ Concat []string }
			if json.Unmarshal(raw, &e) != nil || len(e.Concat) != 2 {
				continue
			}
			if a, err := netip.ParseAddr(e.Concat[1]); err == nil {
				list = append(list, Client{e.Concat[0], a})
			}
		}
	}
	return list
}

// count returns the packets that the rules of a chain have counted.
func (s *State) count(chain string) (n uint64) {
	for _, r := range s.of(chain) {
		for _, e := range r.Expr {
			var c struct{ Packets uint64 }
			if raw := statement(e, "counter"); raw != nil && json.Unmarshal(raw, &c) == nil {
				n += c.Packets
			}
		}
	}
	return n
}
