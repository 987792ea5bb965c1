package nftrules

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/nftpath"
)

// State is the part of a ruleset that concerns us.
type State struct {
	chains map[string]bool // "family table chain"
	rules  []rule
	sets   map[string][]json.RawMessage // "family table set"; nil elements if they were not read
	tables map[string]bool              // "family table"
	counts map[string]uint64            // named counters: "family table counter"
	used   map[string]bool              // chains of qvm-firewall that a rule leads to, as in chains

	path     *nftpath.Ruleset
	ruleText func(p nftpath.Place) string // in nft's notation, "" if it is not known; may be nil
}

// rule is a rule of our table or of the table qubes.
type rule struct {
	Family, Table, Chain, Comment string
	Handle                        int
	Expr                          []json.RawMessage
}

// statement returns the value of the statement with that name, nil if expr is another
// one. Some statements are printed as a string and not as an object.
func statement(expr json.RawMessage, name string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(expr, &object) != nil {
		return nil
	}
	return object[name]
}

// leadsTo reports whether the rule jumps or goes to that chain.
func (r *rule) leadsTo(chain string) bool { return slices.Contains(r.targets(), chain) }

// targets returns the chains that the rule jumps or goes to.
func (r *rule) targets() (list []string) {
	for _, e := range r.Expr {
		for _, verdict := range []string{"jump", "goto"} {
			var v struct{ Target string }
			if raw := statement(e, verdict); raw != nil && json.Unmarshal(raw, &v) == nil {
				list = append(list, v.Target)
			}
		}
	}
	return list
}

// ParseState reads the output of `nft -j list ruleset`, with what it takes to follow the
// clients' packets.
func ParseState(data []byte) (*State, error) {
	s, err := parseState(data)
	if err != nil {
		return nil, err
	}
	if s.path, err = nftpath.Parse(data); err != nil {
		return nil, err
	}
	return s, nil
}

// parseState is ParseState for who follows no packets: what is not understood of the
// rules of others is no error.
func parseState(data []byte) (*State, error) {
	var doc struct {
		Nftables []map[string]json.RawMessage `json:"nftables"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("parsing the output of nft: %w", err)
	}
	s := &State{
		chains: map[string]bool{},
		sets:   map[string][]json.RawMessage{},
		tables: map[string]bool{},
		counts: map[string]uint64{},
		used:   map[string]bool{},
	}
	for _, object := range doc.Nftables {
		for kind, value := range object {
			if err := s.add(kind, value); err != nil {
				return nil, fmt.Errorf("parsing a %s in the output of nft: %w", kind, err)
			}
		}
	}
	return s, nil
}

// add takes one object of the list.
func (s *State) add(kind string, value json.RawMessage) error {
	switch kind {
	case "rule":
		return s.addRule(value)
	case "chain", "set", "table", "counter":
		return s.addObject(kind, value)
	}
	return nil
}

func (s *State) addRule(value json.RawMessage) error {
	var r rule
	if err := json.Unmarshal(value, &r); err != nil {
		return err
	}
	switch r.Table {
	case Table, SinkTable, "qubes":
		s.rules = append(s.rules, r)
	case "qubes-firewall":
		for _, target := range r.targets() {
			s.used[r.Family+" "+r.Table+" "+target] = true
		}
	}
	return nil
}

func (s *State) addObject(kind string, value json.RawMessage) error {
	var o struct {
		Family, Table, Name string
		Packets             uint64
		Elem                []json.RawMessage
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

// isQubes reports whether this is a netvm of R4.2 or later, which has the chains that
// Qubes leaves to its users.
func (s *State) isQubes() bool { return s.chains["ip qubes custom-input"] }

// rulesOf returns the rules of our table, or of the chain of that name in ip qubes.
func (s *State) rulesOf(name string) (list []rule) {
	for _, r := range s.rules {
		isOurTable := isTable(name) && r.Family == "inet" && r.Table == name
		if isOurTable || r.Family == "ip" && r.Table == "qubes" && r.Chain == name {
			list = append(list, r)
		}
	}
	return list
}

// exists reports whether our table, or a chain of that name, exists.
func (s *State) exists(name string) bool {
	if isTable(name) {
		return s.tables["inet "+name]
	}
	return s.chains["ip qubes "+name]
}

// isInstalled reports whether the rules of the set are there, complete and with nothing
// added.
func (s *State) isInstalled(set *ruleSet) bool {
	var got []string
	for _, r := range s.rulesOf(set.name) {
		got = append(got, r.Comment)
	}
	want := set.comments()
	slices.Sort(got) // nft lists the rules of a table chain by chain
	slices.Sort(want)
	return slices.Equal(got, want)
}

// jumps returns the handles of the rules in custom-input that only jump to our chain.
func (s *State) jumps() (handles []int) {
	for _, r := range s.rules {
		if r.isOurJump() {
			handles = append(handles, r.Handle)
		}
	}
	return handles
}

// jumpIsFirst reports whether the first rule of custom-input jumps to our chain. A rule
// before it may drop what ours accepts.
func (s *State) jumpIsFirst() bool {
	first := s.rulesOf("custom-input")
	return len(first) > 0 && first[0].isOurJump()
}

func (r *rule) isOurJump() bool {
	return r.Family == "ip" && r.Table == "qubes" && r.Chain == "custom-input" &&
		len(r.Expr) == 1 && r.leadsTo(InputChain)
}

// isUsed reports whether a rule of the user leads to a chain of ours, which then cannot
// be deleted.
func (s *State) isUsed(chain string) bool {
	for _, r := range s.rules {
		if r.leadsTo(chain) && !r.isOurJump() {
			return true
		}
	}
	return false
}

// Client is an address that Qubes accepts on a vif.
type Client struct {
	Vif  string
	Addr netip.Addr
}

// Clients returns the elements of the sets `allowed`: which vif may use which address
// (qubes-core-agent-linux, network/vif-route-qubes). Only [ReadWithClients] reads them.
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

// count returns the number of packets that the rules of a chain have counted.
func (s *State) count(chain string) (n uint64) {
	for _, r := range s.rulesOf(chain) {
		for _, e := range r.Expr {
			var c struct{ Packets uint64 }
			if raw := statement(e, "counter"); raw != nil && json.Unmarshal(raw, &c) == nil {
				n += c.Packets
			}
		}
	}
	return n
}
