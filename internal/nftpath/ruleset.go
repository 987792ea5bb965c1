package nftpath

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Ruleset is a ruleset of nft. It is not safe for concurrent access.
type Ruleset struct {
	chains  []*chain          // in the order of the list
	named   map[string]*chain // by "family table chain"
	sets    map[string]*set   // by "family table set"
	dormant map[string]bool   // tables, by "family table"
	flagged []Set             // tables with flags, without a name

	// Contains reports whether a named set has an element, in nft's notation. ok is
	// false if that cannot be found out. It may be nil; then only elements that the
	// list had are known.
	Contains func(s Set, element string) (found, ok bool)
}

// Set is the name of a set.
type Set struct{ Family, Table, Name string }

// set is a named set or map.
type set struct {
	Set
	Type  any   // a name, or a list of them
	Elem  []any // nil if the list had none, or none was listed
	isMap bool
}

// chain is a chain with its rules. Hook is empty unless it is a base chain.
type chain struct {
	Family, Table, Name string
	Type, Hook, Policy  string
	Prio                int
	Dev                 any // of the hook ingress or egress: a name, a list, or nil
	rules               []*rule
}

// rule is one rule.
type rule struct {
	Family, Table, Chain string
	Handle               int
	Expr                 []any
}

// Parse reads the output of `nft -j list ruleset`.
func Parse(data []byte) (*Ruleset, error) {
	var doc struct {
		Nftables []map[string]json.RawMessage `json:"nftables"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("parsing the output of nft: %w", err)
	}
	rs := &Ruleset{named: map[string]*chain{}, sets: map[string]*set{}, dormant: map[string]bool{}}
	for _, object := range doc.Nftables {
		for kind, value := range object {
			if err := rs.add(kind, value); err != nil {
				return nil, fmt.Errorf("parsing a %s in the output of nft: %w", kind, err)
			}
		}
	}
	return rs, nil
}

// add takes one object of the list. A chain comes before its rules.
func (rs *Ruleset) add(kind string, value json.RawMessage) error {
	switch kind {
	case "table":
		return rs.addTable(value)
	case "chain":
		c := new(chain)
		if err := json.Unmarshal(value, c); err != nil {
			return err
		}
		rs.chains = append(rs.chains, c)
		rs.named[c.Family+" "+c.Table+" "+c.Name] = c
	case "rule":
		r := new(rule)
		if err := json.Unmarshal(value, r); err != nil {
			return err
		}
		if c := rs.named[r.Family+" "+r.Table+" "+r.Chain]; c != nil {
			c.rules = append(c.rules, r)
		}
	case "set", "map":
		s := &set{isMap: kind == "map"}
		if err := json.Unmarshal(value, s); err != nil {
			return err
		}
		rs.sets[s.Family+" "+s.Table+" "+s.Name] = s
	}
	return nil
}

// addTable notes a table whose hooks are off.
func (rs *Ruleset) addTable(value json.RawMessage) error {
	var t struct {
		Family, Name string
		Flags        any
	}
	if err := json.Unmarshal(value, &t); err != nil {
		return err
	}
	if t.Flags != nil {
		rs.flagged = append(rs.flagged, Set{Family: t.Family, Table: t.Name})
		rs.dormant[t.Family+" "+t.Name] = slices.Contains(list(t.Flags), "dormant")
	}
	return nil
}

// Flagged returns the tables that have flags, as names of sets without the name of one.
// nft 1.0.6 lists arbitrary words as their flags.
func (rs *Ruleset) Flagged() []Set { return rs.flagged }

// SetDormant says that the hooks of a table are off.
func (rs *Ruleset) SetDormant(family, table string) { rs.dormant[family+" "+table] = true }

// SetDevices says at which interfaces a chain of the hook ingress or egress is, which
// not every version of nft lists.
func (rs *Ruleset) SetDevices(family, table, name string, devices []string) {
	if c := rs.named[family+" "+table+" "+name]; c != nil {
		some := make([]any, len(devices))
		for i, d := range devices {
			some[i] = d
		}
		c.Dev = some
	}
}

// SetElements gives a set or map its elements, in the form of nft's JSON.
func (rs *Ruleset) SetElements(s Set, elements []any) {
	if known := rs.sets[s.Family+" "+s.Table+" "+s.Name]; known != nil {
		known.Elem = elements
	}
}

// Maps returns the names of the maps.
func (rs *Ruleset) Maps() (names []Set) {
	for _, s := range rs.sets {
		if s.isMap {
			names = append(names, s.Set)
		}
	}
	return names
}

// Place is where something happens to a packet: a rule, or the policy of a chain.
type Place struct {
	Family, Table, Chain string
	// Handle is the number of the rule, 0 for the policy of the chain.
	Handle int
	// Base is the chain at whose hook the packet came, which led to Chain; Hook, Type and
	// Priority are its own.
	Base, Hook, Type string
	Priority         int
}

// Devices returns the chains of the hooks ingress and egress whose devices were not listed.
func (rs *Ruleset) Devices() (places []Place) {
	for _, c := range rs.chains {
		if (c.Hook == "ingress" || c.Hook == "egress") && c.Dev == nil {
			places = append(places, Place{Family: c.Family, Table: c.Table, Chain: c.Name})
		}
	}
	return places
}

// hook returns the base chains of a hook for packets of IPv4, by priority, and for equal
// priorities in the order of the list.
func (rs *Ruleset) hook(name string, families ...string) (found []*chain) {
	for _, c := range rs.chains {
		if c.Hook == name && slices.Contains(families, c.Family) && !rs.dormant[c.Family+" "+c.Table] {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *chain) int { return a.Prio - b.Prio })
	return found
}

// at reports whether a chain of the hook ingress or egress is at an interface.
func (c *chain) at(device string) truth {
	if c.Dev == nil {
		return maybe
	}
	for _, d := range list(c.Dev) {
		if name, ok := d.(string); ok && matchesName(device, name) {
			return yes
		}
	}
	return no
}

// list returns v as a list.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// matchesName reports whether the name of an interface matches a pattern, which may end
// in an asterisk. One that is part of the name is written with a backslash.
func matchesName(name, pattern string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && !strings.HasSuffix(prefix, `\`) {
		return strings.HasPrefix(name, prefix)
	}
	return name == strings.ReplaceAll(pattern, `\*`, "*")
}
