package behaviour

// lately are the domains that a client has asked for lately, as hashes: pairs of places, of which
// the first has the later one. A client that asks for a hundred others meanwhile has forgotten one
// with a chance of 2 %.
type lately [1024]uint32

// pair returns the two places of a hash, and what is there for it.
func (l *lately) pair(hash uint64) (two []uint32, is uint32) {
	at := hash % uint64(len(l)/2) * 2
	return l[at : at+2], uint32(hash>>8) | 1
}

// add remembers a domain.
func (l *lately) add(hash uint64) {
	two, is := l.pair(hash)
	if two[0] != is {
		two[0], two[1] = is, two[0]
	}
}

// has reports whether a domain is remembered.
func (l *lately) has(hash uint64) bool {
	two, is := l.pair(hash)
	return two[0] == is || two[1] == is
}
