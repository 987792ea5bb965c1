package htmlreport

import (
	"cmp"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// Tree is a qube with those that it provides with network.
type Tree struct {
	Cell     Cell
	Out, In  string // "" if no event is about the qube itself
	For      *Cell  // qubes behind it whose traffic is its own here, nil for none
	Children []*Tree
}

// maxDepth bounds the tree; the chain of netvms of a machine is not as long.
const maxDepth = 16

// forest arranges qubes by their netvm. A netvm that no event is about is there by its
// name alone.
func (b *builder) forest() (roots []*Tree) {
	nodes, parent := map[string]*Tree{}, map[string]string{}
	var names []string
	add := func(name string) *Tree {
		if nodes[name] == nil {
			nodes[name] = &Tree{Cell: text(name)}
			names = append(names, name)
		}
		return nodes[name]
	}
	for _, q := range b.all[:b.treeSize()] {
		if q.Name == "" || q.Others {
			continue
		}
		key := treeKey(b, q, q.Name)
		if n := add(key); n.Out == "" {
			n.Cell, n.Out, n.In = b.qube(q), report.Size(q.Out), report.Size(q.In)
			if len(q.Clients) > 0 {
				behind := text(strings.Join(q.Clients, ", "))
				n.For = &behind
			}
		}
		if q.NetVM != "" && parent[key] == "" {
			up := treeKey(b, q, q.NetVM)
			add(up)
			parent[key] = up
		}
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range names {
		if up := parent[name]; up != "" && depth(parent, name) < maxDepth {
			nodes[up].Children = append(nodes[up].Children, nodes[name])
		} else {
			roots = append(roots, nodes[name])
		}
	}
	return roots
}

// treeSize bounds the qubes of the tree.
func (b *builder) treeSize() int {
	if b.top < 0 {
		return len(b.all)
	}
	return min(len(b.all), 8*b.top)
}

// treeKey is the name of a qube, with its machine if there are several.
func treeKey(b *builder, q *analysis.Qube, name string) string {
	if b.manyHosts {
		return name + " @ " + q.Host
	}
	return name
}

// depth returns how long the chain of a qube is, and maxDepth if it has no end: events say
// of two times that each of two qubes was behind the other.
func depth(parent map[string]string, name string) (n int) {
	for n < maxDepth && parent[name] != "" {
		name = parent[name]
		n++
	}
	return n
}
