package share

import (
	"hash/maphash"
	"net/netip"
)

// Class identifies who competes for a stock: see [Of].
type Class uint64

// addressClass marks the class of an IPv4 address, hashedClass that of an IPv6
// address. No interface has such a number.
const (
	addressClass = Class(1) << 32
	hashedClass  = Class(1) << 63
)

// seed makes the classes of IPv6 addresses unpredictable.
var seed = maphash.MakeSeed()

// Of returns the class of a client: the interface that it is behind or, if that is 0
// because it is not known, its address. An IPv6 address is hashed to 63 bits, with a
// secret seed.
func Of(iface uint32, addr netip.Addr) Class {
	switch addr = addr.Unmap(); {
	case iface != 0 || !addr.IsValid():
		return Class(iface)
	case addr.Is4():
		b := addr.As4()
		return addressClass | Class(b[0])<<24 | Class(b[1])<<16 | Class(b[2])<<8 | Class(b[3])
	}
	return hashedClass | Class(maphash.Comparable(seed, addr))
}
