package inventory

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// filterBits is the size of a filter. With 100 qubes, one in 20 addresses of no qube
// is looked up all the same.
const filterBits = 4096

// A filter says of most addresses that they are no qube's, in a few nanoseconds: most packets
// have one such address. It is immutable; a nil one says it of all.
type filter [filterBits / 64]uint64

// filterOf returns the filter of the keys of a table.
func filterOf(t table[netip.Addr]) *filter {
	f := new(filter)
	for addr := range t.lines {
		word, bit := bitOf(addr)
		f[word] |= bit
	}
	return f
}

// may reports whether an address may be one of the keys.
func (f *filter) may(addr netip.Addr) bool {
	if f == nil {
		return false
	}
	word, bit := bitOf(addr)
	return f[word]&bit != 0
}

// bitOf returns the bit of an address.
func bitOf(addr netip.Addr) (word int, bit uint64) {
	var a, b uint64
	if addr.Is4() {
		v4 := addr.As4()
		b = uint64(binary.LittleEndian.Uint32(v4[:]))
	} else {
		v6 := addr.As16()
		a, b = binary.LittleEndian.Uint64(v6[:]), binary.LittleEndian.Uint64(v6[8:])
	}
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	h := (high ^ low) % filterBits
	return int(h / 64), 1 << (h % 64)
}
