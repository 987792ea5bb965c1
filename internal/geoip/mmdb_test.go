package geoip_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// field is one field of a map of a MaxMind DB: a text, a number, a list of texts or a map.
type field struct {
	name  string
	value any
}

// encode returns a value as the MaxMind DB format 2.0 has it. Texts are shorter than
// 285 bytes.
func encode(v any) []byte {
	switch v := v.(type) {
	case string:
		if len(v) >= 29 {
			return append([]byte{2<<5 | 29, byte(len(v) - 29)}, v...)
		}
		return append([]byte{2<<5 | byte(len(v))}, v...)
	case uint16:
		return binary.BigEndian.AppendUint16([]byte{5<<5 | 2}, v)
	case uint32:
		return binary.BigEndian.AppendUint32([]byte{6<<5 | 4}, v)
	case uint64:
		return binary.BigEndian.AppendUint64([]byte{8, 2}, v)
	case []string:
		out := []byte{byte(len(v)), 4}
		for _, s := range v {
			out = append(out, encode(s)...)
		}
		return out
	case []field:
		out := []byte{7<<5 | byte(len(v))}
		for _, f := range v {
			out = append(append(out, encode(f.name)...), encode(f.value)...)
		}
		return out
	}
	panic("mmdb: a type that is not needed")
}

// network is a network with its record.
type network struct {
	prefix string
	record []field
}

// mmdb returns a MaxMind DB with records of 24 bits and addresses of IPv6.
func mmdb(networks ...network) []byte {
	type node [2]int // children, 0 for none, and -1-i for the i-th network
	tree := []node{{}}
	var data []byte
	offsets := make([]int, len(networks))
	for i, n := range networks {
		offsets[i] = len(data)
		data = append(data, encode(n.record)...)
		p := netip.MustParsePrefix(n.prefix)
		bits, addr := p.Bits(), p.Addr().As16()
		if p.Addr().Is4() { // below ::/96
			bits += 96
			addr = [16]byte{12: addr[12], addr[13], addr[14], addr[15]}
		}
		at := 0
		for b := range bits {
			side := addr[b/8] >> (7 - b%8) & 1
			if b == bits-1 {
				tree[at][side] = -1 - i
				break
			}
			if tree[at][side] == 0 {
				tree[at][side] = len(tree)
				tree = append(tree, node{})
			}
			at = tree[at][side]
		}
	}
	var out []byte
	for _, n := range tree {
		for _, child := range n {
			v := child
			switch {
			case child == 0:
				v = len(tree)
			case child < 0:
				v = len(tree) + 16 + offsets[-1-child]
			}
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	meta := encode([]field{{"node_count", uint32(len(tree))}, {"record_size", uint16(24)}, {"ip_version", uint16(6)}, {"database_type", "Test"}, {"languages", []string{"en"}},
		{"binary_format_major_version", uint16(2)}, {"binary_format_minor_version", uint16(0)}, {"build_epoch", uint64(1700000000)}, {"description", []field{{"en", "test"}}}})
	return slices.Concat(out, make([]byte, 16), data, []byte("\xab\xcd\xefMaxMind.com"), meta)
}
