package topology

import (
	"slices"
	"strings"
)

// Node is a qube in the forest of a [Map].
type Node struct {
	*Qube
	Children []*Node // the qubes that have it as netvm, by name
	depth    int     // 0 for a qube whose netvm is the host
}

// Forest returns the qubes that are attached to the host, each with what is behind it. A
// netvm that is not in the Map counts as the host. Qubes that are each other's netvm, which
// no dom0 says, hang at the host, too, so that none is missing.
func (m *Map) Forest() []*Node {
	nodes := map[string]*Node{}
	order := make([]*Node, 0, len(m.Qubes))
	for i := range m.Qubes {
		q := &m.Qubes[i]
		if _, twice := nodes[q.Name]; twice || q.Name == m.Host {
			continue
		}
		n := &Node{Qube: q}
		nodes[q.Name] = n
		order = append(order, n)
	}
	slices.SortFunc(order, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	var roots []*Node
	for _, n := range order {
		if parent := nodes[n.Netvm]; parent != nil && !isBehind(nodes, parent, n) {
			parent.Children = append(parent.Children, n)
		} else {
			roots = append(roots, n)
		}
	}
	deepen(roots, 0)
	return roots
}

// isBehind reports whether the chain of netvms of a leads to b, or runs in a circle whose
// first qube by name is b.
func isBehind(nodes map[string]*Node, a, b *Node) bool {
	for range nodes {
		if a == b {
			return true
		}
		next := nodes[a.Netvm]
		if next == nil {
			return false
		}
		a = next
	}
	return false
}

func deepen(nodes []*Node, depth int) {
	for _, n := range nodes {
		n.depth = depth
		deepen(n.Children, depth+1)
	}
}

// walk calls do with each node, the netvm before its clients.
func walk(nodes []*Node, do func(*Node)) {
	for _, n := range nodes {
		do(n)
		walk(n.Children, do)
	}
}
