package localdata

import (
	"fmt"
	"maps"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// find returns what is known of a name: of itself, or of the nearest one that answers for
// all names below.
func (z *Records) find(text []byte) *name {
	if n := z.names[string(text)]; n != nil {
		return n
	}
	for ; len(text) > 1 && len(z.trees) > 0; text = dnsmsg.Parent(text) {
		if n := z.trees[string(text)]; n != nil {
			return n
		}
	}
	return nil
}

// chain returns the aliases from n on and the name that they lead to, nil for one
// that is not local.
func (z *Records) chain(n *name, kind dnsmsg.Type) (aliases []Record, last *name, err error) {
	for kind != dnsmsg.TypeCNAME {
		i := n.alias()
		if i < 0 {
			break
		}
		if len(aliases) >= dnsmsg.MaxChain {
			return nil, nil, ErrLoop
		}
		aliases = append(aliases, n.records[i])
		if n = z.find(n.records[i].Data); n == nil {
			break
		}
	}
	return aliases, n, nil
}

// CheckAliases returns an error that wraps [ErrLoop] if the aliases of a name lead back to
// themselves. A lookup of the name would end with it.
func (z *Records) CheckAliases() error {
	for _, entries := range [...]map[string]*name{z.names, z.trees} {
		for _, text := range slices.Sorted(maps.Keys(entries)) {
			if _, _, err := z.chain(entries[text], dnsmsg.TypeA); err != nil {
				return fmt.Errorf("%s: %w", dnsmsg.Text([]byte(text)), err)
			}
		}
	}
	return nil
}

// alias returns the index of the CNAME record, -1 for none.
func (n *name) alias() int {
	for i := range n.records {
		if n.records[i].Type == dnsmsg.TypeCNAME {
			return i
		}
	}
	return -1
}

// has reports whether there are records of a type.
func (n *name) has(kind dnsmsg.Type) bool {
	for i := range n.records {
		if n.records[i].Type == kind {
			return true
		}
	}
	return false
}
