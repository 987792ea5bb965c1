package names

import (
	"net/netip"
	"slices"
	"strings"
)

// What lookups of addresses are excused within a window, so that no one sends data in their form: some
// thousand names of hosts, fewer in a list, and few answers that carry data.
const (
	listUp                 = 24_000 // characters: 2,000 IPv4 addresses, 750 IPv6 addresses
	reverseUp              = 4 * listUp
	heavyLeast, heavyBytes = 8, 200
)

// lookup reports whether a name has the form of one that is made of an address.
func (q *Query) lookup() bool { return q.reverse() && !q.longLabel() || q.ofAddress() }

// looksUp counts a query that is a [Query.lookup], or a response to it, and reports whether it is
// excused.
func (w *Window) looksUp(q *Query) bool {
	if q.reverse() {
		return common(q.Type) && (q.ofIPv4() || w.looked(q) < reverseUp)
	}
	if q.Response && q.Bytes >= heavyBytes && !q.NXDomain && !q.listAnswer() {
		w.heavy = min(w.heavy, 254) + 1
	}
	return w.heavy < heavyLeast && (common(q.Type) || q.Type == typeTXT) && w.looked(q) < listUp
}

// typeTXT is the type of texts, in which a list says why an address is in it.
const typeTXT = 16

// looked counts the characters of a query that is a lookup, once for several types, and returns how many
// there were.
func (w *Window) looked(q *Query) uint32 {
	if h := uint32(hash(q.Name, q.Seed)); !q.Response && h != w.last {
		w.last = h
		w.lookups = min(w.lookups, 1<<30) + uint32(characters(q.Sub()))
	}
	return w.lookups
}

// listAnswer reports whether a response has only addresses as lists of addresses answer them: of 127.0.0.0/8.
func (q *Query) listAnswer() bool {
	return len(q.Addrs) > 0 && !slices.ContainsFunc(q.Addrs, func(a netip.Addr) bool { return !a.Is4() || !a.IsLoopback() })
}

// ofIPv4 reports whether a name is that of an IPv4 address or network, of which all are asked for at times.
func (q *Query) ofIPv4() bool {
	sub, ok := strings.CutSuffix(q.Name, ".in-addr.arpa")
	if !ok || strings.Count(sub, ".") > 3 {
		return false
	}
	for label := range strings.SplitSeq(sub, ".") {
		if !octet(label) {
			return false
		}
	}
	return true
}

// reverse reports whether a name is below the domains in which hosts are named by address.
func (q *Query) reverse() bool {
	return strings.HasSuffix(q.Name, reverseEnd) && !strings.HasSuffix(q.Name, homeEnd)
}

// reverseEnd is the end of names of addresses, and longReverse the size of a label that carries something else:
// that of a number, of a network (RFC 2317) or of a service is shorter.
const reverseEnd, longReverse = ".arpa", 24

// longLabel reports whether a label of a name has a size that no part of an address has.
func (q *Query) longLabel() bool {
	for label := range strings.SplitSeq(q.Name, ".") {
		if len(label) >= longReverse {
			return true
		}
	}
	return false
}

// ofAddress reports whether the name is that of an address in a list of addresses (RFC 5782 sections 2.1
// and 2.4): its numbers, and what the list is called.
func (q *Query) ofAddress() bool {
	sub := q.Sub()
	return listed(sub, 4, octet) || listed(sub, 32, nibble)
}

// listed reports whether the part of a name below its domain is a number of labels that are each what it
// is to be, and what a list is called.
func listed(sub string, n int, is func(string) bool) bool {
	for range n {
		label, after, _ := strings.Cut(sub, ".")
		if !is(label) {
			return false
		}
		sub = after
	}
	return len(sub) <= maxListName && strings.Trim(sub, "abcdefghijklmnopqrstuvwxyz.-") == ""
}

// nibble reports whether a label is a hexadecimal digit.
func nibble(label string) bool {
	return len(label) == 1 && (label[0] >= '0' && label[0] <= '9' || label[0] >= 'a' && label[0] <= 'f')
}

// octet reports whether a label is a number up to 255 as addresses spell it.
func octet(label string) bool {
	n := 0
	for i := range len(label) {
		if label[i] < '0' || label[i] > '9' || i > 2 || i > 0 && n == 0 {
			return false
		}
		n = 10*n + int(label[i]-'0')
	}
	return label != "" && n <= 255
}

// maxListName bounds what a list is called besides its domain, in characters.
const maxListName = 16
