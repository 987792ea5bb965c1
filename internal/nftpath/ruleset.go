package nftpath

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Ruleset is the part of a ruleset that decides about packets to this machine.
type Ruleset struct {
	chains map[string]*chain // by "family table name"
	bases  []*chain          // with a hook, in the order in which packets pass those of one hook
	sets   map[string]set    // by "family table name"
}

// chain is a chain with its rules.
type chain struct {
	Family, Table, Name string
	Type, Hook, Policy  string
	Prio                int
	Dev                 json.RawMessage
	rules               []rule
}

// rule is a list of statements, which end where one does not match.
type rule struct {
	Family, Table, Chain, Comment string
	Handle                        int
	Expr                          []json.RawMessage
}

// set is a named set or map.
type set struct {
	Family, Table, Name string
	Elem                []json.RawMessage
	terse               bool // its elements were not listed
}

// String returns the chain as the nft command names it.
func (c *chain) String() string { return c.Family + " " + c.Table + " " + c.Name }

// Parse reads the output of `nft -j list ruleset`, with or without --terse.
func Parse(data []byte) (*Ruleset, error) {
	var doc struct {
		Nftables []map[string]json.RawMessage `json:"nftables"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("parsing the output of nft: %w", err)
	}
	rs := &Ruleset{chains: map[string]*chain{}, sets: map[string]set{}}
	for _, object := range doc.Nftables {
		for kind, value := range object {
			if err := rs.add(kind, value); err != nil {
				return nil, fmt.Errorf("parsing a %s in the output of nft: %w", kind, err)
			}
		}
	}
	slices.SortStableFunc(rs.bases, func(a, b *chain) int { return cmp.Compare(a.Prio, b.Prio) })
	return rs, nil
}

func (rs *Ruleset) add(kind string, value json.RawMessage) error {
	switch kind {
	case "chain":
		c := new(chain)
		if err := json.Unmarshal(value, c); err != nil {
			return err
		}
		rs.chains[c.String()] = c
		if c.Hook != "" {
			rs.bases = append(rs.bases, c)
		}
	case "set", "map":
		var s set
		if err := json.Unmarshal(value, &s); err != nil {
			return err
		}
		s.terse = s.Elem == nil
		rs.sets[s.Family+" "+s.Table+" "+s.Name] = s
	case "rule":
		var r rule
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		if c := rs.chains[r.Family+" "+r.Table+" "+r.Chain]; c != nil {
			c.rules = append(c.rules, r)
		}
	}
	return nil
}

// SetElements replaces the elements of a set, which --terse leaves out.
func (rs *Ruleset) SetElements(family, table, name string, elements []json.RawMessage) {
	rs.sets[family+" "+table+" "+name] = set{Family: family, Table: table, Name: name, Elem: elements}
}
