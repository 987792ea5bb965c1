package netmap

import (
	"slices"
	"strings"
	"time"
)

// State is what verification says about a qube, the worst first.
type State string

// The states. Each has a sign, so that no one has to tell colours apart.
const (
	Failed  State = "fail"
	Unknown State = "unknown"
	Passed  State = "pass"
	None    State = "" // nothing is expected, or it is not attached
)

// Sign returns the sign of the state.
func (s State) Sign() string {
	switch s {
	case Failed:
		return "✗"
	case Unknown:
		return "?"
	case Passed:
		return "✓"
	}
	return "·"
}

// Qube is a qube of the map.
type Qube struct {
	Name  string `json:"name"`
	Label string `json:"label,omitempty"`
	IP    string `json:"ip,omitempty"`
	NetVM string `json:"netvm,omitempty"`
	Vif   string `json:"vif,omitempty"`
	// Running reports whether the qube runs, as far as that is known.
	Running bool `json:"running"`
	// Exit is clear, vpn, tor or anon; "" if nothing is expected.
	Exit string `json:"exit,omitempty"`
	// Endpoint is where its tunnel leads, "" if there is none.
	Endpoint string `json:"endpoint,omitempty"`
	// Seen reports whether packets have gone there lately.
	Seen bool `json:"seen"`
	// External is the address under which the outside sees it, "" if it is not known; How
	// and At say how that is known.
	External string    `json:"external,omitempty"`
	How      string    `json:"how,omitempty"`
	At       time.Time `json:"at,omitzero"`
	State    State     `json:"state,omitempty"`
	Why      string    `json:"why,omitempty"`
}

// Map is the qubes behind one, and the chain above it.
type Map struct {
	Root string `json:"root"`
	// Above are the netvms between the outside and the root, the outermost first.
	Above []string  `json:"above,omitempty"`
	At    time.Time `json:"at"`
	Qubes []Qube    `json:"qubes"`
}

// node is a qube in the forest.
type node struct {
	*Qube
	children []*node
	depth    int // 1 for those that are attached to the root
}

// maxDepth bounds the chain of netvms; dom0 allows no cycles.
const maxDepth = 32

// forest returns the qubes as trees, in the order of their names. A qube whose netvm is not
// in the map, or is in a cycle, hangs at the root.
func (m *Map) forest() (roots []*node) {
	byName := map[string]*node{}
	list := make([]*node, 0, len(m.Qubes))
	for i := range m.Qubes {
		n := &node{Qube: &m.Qubes[i]}
		list = append(list, n)
		byName[n.Name] = n
	}
	slices.SortFunc(list, func(a, b *node) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range list {
		if parent := byName[n.NetVM]; parent != nil && !loops(n, byName) {
			parent.children = append(parent.children, n)
		} else {
			roots = append(roots, n)
		}
	}
	for _, n := range roots {
		n.setDepth(1)
	}
	return roots
}

// loops reports whether the chain of netvms of a qube comes back to it, or is too long.
func loops(n *node, byName map[string]*node) bool {
	at := byName[n.NetVM]
	for range maxDepth {
		if at == nil {
			return false
		}
		if at == n {
			return true
		}
		at = byName[at.NetVM]
	}
	return true
}

func (n *node) setDepth(d int) {
	n.depth = d
	for _, c := range n.children {
		c.setDepth(d + 1)
	}
}

// walk calls f with each qube of the forest, parents first.
func walk(list []*node, f func(*node)) {
	for _, n := range list {
		f(n)
		walk(n.children, f)
	}
}

// exitOf returns the name of the exit that a qube has, "" if none is known: clear, an
// endpoint, or Tor. Qubes behind another one use its exit.
func (n *node) exitOf() string {
	switch {
	case n.depth > 1 || n.Exit == "" || n.Exit == "anon":
		return ""
	case n.Exit == "vpn" && n.Endpoint != "":
		return n.Endpoint
	case n.Exit == "vpn":
		return "VPN"
	case n.Exit == "tor":
		return "Tor"
	}
	return n.Exit
}
