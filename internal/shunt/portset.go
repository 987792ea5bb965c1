package shunt

// portSet is a set of ports, a bit each.
type portSet [1 << 16 / 64]uint64

// newPortSet returns the set of the given ports.
func newPortSet(ports []uint16) (s portSet) {
	for _, p := range ports {
		s[p/64] |= 1 << (p % 64)
	}
	return s
}

// has reports whether a port is in the set.
func (s *portSet) has(p uint16) bool { return s[p/64]>>(p%64)&1 != 0 }
