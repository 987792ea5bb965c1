package blocklist

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"regexp"

	"github.com/qubesbeat/qubesbeat/internal/addrscope"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Source is the number of a list, or of a part of one, in a table. It is less than
// MaxSources.
type Source uint16

// MaxSources is the number of sources that a table can distinguish.
const MaxSources = 256

// Set is a set of sources.
type Set [MaxSources / 64]uint64

// Add adds a source to the set.
func (s *Set) Add(n Source) { s[n/64] |= 1 << (n % 64) }

// Has reports whether a source is in the set.
func (s *Set) Has(n Source) bool { return s[n/64]>>(n%64)&1 != 0 }

// Empty reports whether the set is empty.
func (s *Set) Empty() bool { return *s == Set{} }

// Table holds the rules of all sources. It is immutable and safe for concurrent
// use. A lookup allocates only if an expression, address or network matches.
type Table struct {
	seed maphash.Seed
	// hashes are in ascending order, with gaps of 0. An entry is at the place in
	// proportion to its hash or shortly after it, so that a search looks at two or
	// three neighbours.
	hashes []uint64
	tags   []uint16   // for each hash, an index of sets
	sets   [][]member // the different sets of members
	exprs  []expression
	addrs  map[netip.Addr][]member
	nets   []network
	rules  int
}

// member is a source that has a rule, and the kind of the rule.
type member struct {
	source Source
	kind   Kind
}

// expression is a rule with a regular expression.
type expression struct {
	member
	re *regexp.Regexp
}

// network is a rule for a network of more than one address.
type network struct {
	member
	net netip.Prefix
}

// Hit is the rule that matches a name or an address.
type Hit struct {
	Source Source
	Kind   Kind
	At     int    // offset in the name at which the rule's name begins
	Text   string // of an expression, address or network
}

// Rule returns the rule as lists spell it. name is the name that was looked up.
func (h *Hit) Rule(name []byte) string {
	switch h.Kind {
	case Exact:
		return dnsmsg.Text(name[h.At:])
	case Tree:
		return "*." + dnsmsg.Text(name[h.At:])
	}
	return h.Text
}

// Len returns the number of rules.
func (t *Table) Len() int { return t.rules }

// Size returns the memory of the names in bytes.
func (t *Table) Size() int { return 8*len(t.hashes) + 2*len(t.tags) }

// Name finds the most specific rule of the sources in from that matches a name in
// wire form and lower case. Regular expressions come last. A nil Table has no
// rules.
func (t *Table) Name(name []byte, from *Set) (h Hit, ok bool) {
	if t == nil {
		return Hit{}, false
	}
	for off := 0; off < len(name)-1; off += 1 + int(name[off]) {
		i, found := t.find(maphash.Bytes(t.seed, name[off:]))
		if !found {
			continue
		}
		for _, m := range t.sets[t.tags[i]] {
			if from.Has(m.source) && (m.kind == Tree || off == 0) {
				return Hit{Source: m.source, Kind: m.kind, At: off}, true
			}
		}
	}
	if len(t.exprs) == 0 {
		return Hit{}, false
	}
	return t.expression(name, from)
}

// find returns the index of a hash.
func (t *Table) find(hash uint64) (i int, ok bool) {
	if len(t.hashes) == 0 {
		return 0, false
	}
	hash = max(hash, 1)
	for i = home(hash, len(t.hashes)); i < len(t.hashes) && t.hashes[i] < hash && t.hashes[i] != 0; i++ {
	}
	return i, i < len(t.hashes) && t.hashes[i] == hash
}

// home returns the place of an entry in a table of the given size: in proportion
// to its hash.
func home(hash uint64, size int) int {
	hi, _ := bits.Mul64(hash, uint64(size)-slack(size))
	return int(hi)
}

// slack returns the room at the end for entries that are displaced.
func slack(size int) uint64 { return min(64, uint64(size)/2) }

// expression finds the first expression that matches a name.
func (t *Table) expression(name []byte, from *Set) (Hit, bool) {
	var buf [4 * dnsmsg.MaxName]byte
	text := dnsmsg.AppendText(buf[:0], name)
	for i := range t.exprs {
		if e := &t.exprs[i]; from.Has(e.source) && e.re.Match(text) {
			return Hit{Source: e.source, Kind: Regexp, Text: "/" + e.re.String() + "/"}, true
		}
	}
	return Hit{}, false
}

// HasNets reports whether any source has rules for addresses.
func (t *Table) HasNets() bool { return t != nil && len(t.addrs)+len(t.nets) > 0 }

// Addr finds the rule of the sources in from that matches an address, a single
// address before networks. An IPv4-mapped IPv6 address counts as the IPv4 address,
// and one that leads to an IPv4 address, as that of NAT64 does, counts as both.
func (t *Table) Addr(a netip.Addr, from *Set) (h Hit, ok bool) {
	if !t.HasNets() {
		return Hit{}, false
	}
	a = a.Unmap()
	if h, ok = t.addr(a, from); ok {
		return h, true
	}
	list, n := addrscope.Inside(a)
	for _, v4 := range list[:n] {
		if h, ok = t.addr(v4, from); ok {
			return h, true
		}
	}
	return Hit{}, false
}

func (t *Table) addr(a netip.Addr, from *Set) (h Hit, ok bool) {
	for _, m := range t.addrs[a] {
		if from.Has(m.source) {
			return Hit{Source: m.source, Kind: Net, Text: a.String()}, true
		}
	}
	for i := range t.nets {
		if n := &t.nets[i]; from.Has(n.source) && n.net.Contains(a) {
			return Hit{Source: n.source, Kind: Net, Text: n.net.String()}, true
		}
	}
	return Hit{}, false
}
