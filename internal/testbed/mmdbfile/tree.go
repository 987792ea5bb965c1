package mmdbfile

import (
	"net/netip"
	"slices"
)

// node has two children: 0 for none, the number of a node, or -1-n for the record at n in the
// data section.
type node [2]int

// Make returns a file with addresses of IPv6, and those of IPv4 below ::/96. The names in
// networks are their prefixes, and the values their records, which are Maps; those that are
// equal are stored once. No network is in another one. Make panics if a prefix is none.
func Make(networks Map) []byte {
	tree, records := []node{{}}, map[string]int{}
	var data []byte
	for i := 0; i < len(networks); i += 2 {
		record := encode(networks[i+1])
		at, known := records[string(record)]
		if !known {
			at = len(data)
			records[string(record)] = at
			data = append(data, record...)
		}
		tree = insert(tree, netip.MustParsePrefix(networks[i].(string)), -1-at)
	}
	return slices.Concat(section(tree), make([]byte, 16), data, []byte("\xab\xcd\xefMaxMind.com"), encode(metadata(len(tree))))
}

// insert adds a leaf to the tree.
func insert(tree []node, p netip.Prefix, leaf int) []node {
	bits, addr := p.Bits(), p.Addr().As16()
	if p.Addr().Is4() {
		bits += 96
		addr = [16]byte{12: addr[12], addr[13], addr[14], addr[15]}
	}
	at := 0
	for b := range bits {
		side := addr[b/8] >> (7 - b%8) & 1
		if b == bits-1 {
			tree[at][side] = leaf
			break
		}
		if tree[at][side] == 0 {
			tree[at][side] = len(tree)
			tree = append(tree, node{})
		}
		at = tree[at][side]
	}
	return tree
}

// section returns the search tree as the file has it: records of 24 bits.
func section(tree []node) []byte {
	out := make([]byte, 0, 6*len(tree))
	for _, n := range tree {
		for _, child := range n {
			v := child
			switch {
			case child == 0:
				v = len(tree)
			case child < 0:
				v = len(tree) + 16 + (-1 - child)
			}
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	return out
}

func metadata(nodes int) Map {
	return Map{"node_count", uint32(nodes), "record_size", uint16(24), "ip_version", uint16(6), "database_type", "Test", "languages", []string{"en"},
		"binary_format_major_version", uint16(2), "binary_format_minor_version", uint16(0), "build_epoch", uint64(1700000000), "description", Map{"en", "test"}}
}
